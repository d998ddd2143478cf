"""
The two writes behind PUT and PATCH, and the one behind enabling: where half-applied changes come from (facts.md
section 3.5).
"""

from __future__ import annotations

from deployer.sandbox.call import Call
from deployer.sandbox.errors import SiemError
from deployer.sandbox.messages import Body, to_json
from deployer.sandbox.rule_table import StoredRule, runs_per_minute
from deployer.sandbox.rules import breaker, checks, shape
from deployer.sandbox.rules.prebuilt import source_of
from deployer.sandbox.rules.reading import shown


def save(
    call: Call,
    pk: int,
    before: Body,
    after: Body,
    *,
    skip_equal: bool,
    connectors: frozenset[str] | set[str] = frozenset(),
) -> Body:
    """
    Store a changed rule and return it. Call it inside the transaction that has read `before`.

    `skip_equal`: from 9.3 on a PUT that changes nothing writes nothing (section 3.6); every other write moves
    `updated_at`, and bumps the revision where something differs. `connectors` may lack their secrets: an import has
    just brought them.
    """
    changed = shape.differs(before, after)
    if skip_equal and not changed:
        return before
    checks.check_fields(call, before, after)
    checks.check_alerting(call, after, "update", connectors=connectors)
    if before["enabled"] and before["interval"] != after["interval"]:
        breaker.check(call, after, "updated", freed=runs_per_minute(before["interval"]))
    bumped = changed if skip_equal else shape.bumps(before, after)
    after = {**after, "revision": before["revision"] + bumped, "rule_source": source_of(call, after)}
    call.kibana.rules.update(pk, after)
    return after


def flip(call: Call, rule: Body, *, enabled: bool) -> Body:
    """
    Enable or disable a rule and return it; never touches the revision. Raises the circuit breaker's error, which
    leaves an update that was stored just before as it is.
    """
    if enabled and "enable-fails" in call.faults:
        raise SiemError(500, call.faults["enable-fails"].message)
    with call.kibana.database.transaction():
        # Read again: a write between the two of a PUT must not be undone by the second one.
        current = call.kibana.rules.by_id(call.space, rule["id"])
        if current is None:
            raise SiemError(404, f'id: "{rule["id"]}" not found')
        rule = current.rule()
        if enabled:
            breaker.check(call, rule, "enabled")
        flipped = {**rule, "enabled": enabled, "updated_at": call.kibana.clock.iso(), "updated_by": call.user.name}
        call.kibana.rules.update(current.pk, flipped)
    return flipped


def finish(call: Call, stored: StoredRule, before: Body, after: Body, enabled: bool | None) -> str:
    """
    The second write of a PUT or PATCH, where `enabled` changes, and the answer: it shows the new `enabled` beside the
    `updated_at` of the first write.
    """
    call.spend(1)
    answer = after
    if enabled is not None and enabled != before["enabled"]:
        flip(call, after, enabled=enabled)
        answer = {**after, "enabled": enabled}
    text = to_json(shown(call, answer))
    return f'{text[:-1]},"execution_summary":{stored.summary}}}' if stored.summary else text
