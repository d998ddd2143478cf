"""
`_import`: the order of its work, chunk by chunk, and what it answers (facts.md section 5.3).

Every chunk of 50 rules is a transaction of its own: a client that is cut off leaves the server working, and whoever
looks meanwhile sees a part of the file.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import islice

from deployer.sandbox.call import Call
from deployer.sandbox.errors import ApiError, SiemError
from deployer.sandbox.exception_import import Imported, import_exceptions
from deployer.sandbox.exception_lists import find_list
from deployer.sandbox.messages import Body, Response, json_response
from deployer.sandbox.multipart import read_file_part
from deployer.sandbox.query_schema import query_boolean
from deployer.sandbox.routing import Route
from deployer.sandbox.rules import breaker, checks, shape, writing
from deployer.sandbox.rules.actions import find_connector
from deployer.sandbox.rules.crud import PATH
from deployer.sandbox.rules.import_connectors import ImportedConnectors, import_connectors
from deployer.sandbox.rules.import_file import ImportFile, error, read_file
from deployer.sandbox.rules.prebuilt import assets, source_of
from deployer.sandbox.schema import may

_MOST_BYTES = 10_485_760
_MOST_RULES = 10_000
_CHUNK = 50
_QUERY = {
    name: may(query_boolean)
    for name in ("overwrite", "overwrite_exceptions", "overwrite_action_connectors", "as_new_list")
}


@dataclass(slots=True)
class _Work:
    """One import under way; the error lists are told in this order."""

    call: Call
    overwrite: bool
    connectors: ImportedConnectors
    imported: int = 0
    import_errors: list[Body] = field(default_factory=list)
    action_errors: list[Body] = field(default_factory=list)


def import_rules(call: Call) -> Response:
    """Read the file, import what is around the rules, then the rules; 200 whenever the file was processed."""
    sent = call.query(_QUERY)
    found = read_file(read_file_part(call.request), call.version)
    if found.rules_count >= _MOST_RULES:  # exactly the limit fails too
        raise SiemError(500, f"Can't import more than {_MOST_RULES} rules")
    exceptions = import_exceptions(call, found.exceptions, overwrite=sent.get("overwrite_exceptions", False))
    overwrite_connectors = sent.get("overwrite_action_connectors", False)
    connectors = import_connectors(call, found.connectors, overwrite=overwrite_connectors)
    work = _Work(call, sent.get("overwrite", False), connectors)
    for chunk in _chunks(_with_known_connectors(work, found)):
        call.spend(len(chunk))
        with call.kibana.database.transaction():
            for rule in chunk:
                _import_one(work, rule)
    return json_response(_answer(found, work, exceptions))


def _chunks(rules: Iterator[Body]) -> Iterator[list[Body]]:
    while chunk := list(islice(rules, _CHUNK)):
        yield chunk


def _with_known_connectors(work: _Work, found: ImportFile) -> Iterator[Body]:
    """The rules whose connectors are there; the others are told of and left out."""
    call = work.call
    for rule in found.rules.values():
        wanted = list(dict.fromkeys(action["id"] for action in rule.get("actions", [])))
        missing = [id_ for id_ in wanted if find_connector(call, id_) is None]
        if wanted and not call.user.may("actions-read"):
            message = f"You may not have actions privileges required to import rules with actions: {','.join(wanted)}"
            work.action_errors.append(error(403, message, rule_id=rule["rule_id"]))
        elif missing:
            message = f"Rule actions reference the following missing action IDs: {','.join(missing)}"
            work.action_errors.append(error(404, message, rule_id=rule["rule_id"]))
        else:
            yield rule


def _import_one(work: _Work, props: Body) -> None:
    rule_id = props["rule_id"]
    try:
        props = _with_local_lists(work, props)
        _store(work, props)
    except ApiError as exc:
        status = exc.status if exc.status in (403, 409) else 400
        work.import_errors.append(error(status, str(exc), rule_id=rule_id))
    else:
        work.imported += 1


def _with_local_lists(work: _Work, props: Body) -> Body:
    """References to lists that are here, with the ids that they have here; the others are taken off and told of."""
    kept = []
    for reference in props.get("exceptions_list", []):
        list_ = find_list(work.call, None, reference["list_id"], reference["namespace_type"])
        if list_ is None or list_.body["type"] != reference["type"]:
            message = (
                f'Rule with rule_id: "{props["rule_id"]}" references a non existent exception list of '
                f'list_id: "{reference["list_id"]}". Reference has been removed.'
            )
            work.import_errors.append(error(400, message, rule_id=props["rule_id"]))
        else:
            kept.append({**reference, "id": list_.id})
    return {**props, "exceptions_list": kept} if "exceptions_list" in props else props


def _store(work: _Work, props: Body) -> None:
    call = work.call
    known = bool(assets(call, props["rule_id"]))
    if known:
        _check_prebuilt(call, props)
    stored = call.kibana.rules.by_rule_id(call.space, props["rule_id"])
    if stored is None:
        _create(work, props, prebuilt=known)
        return
    if not work.overwrite:
        raise SiemError(409, "Rule with this rule_id already exists")
    before = stored.rule()
    checks.check_same_type(before, props)
    checks.check_default_list(call, props.get("exceptions_list", []), before["id"])
    now = call.kibana.clock.iso()
    after = {**shape.replaced(before, props, user=call.user.name, now=now, version=1), "immutable": known}
    after = writing.save(call, stored.pk, before, after, skip_equal=False, connectors=work.connectors.ids)
    enabled = bool(props.get("enabled", before["enabled"]))
    if enabled != before["enabled"]:
        writing.flip(call, after, enabled=enabled)


def _create(work: _Work, props: Body, *, prebuilt: bool) -> None:
    """A new rule is disabled unless the file says otherwise (section 0.1)."""
    call = work.call
    now = call.kibana.clock.iso()
    rule = shape.created(props, user=call.user.name, now=now, enabled=props.get("enabled", False))
    rule = {**rule, "immutable": prebuilt}
    rule["rule_source"] = source_of(call, rule)
    checks.check_default_list(call, rule["exceptions_list"])
    checks.check_alerting(call, rule, "create", connectors=work.connectors.ids)
    if rule["enabled"]:
        breaker.check(call, rule, "created")
    call.kibana.rules.insert(call.space, rule)


def _check_prebuilt(call: Call, props: Body) -> None:
    """A known prebuilt rule needs its version, and without the licence it must not be customised."""
    named = f"[rule_id: {props['rule_id']}]"
    if "version" not in props:
        raise SiemError(400, f'Prebuilt rules must specify a "version" to be imported. {named}')
    if call.kibana.options.license == "enterprise":
        return
    rule = shape.created(props, user=call.user.name, now="", enabled=False)
    if source_of(call, {**rule, "immutable": True})["is_customized"]:
        raise SiemError(
            400,
            "Importing prebuilt rules is not supported if the they were modified. "
            f"Upgrade your license to import modified prebuilt rules {named}.",
        )


def _answer(found: ImportFile, work: _Work, exceptions: Imported) -> Body:
    repeated = []
    if not work.overwrite:
        repeated = [
            error(400, f'More than one rule with rule-id: "{rule_id}" found', rule_id=rule_id)
            for rule_id in dict.fromkeys(found.repeated)
        ]
    errors = [*found.errors, *repeated, *work.import_errors, *work.action_errors]
    connectors = work.connectors
    return {
        "success": not errors,
        "success_count": work.imported,
        "rules_count": found.rules_count,
        "errors": errors,
        "exceptions_success": not exceptions.errors,
        "exceptions_success_count": exceptions.items,
        "exceptions_errors": exceptions.errors,
        "action_connectors_success": not connectors.errors,
        "action_connectors_success_count": connectors.count,
        "action_connectors_errors": connectors.errors,
        "action_connectors_warnings": connectors.warnings,
    }


ROUTES = (Route("POST", f"{PATH}/_import", import_rules, "rules-all", "multipart", most=_MOST_BYTES, writes=True),)
