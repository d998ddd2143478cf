"""An error for a person: every Problem with its place, the sentence, and what to do."""

from __future__ import annotations

from deployer.errors import DeployerError, ProblemsError
from deployer.render.style import clean, line


def error_text(error: DeployerError) -> str:
    """Return the text of an error, ending in a newline."""
    lines = [line(str(problem)) for problem in error.problems] if isinstance(error, ProblemsError) else []
    lines.append(f"error: {clean(str(error))}")
    if error.hint:
        lines.append(f"hint: {clean(error.hint)}")
    return "\n".join(lines) + "\n"
