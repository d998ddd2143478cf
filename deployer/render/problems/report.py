"""What one run of `validate` found, as every renderer takes it."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property

from deployer.errors import Problem, Severity
from deployer.render.style import clean

SourceLines = Callable[[str], Sequence[str]]
"""The lines of one file of the project, none where it cannot be read."""


def no_source(path: str) -> Sequence[str]:
    """Be the SourceLines of a report without sources."""
    del path
    return ()


@dataclass(frozen=True)
class Report:
    """
    The problems of a run, sorted, and the files that were checked.

    Paths are relative to the project; `prefix` leads from the repository's root to it (`""`, or `detections/`), which
    is what systems that know only the repository need. `notes` say what was not checked.
    """

    problems: tuple[Problem, ...]
    files: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    prefix: str = ""
    version: str = ""

    @cached_property
    def errors(self) -> int:
        """How many problems are errors."""
        return sum(problem.severity is Severity.ERROR for problem in self.problems)

    @property
    def warnings(self) -> int:
        """How many problems are warnings."""
        return len(self.problems) - self.errors

    def path(self, problem: Problem) -> str:
        """Return the path of a problem's file from the repository's root."""
        return self.prefix + problem.path

    @cached_property
    def fingerprints(self) -> tuple[str, ...]:
        """
        One name for each problem, which lines that are added above do not change.

        Problems of one file that say the same are told apart by their order.
        """
        seen: Counter[tuple[str, ...]] = Counter()
        names = []
        for problem in self.problems:
            facts = (self.path(problem), problem.code, problem.key, problem.message)
            seen[facts] += 1
            text = "\0".join((*facts, str(seen[facts])))
            names.append(hashlib.sha256(text.encode("utf-8", "backslashreplace")).hexdigest()[:32])
        return tuple(names)


def shown(text: str) -> str:
    """Return a text that is safe in every report, XML too: what `clean` writes out, and non-characters."""
    return clean(text).replace("\ufffe", "\\ufffe").replace("\uffff", "\\uffff")


def flat(text: str) -> str:
    """Return a text that is safe and on one line."""
    return shown(text).replace("\n", "\\n").replace("\t", " ")


def sentence(problem: Problem) -> str:
    """Return what is wrong and what to do, on one line."""
    key = f"{problem.key}: " if problem.key else ""
    remedy = f"; {problem.remedy}" if problem.remedy else ""
    return flat(f"{key}{problem.message}{remedy}")
