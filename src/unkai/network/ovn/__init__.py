"""OVN's north-bound database, as this room wants it to be.

`model` is what there can be, as plain data. `facts` loads rows, and `switches`, `dhcp`, `ports`, `acls` and `routers`
turn them into that model: pure functions, one idea per file. `north` is the contract of whoever keeps the model:
`memory` (tests, simulated clouds) and `database` (a real OVN, by `rows`, `writing` and `reading`).
"""
