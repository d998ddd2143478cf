"""The lock file after a rollback: it pins again what came back, so that git soon says what the holds say already."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace

from deployer.core.lock_file import Locked, LockFile
from deployer.core.rollback import Way


def locked_back(lock: LockFile, ways: Iterable[Way], commits: Mapping[str, str], reason: str) -> LockFile:
    """
    Return the lock file with every block that pins what went back pinning what came back; `commits` names where git has
    that content, by rule. A block that pins something else by now is left: git has moved on.
    """
    rules = dict(lock.rules)
    for way in ways:
        locked = rules.get(way.rule_id)
        bad = "" if way.now is None or way.now.retired else way.now.fingerprint
        good = "" if way.back is None or way.back.retired else way.back.fingerprint
        if good == bad or (locked.fingerprint if locked else "") != bad:
            continue
        if not good or way.back is None:
            del rules[way.rule_id]
            continue
        known = locked or Locked(way.rule_id, way.back.name, way.back.path, good)
        rules[way.rule_id] = replace(
            known,
            name=way.back.name,
            path=way.back.path,
            fingerprint=good,
            commit=commits.get(way.rule_id, ""),
            proven=None,
            waived=(),
            reason=f"rolled back: {reason}" if reason else "rolled back",
        )
    return replace(lock, rules=rules)


def lock_patch(path: str, ways: Iterable[Way]) -> str:
    """
    Return the same for a file that is not here, as a patch that finds its place by the rule's id; "" for no difference.
    """
    hunks: list[str] = []
    for way in ways:
        now, back = way.now, way.back
        if now is None or back is None or now.retired or back.retired or now.fingerprint == back.fingerprint:
            continue
        context = [f' id = "{way.rule_id}"', f' path = "{now.path}"']
        change = [f'-fingerprint = "{now.fingerprint}"', f'+fingerprint = "{back.fingerprint}"']
        hunks.append("\n".join(["@@ -1,3 +1,3 @@", *context, *change]))
    return "\n".join([f"--- a/{path}", f"+++ b/{path}", *hunks, ""]) if hunks else ""
