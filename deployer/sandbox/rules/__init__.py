"""The rules of the Detection Engine: one module per group of operations, over `fields` and `shape`."""
