"""`deployer init`: a project that runs at once against the sandbox. Nothing that is there is overwritten."""

from __future__ import annotations

import re
import uuid
from importlib import resources
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import Final

from deployer.adapters.git import Git
from deployer.adapters.surroundings import Surroundings, SystemClock
from deployer.commands.console import Console
from deployer.errors import DeployerError, UsageError

_NAME: Final = re.compile(r"[a-z0-9][a-z0-9-]{0,39}")


def init(console: Console, folder: Path, name: str | None) -> int:
    """
    Write the files of a new project. Returns 0. Raises UsageError for a bad name, DeployerError if it cannot write.
    """
    root = folder.resolve()
    project = project_name(root, name)
    written, kept = _scaffold(root, _values(root, project, console.surroundings))
    words = [f"{'wrote' if path in written else 'kept '}  {path}" for path in sorted((*written, *kept))]
    step = "" if root == Path.cwd() else f"cd {folder} && "
    console.say("\n".join((*words, "", f"Next: {step}deployer plan -e sandbox")))
    console.document("init", {"project": project, "written": sorted(written), "kept": sorted(kept)})
    return 0


def project_name(root: Path, name: str | None) -> str:
    """Return the project's name, by itself that of its folder. Raises UsageError for one that cannot be."""
    project = name or re.sub(r"[^a-z0-9]+", "-", root.name.lower()).strip("-")[:40].strip("-")
    if not _NAME.fullmatch(project):
        raise UsageError(f'"{project}" cannot be a project\'s name', hint="--name with a-z, 0-9 and -, at most 40")
    return project


def _values(root: Path, project: str, surroundings: Surroundings) -> dict[str, str]:
    return {
        "@PROJECT@": project,
        "@STATE@": state_place(root, surroundings),
        "@DATE@": SystemClock().now().strftime("%Y/%m/%d"),
        "@UUID1@": str(uuid.uuid4()),
        "@UUID2@": str(uuid.uuid4()),
    }


def state_place(root: Path, surroundings: Surroundings) -> str:
    """Return where state is kept: a branch where there is a remote, so that CI keeps locks and history."""
    if not root.is_dir():
        return "file:.deployer"
    git = Git(root, surroundings.environ)
    remotes = git.remotes() if git.is_repository() else ()
    return (
        f"git:{'origin' if 'origin' in remotes else sorted(remotes)[0]}#deployer-state" if remotes else "file:.deployer"
    )


def _scaffold(root: Path, values: dict[str, str]) -> tuple[list[str], list[str]]:
    written: list[str] = []
    kept: list[str] = []
    for source, path in _files(resources.files("deployer") / "templates" / "project", ""):
        target = root / path
        if target.exists():
            kept.append(path)
            continue
        text = source.read_text(encoding="utf-8")
        for placeholder, value in values.items():
            text = text.replace(placeholder, value)
        try:
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_text(text, encoding="utf-8")
        except OSError as exc:
            raise DeployerError(f"cannot write {path}: {exc.strerror}", hint=f"is {root} a folder of yours?") from exc
        written.append(path)
    ignore(root, written, kept)
    return written, kept


def ignore(root: Path, written: list[str], kept: list[str]) -> None:
    """Add `.deployer/` to a `.gitignore` that was there and does not have it."""
    path = root / ".gitignore"
    if ".gitignore" in kept and ".deployer/" not in path.read_text(encoding="utf-8").split():
        with path.open("a", encoding="utf-8") as file:
            file.write("\n.deployer/\n")
        kept.remove(".gitignore")
        written.append(".gitignore")


def _files(folder: Traversable, prefix: str) -> list[tuple[Traversable, str]]:
    found: list[tuple[Traversable, str]] = []
    for entry in sorted(folder.iterdir(), key=lambda entry: entry.name):
        if entry.is_dir():
            found += _files(entry, f"{prefix}{entry.name}/")
        else:
            found.append((entry, ".gitignore" if entry.name == "gitignore" else prefix + entry.name))
    return found
