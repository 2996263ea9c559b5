"""Durable workflows: every long operation is a row that outlives the process working on it.

A *flow* is a kind, a subject, an input and a cursor over *steps*; a step has a
`do` and an `undo`. A flow that fails, is cancelled or passes its deadline undoes
its steps in reverse. Whoever works on a flow holds a lease with a *generation*
(fencing token): each write presents it, a stale one is refused. Steps that need a
hypervisor host become host steps, which the host leases in the same manner.

Modules: `model` (types a room declares its flows with), `store` (the rows),
`hosts` (the host's side of host steps), `engine` (drives flows), `service`
(start, cancel, history: what rooms call).
"""
