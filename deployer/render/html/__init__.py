"""
Values to self-contained HTML, for people who would rather look than read.

    frame       the page around everything: escaping, policy, colours, dark mode      report    what `report` writes

Templates, styles and scripts are files of their own beside the modules.
"""
