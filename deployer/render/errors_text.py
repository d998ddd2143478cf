"""An error for a person: every Problem with its place, the sentence, and what to do."""

from __future__ import annotations

from typing import Final

from deployer.errors import DeployerError, ProblemsError
from deployer.render.style import Style, clean, line

_PLAIN: Final = Style()


def error_text(error: DeployerError, style: Style = _PLAIN) -> str:
    """Return the text of an error, ending in a newline."""
    lines = [line(str(problem)) for problem in error.problems] if isinstance(error, ProblemsError) else []
    lines.append(f"{style.red('error:')} {clean(str(error))}")
    if error.hint:
        lines.append(f"{style.bold('hint:')} {clean(error.hint)}")
    return "\n".join(lines) + "\n"
