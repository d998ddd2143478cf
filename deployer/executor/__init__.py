"""
The transaction engine: carries out a plan with a writer under lock and journal, undoes it, and recovers what stopped.

`apply.apply` and `recover.recover` are the ways in; `transaction.Run` holds everything they need from outside. Nothing
here knows HTTP, files or the clock: they come in as the ports of `core.ports`. The protocol is transactions.md.

    transaction  what a run is given, and its state while it works
    ledger       where the store keeps records, events, numbers and journals: the layout     serial  one call at a time
    lease        one lock record per target: acquire, renew, fence, release, and the swap that commits
    journal      intents before sends, outcomes after them
    images       what a rule looks like, as one digest; what is stale
    touched      one rule of a run: what it was, what we made of it, what may still arrive
    jobs         one write: read, check, journal, send, judge           flips   many rules switched in one request
    waves        many jobs at once, and what to do about answers that did not come
    needs        one list, item or value list of a run: what it was, what to send      common  the lock of one Kibana
    lists        lists before rules, items that go after them             lists_undo  the way back of lists
    stages       the writes of an apply, in order                       undo    the way back
    verify       everything read again                                  commit  the record and the pivot
    apply        the order of it all                                    ending  how a run ends that does not commit
    recover      the same for a run that stopped                        interrupt  what a signal does
"""
