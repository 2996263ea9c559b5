"""What the control plane and a hypervisor host say to each other, as plain typed data.

Nothing here has behaviour and nothing here imports another part of Unkai: both
sides, possibly of different releases, must be able to read it.
"""
