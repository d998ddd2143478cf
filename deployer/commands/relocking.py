"""The lock files of promoted environments after a rollback: rewritten in the work tree, or printed as a patch."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass

from deployer.adapters.environments import load_lock, save_lock
from deployer.commands.workspace import Workspace, raise_errors
from deployer.core.environment import Environment
from deployer.core.lock_back import lock_patch, locked_back
from deployer.core.lock_file import lock_path
from deployer.core.record import Record
from deployer.core.rollback import Way


@dataclass(frozen=True, slots=True)
class Relocked:
    """What became of one lock file: `rewritten` here, or the `patch` for it ("" where it says so already)."""

    path: str
    rewritten: bool = False
    patch: str = ""


def relock(
    workspace: Workspace,
    done: Mapping[str, tuple[Collection[Way], Callable[[int], Record]]],
    reason: str,
) -> tuple[Relocked, ...]:
    """
    Write what was rolled back into the lock files; `done` has by target the ways that were gone, and its records.

    Only an environment of which every space was rolled back has its file written: it pins for all of them. Raises
    ProblemsError for a lock file that is wrong; the holds are in force all the same.
    """
    result = []
    for name, targets in _whole_environments(workspace, done).items():
        ways = {way.rule_id: way for target in targets for way in done[target][0]}
        read = done[targets[0]][1]
        lock, problems = load_lock(workspace.root, name)
        raise_errors(problems)
        if lock is None:
            result.append(Relocked(lock_path(name), patch=lock_patch(lock_path(name), ways.values())))
            continue
        after = locked_back(lock, ways.values(), _commits(ways.values(), read), reason)
        if after != lock:
            save_lock(workspace.root, after)
        result.append(Relocked(lock.path, rewritten=after != lock))
    return tuple(one for one in result if one.rewritten or one.patch)


def _whole_environments(workspace: Workspace, done: Collection[str]) -> dict[str, list[str]]:
    groups: dict[str, list[Environment]] = {}
    for environment in workspace.settings.environments:
        groups.setdefault(environment.name, []).append(environment)
    return {
        name: [environment.target for environment in group]
        for name, group in groups.items()
        if all(one.target in done and one.rules.source == "promoted" for one in group)
    }


def _commits(ways: Iterable[Way], read: Callable[[int], Record]) -> dict[str, str]:
    """Return the commit that each content was deployed from, where its work tree was clean."""
    found: dict[str, str] = {}
    for way in ways:
        if way.back is not None and not way.back.retired:
            provenance = read(way.back.since).provenance
            found[way.rule_id] = provenance.commit if provenance.clean else ""
    return found
