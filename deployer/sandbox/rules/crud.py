"""`/api/detection_engine/rules`: one rule at a time (facts.md sections 2, 3 and 4)."""

from __future__ import annotations

import time
from typing import Any

from deployer.sandbox.call import Call
from deployer.sandbox.errors import SiemError
from deployer.sandbox.exception_lists import ensure_endpoint_list
from deployer.sandbox.messages import Body, Response, text_response
from deployer.sandbox.routing import Route
from deployer.sandbox.rules import breaker, checks, fields, shape, writing
from deployer.sandbox.rules.reading import check_rule_id, find_rule, text_of
from deployer.sandbox.schema import Issues, may, text, uuid
from deployer.sandbox.schema import render as render_issues

PATH = "/api/detection_engine/rules"
_QUERY = {"id": may(uuid), "rule_id": may(text())}


def create(call: Call) -> Response:
    """POST: a new rule, enabled unless told otherwise; 200, not 201."""
    return text_response(create_one(call, call.body(fields.CREATE)))


def create_one(call: Call, props: Body) -> str:
    """Create a rule from a checked body; returns its JSON text."""
    checks.check_props(props, call.version)
    if "rule_id" in props:
        check_rule_id(props["rule_id"])
    rule = shape.created(props, user=call.user.name, now=call.kibana.clock.iso(), enabled=props.get("enabled", True))
    call.spend(1)
    if "race" in call.faults:
        _check_free(call, rule["rule_id"])
        time.sleep(call.faults["race"].seconds)
        return _insert(call, rule)
    with call.kibana.database.transaction():
        _check_free(call, rule["rule_id"])
        return _insert(call, rule)


def _check_free(call: Call, rule_id: str) -> None:
    """Only a search before the write keeps rule_ids apart (section 0.9)."""
    if call.kibana.rules.exists(call.space, rule_id):
        raise SiemError(409, f'rule_id: "{rule_id}" already exists')


def _insert(call: Call, rule: Body) -> str:
    ensure_endpoint_list(call)
    checks.check_default_list(call, rule["exceptions_list"])
    checks.check_alerting(call, rule, "create")
    if rule["enabled"]:
        breaker.check(call, rule, "created")
    return call.kibana.rules.insert(call.space, rule)


def read(call: Call) -> Response:
    """GET by `id` or `rule_id`; the lookup by rule_id is a search and may be stale."""
    sent = call.query(_QUERY)
    checks.identification(sent)
    if "stale" in call.faults and "rule_id" in sent:
        with call.kibana.database.stale():
            return text_response(text_of(call, find_rule(call, sent)))
    return text_response(text_of(call, find_rule(call, sent)))


def update(call: Call) -> Response:
    """PUT: everything that is not sent goes back to its default, but `enabled` and `version` (section 3.2)."""
    return text_response(update_one(call, call.body(fields.UPDATE)))


def update_one(call: Call, props: Body) -> str:
    """Replace a rule by a checked body; returns its JSON text."""
    checks.check_props(props, call.version, identified=True)
    with call.kibana.database.transaction():
        stored = find_rule(call, props)
        before = stored.rule()
        checks.check_default_list(call, props.get("exceptions_list", []), before["id"])
        checks.check_prebuilt_put(before, props)
        checks.check_same_type(before, props)
        after = shape.replaced(before, props, user=call.user.name, now=call.kibana.clock.iso())
        after = writing.save(call, stored.pk, before, after, skip_equal=call.version.since(9, 3))
    return writing.finish(call, stored, before, after, props.get("enabled"))


def patch(call: Call) -> Response:
    """PATCH: what is sent is merged into what is there; a field can never be made absent (section 3.3)."""
    mended = call.version.since(9, 4, 6)
    untyped = isinstance(call.payload, dict) and "type" not in call.payload
    return text_response(patch_one(call, call.body(fields.PATCH_ANY if mended and untyped else fields.PATCH)))


def patch_one(call: Call, sent: Body) -> str:
    """Merge a checked body into a rule; returns its JSON text."""
    checks.check_props(sent, call.version, identified=True)
    with call.kibana.database.transaction():
        stored = find_rule(call, sent)
        before = stored.rule()
        changes = _for_type(call, before, sent)
        checks.check_default_list(call, changes.get("exceptions_list", []), before["id"])
        checks.check_prebuilt_patch(before, changes)
        after = shape.merged(before, changes, user=call.user.name, now=call.kibana.clock.iso())
        after = writing.save(call, stored.pk, before, after, skip_equal=False)
    return writing.finish(call, stored, before, after, changes.get("enabled"))


def _for_type(call: Call, before: Body, sent: Body) -> Body:
    """
    The changes that reach a rule of this type. Up to 9.4.5 a body without `type` has already lost what its union
    member does not know; later the type of the rule decides (section 0.4). 9.4 before its mend sets `max_signals`
    (section 0.5).
    """
    kind, version = before["type"], call.version
    changes = dict(sent)
    if version.since(9, 4) and not version.since(9, 4, 6):
        changes.setdefault("max_signals", 100)
    issues: Issues = []
    own = {"type", *fields.TYPE_FIELDS[kind]}
    typed = fields.PATCH_TYPE[kind](changes, (), issues)
    if issues:
        raise SiemError(400, render_issues(issues, version))
    every = {name for table in fields.TYPE_FIELDS.values() for name in table}
    common = {name: value for name, value in changes.items() if name not in every and name not in own}
    return {**common, **typed}


def delete(call: Call) -> Response:
    """DELETE by `id` or `rule_id`; answers with the rule as it was. A second call is a 404."""
    return text_response(delete_one(call, call.query(_QUERY)))


def delete_one(call: Call, sent: dict[str, Any]) -> str:
    """Delete the rule that `sent` names; returns its JSON text."""
    checks.identification(sent)
    with call.kibana.database.transaction():
        stored = find_rule(call, sent)
        call.kibana.rules.delete(stored.pk)
    call.spend(1)
    return text_of(call, stored)


ROUTES = (
    Route("POST", PATH, create, "rules-all", "json", writes=True),
    Route("GET", PATH, read, "rules-read"),
    Route("PUT", PATH, update, "rules-all", "json", writes=True),
    Route("PATCH", PATH, patch, "rules-all", "json", writes=True),
    Route("DELETE", PATH, delete, "rules-all", writes=True),
)
