"""
Where the end-to-end tests deploy: into the embedded sandbox, a sandbox reached by its address, or a real Kibana.

The tests are the same for all three. `EVERYWHERE` runs a test in the first and, with `make live`, in the last.
"""

from __future__ import annotations

import contextlib
import io
import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from deployer.sandbox.command import main as sandbox_command
from tests.support.live import LIVE, LiveKibana, opened
from tests.support.project import ProjectFolder, new_project

EVERYWHERE = ["embedded", LIVE]
ALSO_BY_ADDRESS = ["embedded", "by address", LIVE]
_KEY = "KIBANA_API_KEY"


@dataclass(frozen=True, slots=True)
class Where:
    """One place to deploy to; `kibana` is None for the embedded sandbox, where each project has its own."""

    kibana: LiveKibana | None = None

    def project(self, root: Path, *, more: str = "") -> ProjectFolder:
        """Return a project without rules whose environment `s` is this place; `more` is added to its settings."""
        root.mkdir(exist_ok=True)
        lines = ["[kibana]", f'url = "{self.kibana.url if self.kibana else "sandbox"}"']
        if self.kibana is None:
            return new_project(root, environment="\n".join([*lines, more, ""]))
        lines += [f'space = "{self.kibana.space}"', f'api_key = "env:{_KEY}"', more, ""]
        found = new_project(root, environment="\n".join(lines))
        return ProjectFolder(found.root, {_KEY: self.kibana.api_key})

    def edit(self, project: ProjectFolder, number: int, **fields: Any) -> str:
        """Change the project's rule of this number in Kibana as an analyst does; return who Kibana says it was."""
        rule_id = f"00000000-0000-4000-8000-{number:012d}"
        if self.kibana is not None:
            return self.kibana.edit(rule_id, **fields)
        words = [f"{name}={json.dumps(value)}" for name, value in fields.items()]
        data = project.root / ".deployer" / "sandbox" / "s.sqlite3"
        with contextlib.redirect_stdout(io.StringIO()):
            assert sandbox_command(["edit", "--data", str(data), rule_id, *words]) == 0
        return "soc-day"


@contextlib.contextmanager
def place(kind: str, folder: Path) -> Iterator[Where]:
    """Open one of the three; a space that had to be made is removed at the end."""
    if kind == "embedded":
        yield Where()
        return
    with opened(kind, folder) as kibana:
        yield Where(kibana)
