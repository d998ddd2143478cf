"""
From Kibana to files: what `pull` writes. Pure: bodies and texts in, texts out.

    export      the lines of an NDJSON export          places       where the file of a new rule goes
    names       ids of one space back to names         entries      lists: entries that are there keep their form
    forms       one live value as a rule file has it   blocks       `[[override]]` of the environment file
    merging     one rule into its file                 taking       which rules, and all of it together
    choosing    which lists go along                   exceptions   exception lists and items into their files
    value_lists values into their files                tuned        what is set on Elastic's own rules

Every file is read again after it was changed, and rendered for the target: what then still differs from Kibana goes
into an override of the environment, and what even that cannot say is a Problem, never a silent loss.
"""
