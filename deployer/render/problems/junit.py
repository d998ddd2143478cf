"""Problems as a JUnit report: one test case for each file, which fails if the file has an error."""

from __future__ import annotations

from collections.abc import Iterator
from html import escape

from deployer.errors import Problem, Severity
from deployer.render.problems.report import Report, flat, sentence, shown
from deployer.render.style import calm


def problems_junit(report: Report) -> str:
    """
    Return an XML document that Jenkins, GitLab and Azure read (junit-10.xsd).

    A failing case has one `failure` with all errors of the file, because readers show only the first; warnings are its
    `system-out`.
    """
    found: dict[str, list[Problem]] = {path: [] for path in report.files}
    for problem in report.problems:
        found.setdefault(problem.path, []).append(problem)
    failed = sum(any(problem.severity is Severity.ERROR for problem in problems) for problems in found.values())
    counts = f'tests="{len(found)}" failures="{failed}" errors="0"'
    lines = [
        '<?xml version="1.0" encoding="UTF-8"?>',
        f'<testsuites name="deployer validate" {counts}>',
        f'  <testsuite name="deployer validate" {counts}>',
    ]
    for path in sorted(found):
        lines += _case(report.prefix + path, found[path])
    if report.notes:
        lines.append(f"    <system-out>{xml_text(chr(10).join(report.notes))}</system-out>")
    return "\n".join([*lines, "  </testsuite>", "</testsuites>", ""])


def _case(path: str, problems: list[Problem]) -> Iterator[str]:
    start = f'    <testcase classname="deployer.validate" name="{xml_text(flat(path))}"'
    errors = [problem for problem in problems if problem.severity is Severity.ERROR]
    warnings = [problem for problem in problems if problem.severity is Severity.WARNING]
    if not problems:
        yield f"{start}/>"
        return
    yield f"{start}>"
    if errors:
        more = f" (and {len(errors) - 1} more)" if len(errors) > 1 else ""
        message = xml_text(f"{_line(path, errors[0])}{more}")
        yield f'      <failure type="{xml_text(errors[0].code)}" message="{message}">{_lines(path, errors)}</failure>'
    if warnings:
        yield f"      <system-out>{_lines(path, warnings)}</system-out>"
    yield "    </testcase>"


def _lines(path: str, problems: list[Problem]) -> str:
    return xml_text("\n".join(_line(path, problem) for problem in problems))


def _line(path: str, problem: Problem) -> str:
    path = flat(path)
    place = f"{path}:{problem.line}:{problem.column}" if problem.line else path
    return f"{problem.severity} {place}: {sentence(problem)} [{problem.code}]"


def xml_text(text: str) -> str:
    """Escape for XML 1.0: what it cannot hold even as a reference is written out before."""
    return escape(calm(shown(text)), quote=True)
