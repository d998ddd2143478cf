"""
The lock file of a promoted environment: which content of which rule may run there, and what proved it.

`promote` and `rollback` write it, people review it like code. One block per rule, sorted by id, none depends on
another, so that two branches merge without conflicts. It pins contents only: overlays, connectors, exceptions and value
lists come from the work tree.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Final

FORMAT: Final = 1
SUFFIX: Final = ".lock.toml"
_HEAD: Final = (
    "# Written by `deployer promote` and `deployer rollback`. Review it like code; `validate` checks every line.\n"
    "# One block per rule, sorted by id; no block depends on another, so two branches merge without conflicts.\n"
)


@dataclass(frozen=True, slots=True)
class Proven:
    """
    What proved a content: the environment, the deployment that brought it there, and since when it behaves so there
    (UTC). `health` names what counted in place of a successful execution, "" where it was one.
    """

    environment: str
    deployment: int
    since: datetime
    health: str = ""


@dataclass(frozen=True, slots=True)
class Locked:
    """One rule of a lock file. `commit` is where git has the content at `path`, "" where it was never committed."""

    rule_id: str
    name: str
    path: str
    fingerprint: str
    commit: str = ""
    proven: Proven | None = None
    waived: tuple[str, ...] = ()
    reason: str = ""


@dataclass(frozen=True)
class LockFile:
    """What one environment may run; `path` is relative to the project."""

    environment: str
    path: str
    rules: Mapping[str, Locked] = field(default_factory=dict)


def lock_path(environment: str) -> str:
    """Return where the lock file of an environment stands."""
    return f"environments/{environment}{SUFFIX}"


def lock_text(lock: LockFile) -> str:
    """Return the text of a lock file: the same for the same content, whoever writes it."""
    blocks = [_block(lock.rules[rule_id]) for rule_id in sorted(lock.rules)]
    data: dict[str, Any] = {"format": FORMAT, "environment": lock.environment}
    from deployer.core.toml.emit import emit  # every command reads lock files, few write one

    return _HEAD + emit(data | ({"rule": blocks} if blocks else {}), inline=("proven",))


def _block(locked: Locked) -> dict[str, Any]:
    block: dict[str, Any] = {
        "name": locked.name,
        "id": locked.rule_id,
        "path": locked.path,
        "fingerprint": locked.fingerprint,
    }
    if locked.commit:
        block["commit"] = locked.commit
    if locked.proven is not None:
        block["proven"] = _proven(locked.proven)
    if locked.waived:
        block["waived"] = list(locked.waived)
    if locked.reason:
        block["reason"] = locked.reason
    return block


def _proven(proven: Proven) -> dict[str, Any]:
    since = proven.since.astimezone(UTC).replace(microsecond=0)
    block = {"in": proven.environment, "deployment": proven.deployment, "since": since}
    return block | ({"health": proven.health} if proven.health else {})
