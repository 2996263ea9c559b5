"""The image room: disk images behind Glance's v2 API."""
