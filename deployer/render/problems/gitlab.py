"""Problems as GitLab's Code Quality report, which merge requests show as a difference to the target branch."""

from __future__ import annotations

import json

from deployer.errors import Severity
from deployer.render.problems.report import Report, sentence, shown


def problems_gitlab(report: Report) -> str:
    """Return the JSON list that `artifacts:reports:codequality` takes; notes have no place in it."""
    entries = [
        {
            "description": sentence(problem),
            "check_name": problem.code,
            "fingerprint": fingerprint,
            "severity": "major" if problem.severity is Severity.ERROR else "minor",
            "location": {"path": shown(report.path(problem)), "lines": {"begin": max(problem.line, 1)}},
        }
        for problem, fingerprint in zip(report.problems, report.fingerprints, strict=True)
    ]
    return json.dumps(entries, indent=2) + "\n"
