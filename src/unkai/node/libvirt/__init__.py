"""The libvirt driver, split by idea. `domain_xml` and what it calls are pure functions; `connection` talks to libvirt.

libvirt's binding is imported where it is first needed: documentation and simulated clouds do without it.
"""
