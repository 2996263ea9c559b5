"""The scheduler: which host a server goes to, and why.

`decide` is the pure part (placement's index, filters, weighers), `service` claims and remembers, `explain` is the
document behind each decision.
"""
