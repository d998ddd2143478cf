"""
The transaction engine: carries out a plan under lock and journal, verifies, commits, or undoes what it did.

    ledger    names and shapes in the store: lock record, records, events, documents
    lease     who may write: acquire, renew, fence, release
    journal   write-ahead intents and their outcomes
    steps     a plan as the writes it needs, in the order of transactions.md 5.2
    sending   one write: intent, send, outcome; unknown outcomes are resolved by reading
    undo      back to the before-images, only where live is still ours
    apply     the stages          recover   what an interrupted apply left

It sees Kibana and the store only as the Protocols of `core.ports`.
"""
