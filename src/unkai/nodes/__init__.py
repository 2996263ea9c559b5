"""Where hosts call in: registration, work, results, reports (the control plane's side of the node channel)."""
