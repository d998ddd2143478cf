"""Exceptions of one rule: `/rules/{id}/exceptions`, and the lists of a duplicate (facts.md 1.1, 4.3, 7.2)."""

from __future__ import annotations

from deployer.sandbox.call import Call
from deployer.sandbox.documents import Document
from deployer.sandbox.errors import SiemError
from deployer.sandbox.exception_entries import ITEM_FIELDS
from deployer.sandbox.exception_items import add_item
from deployer.sandbox.exception_lists import add_list, find_list, shown
from deployer.sandbox.exception_transfer import copy_items
from deployer.sandbox.messages import Body, Response, json_response
from deployer.sandbox.routing import Route
from deployer.sandbox.rule_table import StoredRule
from deployer.sandbox.rules import writing
from deployer.sandbox.rules.crud import PATH
from deployer.sandbox.schema import Issues, array, need, obj, render, uuid

_BODY = obj({"items": need(array(obj(ITEM_FIELDS)))})
_DEFAULT = "rule_default"


def add_exceptions(call: Call) -> Response:
    """Add items to the rule's own list, which is made and linked where the rule has none yet."""
    items = call.body(_BODY)["items"]
    with call.kibana.documents.joined():
        stored = _rule(call)
        list_ = _own_list(call, stored)
        added = [add_item(call, {**item, "list_id": list_.key, "namespace_type": "single"}) for item in items]
    return json_response([shown(item) for item in added])


def _rule(call: Call) -> StoredRule:
    issues: Issues = []
    id_ = uuid(call.params["id"], ("id",), issues)
    if issues:
        raise SiemError(400, f"[request params]: {render(issues, call.version)}")
    stored = call.kibana.rules.by_id(call.space, id_)
    if stored is None:
        raise SiemError(404, f'Unable to add exception to rule - rule with id:"{id_}" not found')
    return stored


def _own_list(call: Call, stored: StoredRule) -> Document:
    rule = stored.rule()
    for reference in rule["exceptions_list"]:
        found = find_list(call, None, reference["list_id"], "single") if reference["type"] == _DEFAULT else None
        if found is not None:
            return found
    list_ = _new_default_list(call, rule)
    kept = [reference for reference in rule["exceptions_list"] if reference["type"] != _DEFAULT]
    now = {"updated_at": call.kibana.clock.iso(), "updated_by": call.user.name}
    writing.save(
        call, stored.pk, rule, {**rule, "exceptions_list": [*kept, _reference(list_)], **now}, skip_equal=False
    )
    return list_


def _new_default_list(call: Call, rule: Body) -> Document:
    return add_list(
        call,
        {
            "name": f"Exceptions for rule - {rule['name']}",
            "description": f"Exception list containing exceptions for rule with id: {rule['id']}",
            "type": _DEFAULT,
            "tags": ["default_rule_exception_list"],
        },
    )


def _reference(list_: Document) -> Body:
    return {"id": list_.id, "list_id": list_.key, "type": list_.body["type"], "namespace_type": "single"}


def copied_references(call: Call, rule: Body, *, exceptions: bool, expired: bool) -> list[Body]:
    """
    The list references of a duplicate of `rule`: shared lists are shared, its own list is copied with its items.

    `expired` copies items past their `expire_time` too.
    """
    if not exceptions:
        return []
    references = []
    for reference in rule["exceptions_list"]:
        if reference["type"] != _DEFAULT:
            references.append(reference)
            continue
        source = find_list(call, None, reference["list_id"], "single")
        if source is not None:
            references.append(_copied_list(call, rule, source, expired=expired))
    return references


def _copied_list(call: Call, rule: Body, source: Document, *, expired: bool) -> Body:
    copy = _new_default_list(call, rule)
    copy_items(call, source, copy.key, expired=expired)
    return _reference(copy)


ROUTES = (Route("POST", f"{PATH}/{{id}}/exceptions", add_exceptions, "exceptions-all", "json", writes=True),)
