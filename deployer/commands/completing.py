"""What the shell offers after Tab: names out of the project's files. No network, no secret, and never an error."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from deployer.adapters.environments import ENVIRONMENTS, find_root, load_settings
from deployer.core.lock_file import SUFFIX
from deployer.errors import DeployerError


def environments(project: Path | None, incomplete: str) -> list[str]:
    """
    Return the environments that begin so; after a `/` the targets of that environment. Names come from the folder
    alone, so that Tab answers at once; spaces stand in the files.
    """
    try:
        root = project if project is not None else find_root(Path.cwd())
        names = _targets(root, incomplete) if "/" in incomplete else _names(root)
    except (DeployerError, OSError):
        return []
    return sorted(name for name in set(names) if name.startswith(incomplete))


def _names(root: Path) -> Iterable[str]:
    files = (root / ENVIRONMENTS).glob("*.toml")
    return (file.stem for file in files if not file.name.endswith(SUFFIX) and not file.name.startswith(("_", ".")))


def _targets(root: Path, incomplete: str) -> Iterable[str]:
    from datetime import UTC, date, datetime

    from deployer.core.fields import FIELDS

    today: date = datetime.fromtimestamp(0, UTC).date()  # exclusions that ran out concern nobody here
    name = incomplete.partition("/")[0]
    found = load_settings(root, today=today, fields=FIELDS.keys()).environments
    return (one.target for one in found if one.name == name)
