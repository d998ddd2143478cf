"""
What each action of `_bulk_action` does to the chosen rules (facts.md section 4.3), inside the transaction that chose.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from deployer.sandbox.call import Call
from deployer.sandbox.errors import ApiError
from deployer.sandbox.messages import Body, to_json
from deployer.sandbox.rule_table import StoredRule, runs_per_minute
from deployer.sandbox.rules import breaker, checks, edits, shape
from deployer.sandbox.rules.bulk_results import Results
from deployer.sandbox.rules.exceptions import copied_references
from deployer.sandbox.rules.prebuilt import source_of
from deployer.sandbox.rules.reading import shown, text_of


@dataclass(frozen=True, slots=True)
class Batch:
    """One bulk action under way."""

    call: Call
    body: Body
    results: Results
    dry_run: bool

    def fails(self, rule: Body) -> bool:
        """Whether a fault makes this rule fail."""
        fault = self.call.kibana.faults.rule_fails(rule["rule_id"]) if self.call.kibana.faults else None
        if fault is not None:
            self.results.fail(fault.message, rule, status=fault.status)
        return fault is not None

    def store(self, stored: StoredRule, rule: Body, **changes: Any) -> None:
        """Write one rule of the batch as updated now."""
        now = {"updated_at": self.call.kibana.clock.iso(), "updated_by": self.call.user.name}
        rule = {**rule, **changes, **now}
        text = self.call.kibana.rules.update(stored.pk, rule)
        self.results.updated.append(text_of(self.call, StoredRule(stored.pk, text, None)))


def enable(batch: Batch, chosen: list[StoredRule]) -> None:
    """Switch the rules on."""
    _switch(batch, chosen, enabled=True)


def disable(batch: Batch, chosen: list[StoredRule]) -> None:
    """Switch the rules off."""
    _switch(batch, chosen, enabled=False)


def _switch(batch: Batch, chosen: list[StoredRule], *, enabled: bool) -> None:
    """Rules that are so already are written again; the breaker trips for the whole batch (section 4.3)."""
    call = batch.call
    rules = [stored.rule() for stored in chosen]
    if enabled and not batch.dry_run and _breaker_trips(batch, rules):
        return
    for place, (stored, rule) in enumerate(zip(chosen, rules, strict=True)):
        half = enabled and place % 2 == 1 and "enable-fails" in call.faults
        if half:
            batch.results.fail(call.faults["enable-fails"].message, rule)
        elif not batch.fails(rule):
            batch.results.succeeded += 1
            if not batch.dry_run:
                batch.store(stored, rule, enabled=enabled)


def _breaker_trips(batch: Batch, rules: list[Body]) -> bool:
    wanted = sum(runs_per_minute(rule["interval"]) for rule in rules if not rule["enabled"])
    left = batch.call.kibana.options.rules_per_minute - batch.call.kibana.rules.scheduled_runs()
    tripped = "circuit-breaker" in batch.call.faults
    if wanted <= left and not tripped:
        return False
    message = breaker.bulk_message(wanted, 0 if tripped else left, "enabled")
    for rule in rules:
        batch.results.fail(message, rule, status=400)
    return True


def delete(batch: Batch, chosen: list[StoredRule]) -> None:
    """Remove the rules."""
    for stored in chosen:
        if batch.fails(stored.rule()):
            continue
        batch.results.succeeded += 1
        if not batch.dry_run:
            batch.call.kibana.rules.delete(stored.pk)
            batch.results.deleted.append(text_of(batch.call, stored))


def duplicate(batch: Batch, chosen: list[StoredRule]) -> None:
    """Copies are disabled custom rules of their own (section 4.3)."""
    call = batch.call
    for stored in chosen:
        rule = stored.rule()
        if batch.fails(rule):
            continue
        batch.results.succeeded += 1
        if not batch.dry_run:
            copy = _copy(call, rule, batch.body.get("duplicate", {}))
            call.kibana.rules.insert(call.space, copy)
            batch.results.created.append(to_json(shown(call, copy)))


def _copy(call: Call, rule: Body, wanted: Body) -> Body:
    props = {**rule, "name": f"{rule['name']} [Duplicate]"}
    del props["rule_id"]
    props["actions"] = [{name: value for name, value in action.items() if name != "uuid"} for action in rule["actions"]]
    props["exceptions_list"] = copied_references(
        call,
        rule,
        exceptions=wanted.get("include_exceptions", True),
        expired=wanted.get("include_expired_exceptions", True),
    )
    return shape.created(props, user=call.user.name, now=call.kibana.clock.iso(), enabled=False)


def run(batch: Batch, chosen: list[StoredRule]) -> None:
    """Schedule manual runs: only enabled rules can have them, and nothing runs here."""
    for stored in chosen:
        rule = stored.rule()
        if not rule["enabled"]:
            message = "Cannot schedule manual rule run for a disabled rule"
            batch.results.fail(message, rule, code="MANUAL_RULE_RUN_DISABLED_RULE")
        elif not batch.fails(rule):
            batch.results.succeeded += 1
            batch.results.updated.append(text_of(batch.call, stored))


def fill_gaps(batch: Batch, chosen: list[StoredRule]) -> None:
    """Fill gaps: rules never run here, so an enabled one has none, and a disabled one is an error."""
    for stored in chosen:
        rule = stored.rule()
        if rule["enabled"]:
            batch.results.skip(rule, "NO_GAPS_TO_FILL")
        else:
            batch.results.fail("Cannot bulk fill gaps for a disabled rule", rule, code="RULE_FILL_GAPS_DISABLED_RULE")


def edit(batch: Batch, chosen: list[StoredRule]) -> None:
    """Apply the edit operations to each rule."""
    for stored in chosen:
        rule = stored.rule()
        if batch.fails(rule):
            continue
        try:
            _edit_one(batch, stored, rule)
        except edits.EditError as exc:
            batch.results.fail(str(exc), rule, status=exc.status, code=exc.code)
        except ApiError as exc:
            batch.results.fail(str(exc), rule, status=exc.status)


def _edit_one(batch: Batch, stored: StoredRule, rule: Body) -> None:
    operations: list[Body] = batch.body["edit"]
    _check_editable(batch.call, rule, operations)
    edited = edits.apply_edits(rule, operations, dry_run=batch.dry_run)
    if edited is None:
        batch.results.skip(rule, "RULE_NOT_MODIFIED")
        return
    checks.check_alerting(batch.call, edited, "update")
    if rule["enabled"] and edited["interval"] != rule["interval"]:
        breaker.check(batch.call, edited, "updated", freed=runs_per_minute(rule["interval"]))
    batch.results.succeeded += 1
    if not batch.dry_run:
        bumped = shape.differs(rule, edited)
        source = source_of(batch.call, edited)
        batch.store(stored, edited, revision=rule["revision"] + bumped, rule_source=source)


def _check_editable(call: Call, rule: Body, operations: list[Body]) -> None:
    """Without the licence to customise, only the actions of a prebuilt rule can be edited."""
    if not rule["immutable"] or call.kibana.options.license == "enterprise":
        return
    if any(operation["type"] not in edits.ACTION_EDITS for operation in operations):
        raise edits.EditError("Elastic rule can't be edited", "PREBUILT_CUSTOMIZATION_LICENSE", 400)


ACTIONS: dict[str, Callable[[Batch, list[StoredRule]], None]] = {
    "enable": enable,
    "disable": disable,
    "delete": delete,
    "duplicate": duplicate,
    "run": run,
    "fill_gaps": fill_gaps,
    "edit": edit,
}
