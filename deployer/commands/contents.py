"""
The rule contents of a promoted environment: what its lock file pins, found by fingerprint.

Looked for in the work tree, then in the state store, then in git at the pinned commit; so a shallow clone works, and so
does a runner with nothing but the store. What is found nowhere is an error, never a rule less.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final

from deployer.adapters.environments import load_lock, locate_in_lock
from deployer.adapters.git import Git
from deployer.commands.target import ledger_of
from deployer.commands.workspace import Workspace, raise_errors
from deployer.core.environment import Environment
from deployer.core.lock_file import Locked, LockFile, lock_path
from deployer.core.record import Record
from deployer.core.rule_file import RuleFile, read_rule
from deployer.errors import DeployerError, Problem, ProblemsError
from deployer.executor.ledger import Ledger

_UNKNOWN_FILE: Final = {"maturity": "production"}
"""What selectors see of a rule whose file is nowhere any more: it was deployed, so it was not in development."""


def lock_of(workspace: Workspace, environment: Environment) -> LockFile:
    """
    Return the lock file of a promoted environment. Raises DeployerError where there is none (design section 3: never
    "nothing desired"), ProblemsError for one that is wrong.
    """
    lock, problems = load_lock(workspace.files, environment.name)
    raise_errors(problems)
    if lock is None:
        source = environment.promotion.source if environment.promotion else "dev"
        raise DeployerError(
            f'{environment.path} says source = "promoted", and {lock_path(environment.name)} is missing',
            hint=f"write it: deployer promote --from {source} --to {environment.name}",
        )
    return lock


def pinned_files(
    workspace: Workspace, ledger: Ledger, lock: LockFile, files: Iterable[RuleFile]
) -> tuple[RuleFile, ...]:
    """Return the pinned contents as files, sorted by path. Raises ProblemsError for one that is found nowhere."""
    found = found_files(workspace, ledger, lock, files)
    lost = [locked for rule_id, locked in lock.rules.items() if rule_id not in found]
    if lost:
        raise ProblemsError(tuple(_lost(workspace, lock, locked) for locked in lost), hint="nothing was changed")
    return tuple(sorted(found.values(), key=lambda file: (file.path, file.rule_id)))


def found_files(workspace: Workspace, ledger: Ledger, lock: LockFile, files: Iterable[RuleFile]) -> dict[str, RuleFile]:
    """Return the pinned contents that are found, by rule. `ledger` is that of a target of the environment."""
    known = {file.rule_id: file for file in files}
    found = {rule_id: known[rule_id] for rule_id in lock.rules if _is(known.get(rule_id), lock.rules[rule_id])}
    sought = {rule_id: locked for rule_id, locked in lock.rules.items() if rule_id not in found}
    if sought:
        contents = _from_store(workspace, ledger, sought)
        for rule_id, content in contents.items():
            metadata = known[rule_id].metadata if rule_id in known else _UNKNOWN_FILE
            found[rule_id] = RuleFile(sought[rule_id].path, metadata, dict(content))
        found |= _from_git(workspace, [locked for rule_id, locked in sought.items() if rule_id not in contents])
    return found


def _is(file: RuleFile | None, locked: Locked) -> bool:
    return file is not None and file.fingerprint == locked.fingerprint


def _from_store(workspace: Workspace, ledger: Ledger, sought: Mapping[str, Locked]) -> dict[str, Mapping[str, Any]]:
    """Return the contents that the records of this target or of the environments that proved them name, by rule."""
    bundles: dict[str, str] = {}
    for record in _records(workspace, ledger, sought.values()):
        for rule_id, locked in sought.items():
            entry = record.rules.get(rule_id)
            if entry is not None and entry.fingerprint == locked.fingerprint:
                bundles.setdefault(rule_id, entry.bundle)
    wanted = {sought[rule_id].fingerprint for rule_id in bundles}
    documents = ledger.from_bundles(wanted, bundles.values()) if wanted else {}
    return {rule_id: documents[sought[rule_id].fingerprint] for rule_id in bundles}


def _records(workspace: Workspace, ledger: Ledger, sought: Iterable[Locked]) -> Iterator[Record]:
    """Yield the records that may name a content: the last one here, and those of the environments that proved it."""
    here = ledger.head().record
    if here is not None:
        yield here
    proofs = {(locked.proven.environment, locked.proven.deployment) for locked in sought if locked.proven}
    for environment in workspace.settings.environments:
        numbers = sorted(number for name, number in proofs if name == environment.name)
        if numbers:
            yield from _proofs(ledger_of(workspace, environment), numbers)


def _proofs(ledger: Ledger, numbers: Iterable[int]) -> Iterator[Record]:
    head = ledger.head().record
    if head is not None:
        yield head
        kept = set(ledger.numbers())
        yield from (ledger.record(number) for number in numbers if number in kept)


def _from_git(workspace: Workspace, sought: Iterable[Locked]) -> dict[str, RuleFile]:
    """Return the contents that git has at the pinned commits, by rule."""
    pinned = {(locked.commit, locked.path): locked for locked in sought if locked.commit}
    texts = Git(workspace.root, workspace.surroundings.environ).files_at_commits(pinned) if pinned else {}
    found: dict[str, RuleFile] = {}
    for place, data in texts.items():
        file, _ = read_rule(place[1], data.decode("utf-8", "replace"))
        if file is not None and _is(file, pinned[place]):
            found[pinned[place].rule_id] = file
    return found


def _lost(workspace: Workspace, lock: LockFile, locked: Locked) -> Problem:
    line, column = locate_in_lock(workspace.files, lock, locked.rule_id)
    message = f'the content {locked.fingerprint[:19]} of "{locked.name}" is nowhere: work tree, state store, git'
    remedy = "fetch the commit that the block names, or promote again"
    return Problem(lock.path, line, column, "rule.fingerprint", message, "lost-content", remedy)
