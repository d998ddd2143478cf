"""
The body of one write: what is live, with the planned fields put on top (design section 5, "A plan's change").

Everything that the plan does not write is sent back as it was read, because a PUT resets what it omits (facts.md 3.2);
so exceptions, actions, tags and unknown fields that somebody else added survive.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from deployer.core.actions import keep_uuids, sendable
from deployer.core.change import Change
from deployer.core.fields import IDENTITY, SERVER_OWNED
from deployer.core.normalise import MARKER_PREFIX, markers, without_markers
from deployer.core.ports import Body


def creation(change: Change, marker: str) -> Body:
    """Return the POST body of a create or of a recreate's second half: disabled, our marker as the last tag."""
    body = {key: value for key, value in (change.after or {}).items() if value is not None}
    body[IDENTITY] = change.rule_id
    body["enabled"] = False
    body["tags"] = _marked(body.get("tags") or [], marker)
    if body.get("actions"):
        body["actions"] = sendable(body["actions"])
    return body


def replacement(live: Mapping[str, Any], change: Change, marker: str) -> Body:
    """
    Return the PUT body of a content change on top of `live`. `enabled` is left out: Kibana then keeps what it has
    (facts.md 3.2), so it makes one write and not two (transactions.md K3), and a switch that somebody turned after our
    read stays turned. The marker is kept where it is, added only where the change says so.
    """
    after = change.after or {}
    body = {key: value for key, value in live.items() if key not in SERVER_OWNED}
    for name in change.content:
        if name in after:
            body[name] = after[name]
        else:
            body.pop(name, None)
    if "actions" in change.content:
        body["actions"] = sendable(keep_uuids(after.get("actions") or [], live.get("actions") or []))
    owned = markers(live.get("tags") or [])
    wanted = (marker,) if change.marker or change.adopts or marker in owned else ()
    if "tags" in change.content or change.marker or change.adopts:
        body["tags"] = _kept_server_tags(body.get("tags") or [], live.get("tags") or [])
        body["tags"] = [*body["tags"], *(tag for tag in owned if tag != marker), *wanted]
    body[IDENTITY] = change.rule_id
    body.pop("enabled", None)
    return body


def amendment(live: Mapping[str, Any], change: Change) -> Body:
    """
    Return the PATCH body of a change of one of Elastic's rules: the fields that we set, and what guards the others.

    A PATCH and not a PUT: Kibana merges it into what is there (facts.md 3.3), so content of Elastic's is neither sent
    nor rewritten, and an update of theirs between our read and our write is not taken back. `type` and `max_signals` go
    along as they are, because a PATCH without them does nothing, or resets the latter, in some versions (facts.md 0.4,
    0.5); `version` does not, because `is_customized` is worked out against the asset of that version (facts.md 3.8).
    """
    return _amended(live, change, change.after or {}, lambda actions, there: sendable(keep_uuids(actions, there)))


def unamendment(before_image: Mapping[str, Any], live: Mapping[str, Any], change: Change) -> Body:
    """Return the PATCH body that brings what we set on one of Elastic's rules back to its before-image."""
    return _amended(live, change, before_image, lambda actions, _live: [dict(action) for action in actions])


def _amended(
    live: Mapping[str, Any], change: Change, side: Mapping[str, Any], actions: Callable[..., list[dict[str, Any]]]
) -> Body:
    body: Body = {IDENTITY: change.rule_id, "type": live["type"]}
    if "max_signals" in live:
        body["max_signals"] = live["max_signals"]
    for name in change.content:  # all of them lists: an empty one is the only "none" that a PATCH can say
        wanted = side.get(name) or []
        body[name] = actions(wanted, live.get("actions") or []) if name == "actions" else wanted
    return body


def restoration(before_image: Mapping[str, Any]) -> Body:
    """Return the PUT body that brings a rule's content back to its before-image; `enabled` stays as it is live."""
    return {key: value for key, value in before_image.items() if key not in SERVER_OWNED and key != "enabled"}


def recreation(before_image: Mapping[str, Any]) -> Body:
    """Return the POST body that brings a deleted rule back, disabled; Kibana gives it a new id (transactions.md K9)."""
    body = {key: value for key, value in before_image.items() if key not in SERVER_OWNED}
    body["enabled"] = False
    return body


def _marked(tags: list[Any], marker: str) -> list[Any]:
    return [*(tag for tag in tags if not (isinstance(tag, str) and tag.startswith(MARKER_PREFIX))), marker]


def _kept_server_tags(tags: list[Any], live_tags: list[Any]) -> list[Any]:
    """Return `tags` without markers, plus the tags that Kibana added by itself and that stay (facts.md 2.4)."""
    own = without_markers(tags)
    server = [tag for tag in live_tags if tag not in own and tag not in without_markers(live_tags)]
    return [*own, *(tag for tag in server if not str(tag).startswith(MARKER_PREFIX))]
