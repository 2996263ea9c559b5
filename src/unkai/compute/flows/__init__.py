"""Durable operations on instances, a file per kind."""
