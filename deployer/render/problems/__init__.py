"""
Problems of files, for each reader: people, and the systems that show them beside the change.

    report   what was checked and found      text     with source line and caret
    junit · sarif · github · gitlab          what those systems take; docs/checks.md says how to hand it over

Each renderer is a pure function from a Report to text. Names and messages come from users' files: none of them can
end a line, an element or a command, and no path is absolute.
"""
