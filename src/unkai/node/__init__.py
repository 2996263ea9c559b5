"""What runs on a hypervisor host: the agent that calls in for work, and the drivers that do it.

It imports `contracts` and the leaf modules of the kernel only: a host holds no database, no policy and no
credential of the cloud.
"""
