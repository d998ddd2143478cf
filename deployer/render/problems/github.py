"""Problems as workflow commands of GitHub Actions, which shows them beside the lines of a pull request."""

from __future__ import annotations

from deployer.errors import Problem, Severity
from deployer.render.problems.report import Report, sentence, shown


def problems_github(report: Report) -> str:
    """Return one `::error` or `::warning` command a line, notes as `::notice`; empty without any."""
    lines = [_command(report, problem) for problem in report.problems]
    lines += [f"::notice title=deployer::{escaped_data(note)}" for note in report.notes]
    return "".join(f"{line}\n" for line in lines)


def _command(report: Report, problem: Problem) -> str:
    level = "error" if problem.severity is Severity.ERROR else "warning"
    properties = {"file": report.path(problem), "title": problem.code}
    if problem.line:
        properties |= {"line": str(problem.line)} | ({"col": str(problem.column)} if problem.column else {})
    said = ",".join(f"{name}={escaped_property(value)}" for name, value in properties.items())
    return f"::{level} {said}::{escaped_data(sentence(problem))}"


def escaped_data(text: str) -> str:
    """Escape the message of a command: `%` and everything that would end the line."""
    return shown(text).replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def escaped_property(text: str) -> str:
    """Escape a property of a command: besides, what would end the property."""
    return escaped_data(text).replace(":", "%3A").replace(",", "%2C")
