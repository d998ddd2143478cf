"""
Detection quality: what is legal in a rule and still unwise, judged by small functions that a project can switch.

    check      what a check is, and what it may look at      policy     levels and options, per rule
    attack, naming, queries, schedule, triage, upkeep        the checks, by theme
    registry   all of them, by code                          ignores    exceptions that a rule file makes, with reasons
    running    every check over every rule, as Problems

docs/checks.md describes each code; a test holds it to the registry.
"""
