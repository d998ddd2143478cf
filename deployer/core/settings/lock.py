"""Reads `environments/NAME.lock.toml`; a line edited to something that cannot be is a Problem with its place."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import Final

from deployer.core.lock_file import FORMAT, Locked, LockFile, Proven
from deployer.core.settings.nodes import Node, SettingsFile, WrongError, node_of, wrong_type
from deployer.core.settings.policies import HEALTHY_ALLOWS, REQUIREMENTS
from deployer.core.settings.reading import Reader, Table, choice, distinct, list_of, text, whole
from deployer.errors import Problem

GATES: Final = ("soak", *REQUIREMENTS)
_MOST: Final = 2**31
_AGAIN: Final = "write it with: deployer promote"


def read_lock(file: SettingsFile, environment: str) -> tuple[LockFile | None, tuple[Problem, ...]]:
    """Return the lock file of an environment, or None and every Problem of it."""
    try:
        return _lock(node_of(file.data, file), environment), ()
    except WrongError as error:
        return None, tuple(sorted(error.problems))


def _lock(node: Node, environment: str) -> LockFile:
    table = Table(node)
    table.need("format", _format, FORMAT, f"the first line of a lock file: format = {FORMAT}")
    named = table.need("environment", text, environment, f'environment = "{environment}"')
    if named != environment:
        message = f'is the lock file of "{named}", by its name that of "{environment}"'
        table.add(table.at("environment").problem(message, "wrong-value", "a lock file is never copied: promote"))
    rules = table.read("rule", list_of(_rule), ())
    found: dict[str, Locked] = {}
    for number, locked in enumerate(rules):
        if locked.rule_id in found:
            table.add(_twice(node, number, locked.rule_id))
        found[locked.rule_id] = locked
    return table.done(LockFile(environment, node.file.path, found))


def _twice(node: Node, number: int, rule_id: str) -> Problem:
    line, column = node.file.locate(("rule", number, "id"))
    message = f"rule {rule_id} is pinned twice"
    return Problem(node.file.path, line, column, f"rule[{number}].id", message, "duplicate-rule-id", "keep one block")


def _format(node: Node) -> int:
    if node.value != FORMAT or isinstance(node.value, bool):
        raise node.wrong(f"lock file format {node.value}; this deployer reads {FORMAT}", "format", "upgrade deployer")
    return FORMAT


def _rule(node: Node) -> Locked:
    table = Table(node)
    locked = Locked(
        rule_id=table.need("id", text, "", _AGAIN),
        name=table.need("name", text, "", _AGAIN),
        path=table.need("path", _path, "", _AGAIN),
        fingerprint=table.need("fingerprint", _hex("sha256:", 64, "a fingerprint"), "", _AGAIN),
        commit=table.read("commit", _hex("", 40, "a commit"), ""),
        proven=table.read("proven", _proven, None),
        waived=table.read("waived", distinct(choice(GATES)), ()),
        reason=table.read("reason", text, ""),
    )
    if locked.waived and not locked.reason:
        table.add(table.at("waived").problem("a waived gate needs a reason", "missing-key", 'reason = "…"'))
    return table.done(locked)


def _path(node: Node) -> str:
    path = text(node)
    if path.startswith(("/", "~")) or "\\" in path or ".." in path.split("/"):
        raise node.wrong("must be a path inside the project, with /", "wrong-value", _AGAIN)
    return path


def _hex(prefix: str, digits: int, what: str) -> Reader[str]:
    """Read a content address; nothing else may reach git or the state store as a name."""
    wanted = re.compile(rf"{prefix}[0-9a-f]{{{digits}}}")

    def reader(node: Node) -> str:
        value = text(node)
        if not wanted.fullmatch(value):
            raise node.wrong(f"is not {what}: {prefix}{digits} hex digits", "wrong-value", _AGAIN)
        return value

    return reader


def _proven(node: Node) -> Proven:
    table = Table(node)
    proven = Proven(
        environment=table.need("in", text, "", _AGAIN),
        deployment=table.need("deployment", whole(1, _MOST), 1, _AGAIN),
        since=table.need("since", _moment, datetime.min.replace(tzinfo=UTC), _AGAIN),
        health=table.read("health", choice(HEALTHY_ALLOWS), ""),
    )
    return table.done(proven)


def _moment(node: Node) -> datetime:
    if not isinstance(node.value, datetime) or node.value.tzinfo is None:
        raise wrong_type(node, "a time with zone", "write it without quotes: 2026-08-24T09:12:44Z")
    return node.value
