"""
Offline checking of KQL, EQL, Lucene and ES|QL: text in, findings out.

`check` is all that callers need. It does no I/O, knows no rule and no file, and never raises for any text; mapping a
finding to a line of a TOML file is the caller's part. All four languages have own checks. Lucene and ES|QL are read by
a library as well where the extra is installed.
"""

from __future__ import annotations

from typing import Final

from deployer.queries.findings import Checked, Finding

__all__ = ["LANGUAGES", "Checked", "Finding", "check"]

LANGUAGES: Final = ("kuery", "eql", "lucene", "esql")
"""The values of a rule's `language`."""


def check(language: str, text: str, *, full: bool = True) -> Checked:
    """
    Return what is wrong with a query, the fields that it names, and which checker ran.

    `language` is one of LANGUAGES; another raises ValueError, no text does. `full` = False leaves the libraries out
    even where they are installed. An empty KQL or Lucene query is valid, as in Kibana; an empty EQL or ES|QL query is
    not. A parser is imported when its language is first checked.
    """
    if language == "kuery":
        from deployer.queries.kql import check_kql

        return check_kql(text)
    if language == "eql":
        from deployer.queries.eql import check_eql

        return check_eql(text)
    if language == "lucene":
        from deployer.queries.lucene import check_lucene

        return check_lucene(text, full=full)
    if language == "esql":
        from deployer.queries.esql import check_esql

        return check_esql(text, full=full)
    raise ValueError(f"`{language}` is no query language that Kibana knows; known are {', '.join(LANGUAGES)}")
