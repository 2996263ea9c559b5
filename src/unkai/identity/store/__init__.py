"""Every table and SQL statement of the identity room.

Rows that belong to a domain, a project or a user are read through a `Scope`: one
domain, one project, or the whole system. Policy decides which scope a caller gets;
what a verb leaves out of its scope, no handler can show by mistake. Roles, regions,
services, endpoints and limits' registrations belong to the cloud: their verbs take none.

A domain is a project that is its own root (`is_domain`), as upstream stores it. The
column `domain_id` is "" for domains and for global roles, because databases do not
hold two NULLs to be the same name in the same place.
"""
