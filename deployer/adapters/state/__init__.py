"""
Where locks, journals, records, events and documents are kept: a folder, a git branch, or a bucket.

`opening.open_store` is the way in. The backends behave alike (one contract, `tests/adapters/state/test_contract.py`).
"""
