"""`_bulk_action`: one action on many rules, chosen by saved-object ids, by KQL, or all of them (facts.md section 4)."""

from __future__ import annotations

from deployer.sandbox.call import Call
from deployer.sandbox.errors import ApiError, SiemError
from deployer.sandbox.gate import route_denied
from deployer.sandbox.messages import Body, Response
from deployer.sandbox.query_schema import query_boolean
from deployer.sandbox.routing import Route
from deployer.sandbox.rule_table import StoredRule
from deployer.sandbox.rules import edits
from deployer.sandbox.rules.bulk_actions import ACTIONS, Batch
from deployer.sandbox.rules.bulk_results import Results
from deployer.sandbox.rules.crud import PATH
from deployer.sandbox.rules.exporting import ndjson
from deployer.sandbox.rules.find import compiled
from deployer.sandbox.schema import Check, array, boolean, discriminated, may, need, obj, one_of, text

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


def bulk_action(call: Call) -> Response:
    """Choose the rules, carry out the action on each, and tell what became of them."""
    dry_run = call.query(_QUERY).get("dry_run", False)
    body: Body = call.body(_schema(call))
    action = body["action"]
    _check_request(call, body, dry_run=dry_run)
    call.is_write = not dry_run and action != "export"
    results = Results()
    if action == "export":
        chosen = _chosen(call, body, results)
        return ndjson(call, chosen, [], details=True, file_name="rules_export.ndjson")
    with call.kibana.database.transaction():  # nobody writes between the choice and the deed
        chosen = _chosen(call, body, results)
        ACTIONS[action](Batch(call, body, results, dry_run), chosen)
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


ROUTES = (Route("POST", f"{PATH}/_bulk_action", bulk_action, "rules-read|rules-all", "json", in_flight=5, writes=True),)
