"""
Offline checking of KQL, EQL, Lucene and ES|QL: text in, findings out.

`check` is all that callers need. It does no I/O, knows no rule and no file, and never raises for any text; mapping a
finding to a line of a TOML file is the caller's part. KQL and EQL have own parsers. Lucene and ES|QL have a light
check of their own, and a library on top of it where the extra is installed.
"""

from __future__ import annotations

from deployer.queries.eql import check_eql
from deployer.queries.findings import Checked, Finding
from deployer.queries.kql import check_kql

__all__ = ["LANGUAGES", "Checked", "Finding", "check"]
