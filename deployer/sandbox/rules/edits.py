"""
The edit operations of `_bulk_action` (facts.md section 4.3). Each takes a rule and a value and returns the edited
rule, or None where it leaves the rule as it is; an operation that does not fit the rule raises EditError.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from deployer.sandbox.messages import Body
from deployer.sandbox.rules import parts
from deployer.sandbox.rules.shape import normalised_actions
from deployer.sandbox.schema import Check, array, boolean, discriminated, may, need, obj, one_of, strings, text
from deployer.sandbox.versions import Version


class EditError(Exception):
    """The rule cannot be edited this way; `code` is the `err_code` of the answer, "" for none."""

    def __init__(self, message: str, code: str = "", status: int = 500) -> None:
        super().__init__(message)
        self.code = code
        self.status = status


Edit = Callable[[Body, Any, Body], Body | None]

ACTION_EDITS = frozenset({"add_rule_actions", "set_rule_actions"})
_DURATION = r"[1-9]\d*[smh]"
_SECONDS = {"s": 1, "m": 60, "h": 3600}
_actions = obj({"actions": need(array(parts.BULK_ACTION)), "throttle": may(one_of("rule", "1h", "1d", "7d"))})
_schedule = obj({"interval": need(text(pattern=_DURATION)), "lookback": need(text(pattern=_DURATION))})
_timeline = obj({"timeline_id": need(text()), "timeline_title": need(text())})


def schema(version: Version) -> Check:
    """One entry of `edit`; suppression edits exist from 9.1 on."""
    values: dict[str, Check] = {
        **dict.fromkeys(("add_tags", "delete_tags", "set_tags"), strings()),
        **dict.fromkeys(("add_index_patterns", "delete_index_patterns", "set_index_patterns"), strings()),
        **dict.fromkeys(
            ("add_investigation_fields", "delete_investigation_fields", "set_investigation_fields"),
            parts.INVESTIGATION_FIELDS,
        ),
        "set_timeline": _timeline,
        "add_rule_actions": _actions,
        "set_rule_actions": _actions,
        "set_schedule": _schedule,
    }
    if version.since(9, 1):
        values["set_alert_suppression"] = parts.SUPPRESSION
        values["set_alert_suppression_for_threshold"] = parts.THRESHOLD_SUPPRESSION
    members = {
        name: obj({"type": need(one_of(name)), "value": need(value), "overwrite_data_views": may(boolean)})
        for name, value in values.items()
    }
    if version.since(9, 1):
        members["delete_alert_suppression"] = obj({"type": need(one_of("delete_alert_suppression"))})
    return discriminated("type", members)


def _changed(rule: Body, **values: Any) -> Body | None:
    """The rule with new values (None takes a key away), or None where nothing is new."""
    edited = {**rule, **values}
    edited = {name: value for name, value in edited.items() if value is not None}
    return edited if edited != rule else None


def _without(values: list[str], gone: list[str]) -> list[str]:
    return [value for value in values if value not in gone]


def _united(values: list[str], more: list[str]) -> list[str]:
    return [*values, *(value for value in dict.fromkeys(more) if value not in values)]


def _add_tags(rule: Body, value: list[str], _edit: Body) -> Body | None:
    return _changed(rule, tags=_united(rule["tags"], value))


def _delete_tags(rule: Body, value: list[str], _edit: Body) -> Body | None:
    return _changed(rule, tags=_without(rule["tags"], value))


def _set_tags(rule: Body, value: list[str], _edit: Body) -> Body | None:
    return {**rule, "tags": list(dict.fromkeys(value))}  # setting tags always counts as an edit


def check_index(rule: Body, verb: str, *, dry_run: bool) -> None:
    """Machine learning and ES|QL rules have no index patterns; `verb` is added, deleted or overwritten."""
    kinds = {
        "machine_learning": ("Machine learning", "MACHINE_LEARNING_INDEX_PATTERN"),
        "esql": ("ES|QL", "ESQL_INDEX_PATTERN"),
    }
    if rule["type"] not in kinds:
        return
    kind, code = kinds[rule["type"]]
    if dry_run:
        raise EditError(f"{kind} rule doesn't have index patterns", code)
    raise EditError(f"Index patterns can't be {verb}. {kind} rule doesn't have index patterns property", code)


INDEX_VERBS = {"add_index_patterns": "added", "delete_index_patterns": "deleted", "set_index_patterns": "overwritten"}


def _index(combine: Callable[[list[str], list[str]], list[str]]) -> Edit:
    def edit_index(rule: Body, value: list[str], edit: Body) -> Body | None:
        if "data_view_id" in rule and not edit.get("overwrite_data_views"):
            return None
        patterns = combine(rule.get("index", []), value)
        if not patterns:
            raise EditError("Mutated params invalid: Index patterns can't be empty")
        return _changed(rule, index=patterns, data_view_id=None)

    return edit_index


def _investigation(combine: Callable[[list[str], list[str]], list[str]]) -> Edit:
    def edit_fields(rule: Body, value: Body, _edit: Body) -> Body | None:
        names = combine(rule.get("investigation_fields", {}).get("field_names", []), value["field_names"])
        return _changed(rule, investigation_fields={"field_names": names} if names else None)

    return edit_fields


def _set_timeline(rule: Body, value: Body, _edit: Body) -> Body | None:
    return _changed(rule, timeline_id=value["timeline_id"] or None, timeline_title=value["timeline_title"] or None)


def _new_actions(value: Body) -> list[Body]:
    # Connector types are filled in when the actions are checked against their connectors.
    sent = [{"action_type_id": "", **action} for action in value["actions"]]
    return normalised_actions(sent, value.get("throttle"))


def _add_actions(rule: Body, value: Body, _edit: Body) -> Body | None:
    added = _new_actions(value)
    return {**rule, "actions": [*rule["actions"], *added]} if added else None


def _set_actions(rule: Body, value: Body, _edit: Body) -> Body | None:
    actions = _new_actions(value)
    return {**rule, "actions": actions} if actions or rule["actions"] else None


def _set_schedule(rule: Body, value: Body, _edit: Body) -> Body | None:
    interval, lookback = value["interval"], value["lookback"]
    seconds = sum(int(part[:-1]) * _SECONDS[part[-1]] for part in (interval, lookback))
    meta = {**rule.get("meta", {}), "from": lookback}
    return _changed(rule, interval=interval, meta=meta, **{"from": f"now-{seconds}s"}, to="now")


def _set_suppression(rule: Body, value: Body, _edit: Body) -> Body | None:
    if rule["type"] == "threshold":
        raise EditError(
            "Threshold rule doesn't support this action. Use 'set_alert_suppression_for_threshold' instead.",
            "THRESHOLD_RULE_TYPE_IN_SUPPRESSION",
        )
    return _changed(rule, alert_suppression={"missing_fields_strategy": "suppress", **value})


def _set_threshold_suppression(rule: Body, value: Body, _edit: Body) -> Body | None:
    if rule["type"] != "threshold":
        raise EditError(
            f"Rule type {rule['type']} isn't supported for this action. Use 'set_alert_suppression' instead.",
            "UNSUPPORTED_RULE_IN_SUPPRESSION_FOR_THRESHOLD",
        )
    return _changed(rule, alert_suppression=value)


def _delete_suppression(rule: Body, _value: Any, _edit: Body) -> Body | None:
    return _changed(rule, alert_suppression=None)


EDITS: dict[str, Edit] = {
    "add_tags": _add_tags,
    "delete_tags": _delete_tags,
    "set_tags": _set_tags,
    "add_index_patterns": _index(_united),
    "delete_index_patterns": _index(_without),
    "set_index_patterns": _index(lambda _old, new: list(dict.fromkeys(new))),
    "add_investigation_fields": _investigation(_united),
    "delete_investigation_fields": _investigation(_without),
    "set_investigation_fields": _investigation(lambda _old, new: list(dict.fromkeys(new))),
    "set_timeline": _set_timeline,
    "add_rule_actions": _add_actions,
    "set_rule_actions": _set_actions,
    "set_schedule": _set_schedule,
    "set_alert_suppression": _set_suppression,
    "set_alert_suppression_for_threshold": _set_threshold_suppression,
    "delete_alert_suppression": _delete_suppression,
}


def apply_edits(rule: Body, edits: list[Body], *, dry_run: bool) -> Body | None:
    """The rule after all edits in order; None where every one of them left it as it was."""
    edited = rule
    touched = False
    for edit in edits:
        if edit["type"] in INDEX_VERBS:
            check_index(rule, INDEX_VERBS[edit["type"]], dry_run=dry_run)
        outcome = EDITS[edit["type"]](edited, edit.get("value"), edit)
        if outcome is not None:
            edited, touched = outcome, True
    return edited if touched else None
