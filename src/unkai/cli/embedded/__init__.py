"""The parts of the embedded cloud that are not Unkai's own processes: OVN, libvirt, the machine's end of the
external network, and the probe that finds out what kind of guest the machine can run.

Each module offers `start`, `stop` and `status`; `unkai up` strings them together.
"""
