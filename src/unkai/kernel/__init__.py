"""What every room stands on: web, settings, store, flow, wake, policy, quota, context, errors, log, metrics.

The kernel knows no room. `children`, `clock`, `errors`, `ids`, `log` and
`settings` are leaf modules that a hypervisor host uses as well.
"""
