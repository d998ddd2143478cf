"""Problems as SARIF 2.1.0, for code scanning."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any, Final
from urllib.parse import quote

from deployer.errors import Problem, Severity
from deployer.render.problems.report import Report, sentence, shown

_NO_BYTE: Final = re.compile("[\ud800-\udc7f\udd00-\udfff]")
"""Lone surrogates that stand for no byte of a file's name."""

_SCHEMA: Final = "https://json.schemastore.org/sarif-2.1.0.json"


def problems_sarif(report: Report, summaries: Mapping[str, str] | None = None) -> str:
    """
    Return one SARIF log. `summaries` describes the codes that have a description.

    Paths are URIs relative to the repository's root, columns count characters, and each result has a fingerprint that
    survives lines added above it.
    """
    codes = sorted({problem.code for problem in report.problems})
    run = {
        "tool": {
            "driver": {
                "name": "deployer",
                "version": report.version,
                "rules": [_rule(code, (summaries or {}).get(code, "")) for code in codes],
            }
        },
        "columnKind": "unicodeCodePoints",
        "results": [
            _result(report, problem, fingerprint, codes.index(problem.code))
            for problem, fingerprint in zip(report.problems, report.fingerprints, strict=True)
        ],
        "invocations": [
            {
                "executionSuccessful": True,
                "toolExecutionNotifications": [
                    {"level": "note", "message": {"text": shown(note)}} for note in report.notes
                ],
            }
        ],
    }
    return json.dumps({"$schema": _SCHEMA, "version": "2.1.0", "runs": [run]}, indent=2) + "\n"


def _rule(code: str, summary: str) -> dict[str, Any]:
    rule: dict[str, Any] = {"id": code}
    if summary:
        rule["shortDescription"] = {"text": summary}
    return rule


def _result(report: Report, problem: Problem, fingerprint: str, index: int) -> dict[str, Any]:
    location: dict[str, Any] = {"artifactLocation": {"uri": _uri(report.path(problem)), "uriBaseId": "%SRCROOT%"}}
    if problem.line:
        location["region"] = _region(problem)
    return {
        "ruleId": problem.code,
        "ruleIndex": index,
        "level": "error" if problem.severity is Severity.ERROR else "warning",
        "message": {"text": sentence(problem)},
        "locations": [{"physicalLocation": location}],
        "partialFingerprints": {"deployer/v1": fingerprint},
    }


def _region(problem: Problem) -> dict[str, int]:
    """Return line and columns; the end is only known where the length of the wrong token is."""
    columns = {"startColumn": problem.column} if problem.column else {}
    ends = {"endColumn": problem.column + problem.length} if problem.column and problem.length else {}
    return {"startLine": problem.line} | columns | ends


def _uri(path: str) -> str:
    """Return a relative path as a URI: bytes of a name that is not UTF-8 as they are on disk, no scheme, no query."""
    return quote(_NO_BYTE.sub("\ufffd", path).encode("utf-8", "surrogateescape"), safe="/~")
