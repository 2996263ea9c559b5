"""Hosts without a hypervisor: thousands in one process, for scale, for tests and for a cloud in a second."""
