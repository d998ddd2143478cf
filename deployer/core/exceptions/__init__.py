"""
Exception lists and their items as values.

    form      one canonical form for lists and items, whoever wrote them; what is sent
    simple    our simpler way to write a list, in the words of the other one
    reading   one file of exceptions/ with its lists, items and Problems
    expiry    items whose time is over, or soon will be
    diff      one list, three sides: what is created, changed and deleted, what analysts did
"""
