"""
The way to the state store: from the `state` setting to an open Store that belongs to this project.

Before anything is sent the place is parsed and its host compared with DEPLOYER_HOSTS; then `format.json` is read, so
that a store of another project, of a newer deployer, or of something else altogether is refused before it is used.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from deployer.adapters.git import Git, GitProgram
from deployer.adapters.git_url import is_path
from deployer.adapters.secrets import check_host
from deployer.adapters.state.branch import Branch
from deployer.adapters.state.buckets import connect
from deployer.adapters.state.cloud import CloudStore
from deployer.adapters.state.file import FileStore
from deployer.adapters.state.git import GitStore
from deployer.adapters.state.place import Place, endpoint_of, is_remote_name, parse_place, server_of_place
from deployer.adapters.surroundings import Surroundings
from deployer.core.canonical import canonical_json
from deployer.core.ports import Store, Stored
from deployer.errors import StateError

FORMAT: Final = 1
FORMAT_NAME: Final = "format.json"

_CACHE: Final = Path(".deployer", "git-store")


def open_store(
    location: str,
    *,
    root: Path,
    environ: Mapping[str, str],
    project: str,
    writing: bool = True,
    renamed_from: str = "",
) -> Store:
    """
    Return the store at `location` (the `state` setting), checked to be ours.

    `root` is the project's folder, which relative paths count from and whose git remotes are meant. With `writing` a
    store that does not exist yet is begun; without it nothing is made, and a store that does not exist reads as empty.
    `renamed_from` is an earlier name of the project whose store is accepted too.

    Raises RefusedError (host) before anything is sent, StateError for everything that is wrong with the store.
    """
    place = parse_place(location)
    git = Git(root, environ)
    remote_url = _remote_url(place, git)
    check_host(server_of_place(place, remote_url, environ), "state", Surroundings(environ=environ))
    store = _store(place, git, remote_url, root, environ)
    stored = store.read(FORMAT_NAME) or _begun(store, place, project, writing=writing)
    if stored is not None:
        owner = _owner(stored, store.location)
        _refuse_other(owner, {project, renamed_from}, project, store.location)
        if writing and project and not owner:
            rename_project(store, project)  # begun by the sandbox, before the project had a name
    return store


def rename_project(store: Store, project: str) -> None:
    """Write the project's new name into an open store, as the last step of `--rename-from`. Raises StateError."""
    stored = store.read(FORMAT_NAME)
    if store.replace(FORMAT_NAME, _format(project), stored.version if stored else None) is None:
        raise StateError(f"the state store {store.location} is being renamed by somebody else")


def unsafe_in_ci(location: str, environ: Mapping[str, str], kibana_is_loopback: bool, root: Path) -> str | None:
    """
    Return why this run must not write to Kibana, with the line that mends it; None where it may.

    Design section 8: a store inside a CI checkout is thrown away with the runner, and lock, journal, baseline, holds
    and history with it. For a Kibana on this machine that is as it should be.
    """
    place = parse_place(location)
    if place.kind != "file" or kibana_is_loopback or not Surroundings(environ=environ).is_ci:
        return None
    if not (root / place.where).resolve().is_relative_to(_checkout(root)):
        return None
    remotes = Git(root, environ).remotes()
    state = f"git:{remotes[0]}#deployer-state" if remotes else "s3://BUCKET/deployer"
    return (
        f"the state store {location} lies in this CI checkout and would vanish with the runner: "
        "lock, journal, baseline, holds and history. Nothing was sent. "
        f'Put this line into deployer.toml: state = "{state}"'
    )


def _checkout(root: Path) -> Path:
    """Return the folder that the CI system made: the repository that the project lies in, else the project itself."""
    root = root.resolve()
    return next((folder for folder in (root, *root.parents) if (folder / ".git").exists()), root)


def _remote_url(place: Place, git: Git) -> str:
    """Return where a git place leads: its remote's URL, looked up; else what it says itself. "" for other places."""
    if place.kind != "git":
        return ""
    return git.remote_url(place.where) if is_remote_name(place) else place.where


def _store(place: Place, git: Git, remote_url: str, root: Path, environ: Mapping[str, str]) -> Store:
    if place.kind == "file":
        return FileStore(root / place.where, place.text)
    if place.kind == "git":
        return GitStore(lambda: _branch(place, git, remote_url, root, environ), place.text)
    endpoint_of(place, environ)  # what is missing is said now, and not at the first use
    return CloudStore(lambda: connect(place, environ), place.text)


def _branch(place: Place, git: Git, url: str, root: Path, environ: Mapping[str, str]) -> Branch:
    """Make the branch with the settings by which the project's own repository reaches its remotes."""
    settings = git.transport_settings()
    if not git.chooses_ssh():
        # ssh would ask for a passphrase or about an unknown host at a terminal that is not there.
        settings = (*settings, ("core.sshCommand", "ssh -oBatchMode=yes -oConnectTimeout=15"))
    url = str((root / url).resolve()) if is_path(url) else url
    key = hashlib.sha256(f"{url}#{place.inside}".encode()).hexdigest()[:12]
    return Branch(url, place.inside, GitProgram(root, environ, settings), (root / _CACHE, key))


def _begun(store: Store, place: Place, project: str, *, writing: bool) -> Stored | None:
    """Begin the store if we are writing; return its format object, None where we are not."""
    # A git branch is ours alone; a bucket or a folder may hold other things beside us.
    strangers = store.names("" if place.kind == "git" else "bundles/")
    if strangers:
        raise StateError(
            f"{store.location} is not a state store: it holds {strangers[0]} and no {FORMAT_NAME}",
            hint="name an empty place, or bring format.json back if this was a store",
        )
    if not writing:
        return None
    store.replace(FORMAT_NAME, _format(project), None)  # where somebody else is first, theirs is read and checked
    return store.read(FORMAT_NAME)


def _owner(stored: Stored, location: str) -> str:
    """Return the project that a store belongs to. Raises StateError for a damaged or newer format object."""
    found = _parsed(stored.data)
    if found is None:
        raise StateError(
            f"{FORMAT_NAME} in the state store {location} is damaged",
            hint='if this is the right place, write it anew: {"format":1,"project":"NAME"}',
        )
    if found["format"] > FORMAT:
        raise StateError(
            f"the state store {location} was written by a newer deployer: its format is {found['format']}, "
            f"and this one knows {FORMAT}",
            hint="pip install --upgrade kibana-deployer",
        )
    return str(found["project"])


def _parsed(data: bytes) -> dict[str, Any] | None:
    try:
        found = json.loads(data)
    except ValueError:
        return None
    sound = isinstance(found, dict) and type(found.get("format")) is int and isinstance(found.get("project"), str)
    return found if sound and found["format"] >= 1 else None


def _refuse_other(owner: str, accepted: set[str], project: str, location: str) -> None:
    if owner and owner not in accepted:
        raise StateError(
            f"the state store {location} belongs to project {owner!r}, and this is project {project!r}",
            hint=f"give this project a store of its own, or rename it with --rename-from {owner}",
        )


def _format(project: str) -> bytes:
    return canonical_json({"format": FORMAT, "project": project}).encode() + b"\n"
