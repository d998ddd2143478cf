"""`_bulk_action`: one action on many rules, chosen by saved-object ids, by KQL, or all of them (facts.md section 4)."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from deployer.sandbox.call import Call
from deployer.sandbox.errors import ApiError, SiemError
from deployer.sandbox.gate import route_denied
from deployer.sandbox.messages import Body, Response, text_response, to_json
from deployer.sandbox.routing import Route
from deployer.sandbox.rule_table import StoredRule, runs_per_minute
from deployer.sandbox.rules import breaker, checks, edits, shape
from deployer.sandbox.rules.crud import PATH
from deployer.sandbox.rules.exceptions import copied_references
from deployer.sandbox.rules.exporting import ndjson
from deployer.sandbox.rules.find import compiled
from deployer.sandbox.rules.prebuilt import source_of
from deployer.sandbox.rules.reading import shown, text_of
from deployer.sandbox.schema import Check, array, boolean, discriminated, may, need, obj, one_of, query_boolean, text

_QUERY = {"dry_run": may(query_boolean)}
_dates = obj({"start_date": need(text()), "end_date": need(text())})
_duplicate = obj({"include_exceptions": need(boolean), "include_expired_exceptions": need(boolean)})


def _schema(call: Call) -> Check:
    shared = {
        "ids": may(array(text(), least=1)),
        "query": may(text()),
        "gaps_range_start": may(text()),
        "gaps_range_end": may(text()),
        "gap_fill_statuses": may(array(text())),
    }
    own = {
        "enable": {},
        "disable": {},
        "delete": {},
        "export": {},
        "duplicate": {"duplicate": may(_duplicate)},
        "run": {"run": need(_dates)},
        "edit": {"edit": need(array(edits.schema(call.version), least=1))},
    }
    if call.version.since(9, 1):
        own["fill_gaps"] = {"fill_gaps": need(_dates)}
    return discriminated(
        "action", {name: obj({"action": need(one_of(name)), **shared, **extra}) for name, extra in own.items()}
    )


@dataclass(slots=True)
class Results:
    """What happened to each rule, in the words of the answer; the lists hold JSON text."""

    updated: list[str] = field(default_factory=list)
    created: list[str] = field(default_factory=list)
    deleted: list[str] = field(default_factory=list)
    skipped: list[Body] = field(default_factory=list)
    succeeded: int = 0
    errors: dict[tuple[str, int, str], list[Body]] = field(default_factory=dict)

    def fail(self, message: str, rule: Body, *, status: int = 500, code: str = "") -> None:
        """One rule failed; errors with one message are told together."""
        named = {"id": rule["id"], **({"name": rule["name"]} if "name" in rule else {})}
        self.errors.setdefault((message[:1000], status, code), []).append(named)

    def skip(self, rule: Body, reason: str) -> None:
        """One rule was left as it was."""
        self.skipped.append({"id": rule["id"], "name": rule["name"], "skip_reason": reason})

    def response(self, action: str, *, dry_run: bool) -> Response:
        """200 where nothing failed, else the HTTP 500 that carries the same attributes (section 4.2)."""
        failed = sum(len(rules) for rules in self.errors.values())
        summary = {
            "failed": failed,
            "skipped": len(self.skipped),
            "succeeded": self.succeeded,
            "total": failed + len(self.skipped) + self.succeeded,
        }
        if dry_run:
            listed = '{"updated":[],"created":[],"deleted":[],"skipped":[]}'
        else:
            listed = (
                f'{{"updated":[{",".join(self.updated)}],"created":[{",".join(self.created)}],'
                f'"deleted":[{",".join(self.deleted)}],"skipped":{to_json(self.skipped)}}}'
            )
        attributes = f'"results":{listed},"summary":{to_json(summary)}'
        if not failed:
            return text_response(f'{{"success":true,"rules_count":{summary["total"]},"attributes":{{{attributes}}}}}')
        message = _failure(action, partly=self.succeeded > 0)
        errors = to_json([_error(key, rules) for key, rules in self.errors.items()])
        response = text_response(
            f'{{"message":"{message}","status_code":500,"attributes":{{"errors":{errors},{attributes}}}}}'
        )
        response.status = 500
        return response


def _failure(action: str, *, partly: bool) -> str:
    about = "Bulk manual rule run" if action == "run" else "Bulk edit"
    return f"{about} partially failed" if partly else f"{about} failed"


def _error(key: tuple[str, int, str], rules: list[Body]) -> Body:
    message, status, code = key
    return {"message": message, "status_code": status, **({"err_code": code} if code else {}), "rules": rules}


def bulk_action(call: Call) -> Response:
    """Choose the rules, carry out the action on each, and tell what became of them."""
    dry_run = call.query(_QUERY).get("dry_run", False)
    body: Body = call.body(_schema(call))
    action = body["action"]
    _check_request(call, body, dry_run=dry_run)
    call.is_write = not dry_run and action != "export"
    results = Results()
    chosen = _chosen(call, body, results)
    if action == "export":
        return ndjson(call, chosen, [], details=True, file_name="rules_export.ndjson")
    _ACTIONS[action](_Batch(call, body, results, dry_run), chosen)
    if not dry_run:
        call.spend(results.succeeded)
    return results.response(action, dry_run=dry_run)


def _check_request(call: Call, body: Body, *, dry_run: bool) -> None:
    gaps = [name for name in ("gaps_range_start", "gaps_range_end", "gap_fill_statuses") if name in body]
    if "ids" in body and body.get("query"):
        raise SiemError(400, "Both query and ids are sent. Define either ids or query in request payload.")
    if "ids" in body and gaps:
        raise SiemError(400, "Cannot use both ids and gaps_range_start/gaps_range_end in request payload.")
    # Before 9.5 there are no gap statuses to come along (facts.md section 4.1).
    complete = 3 if call.version.since(9, 5) else 2
    if gaps and len(gaps) < complete:
        raise SiemError(400, "gaps_range_start, gaps_range_end and gap_fill_statuses must be provided together.")
    most = _most_ids(call, body["action"])
    if len(body.get("ids", [])) > most:
        raise SiemError(400, f"More than {most} ids sent for bulk edit action.")
    if dry_run and body["action"] == "export":
        raise SiemError(400, "Export action doesn't support dry_run mode")
    if body["action"] != "export" and not call.user.may("rules-all"):
        raise _denied(call, body["action"])


def _denied(call: Call, action: str) -> ApiError:
    if call.version.since(9, 3):
        return route_denied(call.request, "rules-all")
    return SiemError(403, f'Unauthorized by "siem" to bulk{action.title()} "siem.queryRule" rule')


def _most_ids(call: Call, action: str) -> int:
    if not call.version.since(9, 5):
        return 100
    return 2_000 if action == "edit" else 10_000


def _chosen(call: Call, body: Body, results: Results) -> list[StoredRule]:
    table = call.kibana.rules
    if "ids" in body:
        found = []
        for id_ in dict.fromkeys(body["ids"]):
            stored = table.by_id(call.space, id_)
            if stored is None:
                results.fail("Rule not found", {"id": id_})
            else:
                found.append(stored)
        return found
    condition = compiled(body.get("query", ""))
    most = 2_000 if body["action"] == "edit" else 10_000
    if table.count(call.space, condition.sql, condition.values) > most:
        raise SiemError(400, f"More than {most} rules matched the filter query. Try to narrow it down.")
    if "gaps_range_start" in body:
        return []  # rules never run here, so none has a gap
    return table.select(call.space, condition.sql, condition.values)


@dataclass(frozen=True, slots=True)
class _Batch:
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
        self.call.kibana.rules.update(self.call.space, stored.pk, rule)
        self.results.updated.append(to_json(shown(self.call, rule)))


def _enable(batch: _Batch, chosen: list[StoredRule]) -> None:
    _switch(batch, chosen, enabled=True)


def _disable(batch: _Batch, chosen: list[StoredRule]) -> None:
    _switch(batch, chosen, enabled=False)


def _switch(batch: _Batch, chosen: list[StoredRule], *, enabled: bool) -> None:
    """Rules that are so already are written again; the breaker trips for the whole batch (section 4.3)."""
    call = batch.call
    with call.kibana.database.transaction():
        current = _again(batch, chosen)
        if enabled and not batch.dry_run and _breaker_trips(batch, [rule for _, rule in current]):
            return
        for place, (stored, rule) in enumerate(current):
            half = enabled and place % 2 == 1 and "enable-fails" in call.faults
            if half:
                batch.results.fail(call.faults["enable-fails"].message, rule)
            elif not batch.fails(rule):
                batch.results.succeeded += 1
                if not batch.dry_run:
                    batch.store(stored, rule, enabled=enabled)


def _again(batch: _Batch, chosen: list[StoredRule]) -> list[tuple[StoredRule, Body]]:
    """The chosen rules as they are now, inside the transaction; one deleted meanwhile is not found."""
    current = []
    for stored in chosen:
        rule = stored.rule()
        found = batch.call.kibana.rules.by_id(batch.call.space, rule["id"])
        if found is None:
            batch.results.fail("Rule not found", rule)
        else:
            current.append((found, found.rule()))
    return current


def _breaker_trips(batch: _Batch, rules: list[Body]) -> bool:
    wanted = sum(runs_per_minute(rule["interval"]) for rule in rules if not rule["enabled"])
    left = batch.call.kibana.options.rules_per_minute - batch.call.kibana.rules.scheduled_runs()
    tripped = "circuit-breaker" in batch.call.faults
    if wanted <= left and not tripped:
        return False
    message = breaker.bulk_message(wanted, 0 if tripped else left, "enabled")
    for rule in rules:
        batch.results.fail(message, rule, status=400)
    return True


def _delete(batch: _Batch, chosen: list[StoredRule]) -> None:
    with batch.call.kibana.database.transaction():
        for stored, rule in _again(batch, chosen):
            if batch.fails(rule):
                continue
            batch.results.succeeded += 1
            if not batch.dry_run:
                batch.call.kibana.rules.delete(stored.pk)
                batch.results.deleted.append(text_of(batch.call, stored))


def _duplicate_rules(batch: _Batch, chosen: list[StoredRule]) -> None:
    """Copies are disabled custom rules of their own (section 4.3)."""
    call = batch.call
    with call.kibana.database.transaction():
        for _stored, rule in _again(batch, chosen):
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


def _run(batch: _Batch, chosen: list[StoredRule]) -> None:
    for stored in chosen:
        rule = stored.rule()
        if not rule["enabled"]:
            message = "Cannot schedule manual rule run for a disabled rule"
            batch.results.fail(message, rule, code="MANUAL_RULE_RUN_DISABLED_RULE")
        elif not batch.fails(rule):
            batch.results.succeeded += 1
            batch.results.updated.append(text_of(batch.call, stored))


def _fill_gaps(batch: _Batch, chosen: list[StoredRule]) -> None:
    for stored in chosen:
        rule = stored.rule()
        if rule["enabled"]:
            batch.results.skip(rule, "NO_GAPS_TO_FILL")
        else:
            batch.results.fail("Cannot bulk fill gaps for a disabled rule", rule, code="RULE_FILL_GAPS_DISABLED_RULE")


def _edit(batch: _Batch, chosen: list[StoredRule]) -> None:
    with batch.call.kibana.database.transaction():
        for stored, rule in _again(batch, chosen):
            if batch.fails(rule):
                continue
            try:
                _edit_one(batch, stored, rule)
            except edits.EditError as exc:
                batch.results.fail(str(exc), rule, status=exc.status, code=exc.code)
            except ApiError as exc:
                batch.results.fail(str(exc), rule, status=exc.status)


def _edit_one(batch: _Batch, stored: StoredRule, rule: Body) -> None:
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


_ACTIONS = {
    "enable": _enable,
    "disable": _disable,
    "delete": _delete,
    "duplicate": _duplicate_rules,
    "run": _run,
    "fill_gaps": _fill_gaps,
    "edit": _edit,
}

ROUTES = (Route("POST", f"{PATH}/_bulk_action", bulk_action, "rules-read|rules-all", "json", in_flight=5, writes=True),)
