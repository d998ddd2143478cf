"""What Kibana checks about a rule beyond its schema (facts.md sections 3.4, 3.8, 7.2, 9.3 and 9.4)."""

from __future__ import annotations

import re
from typing import Any

from deployer.sandbox.call import Call
from deployer.sandbox.errors import SiemError
from deployer.sandbox.messages import Body
from deployer.sandbox.rule_table import runs_per_minute
from deployer.sandbox.rules.actions import check_actions
from deployer.sandbox.versions import Version

_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86_400}


def check_props(props: Body, version: Version, *, identified: bool = False) -> None:
    """The `validate*Props` functions: raise the SIEM 400 whose message is a list, with every complaint."""
    errors = complaints(props, version)
    if identified:
        errors = [*_identification(props), *errors]
    if errors:
        raise SiemError(400, errors)


def identification(sent: dict[str, Any]) -> None:
    """Exactly one of `id` and `rule_id` (section 3.1)."""
    errors = _identification(sent)
    if errors:
        raise SiemError(400, errors)


def _identification(sent: dict[str, Any]) -> list[str]:
    if "id" in sent and "rule_id" in sent:
        return ['both "id" and "rule_id" cannot exist, choose one or the other']
    return [] if "id" in sent or "rule_id" in sent else ['either "id" or "rule_id" must be set']


def complaints(props: Body, version: Version) -> list[str]:
    """The texts of section 9.3 that apply to a create, update or import body."""
    return [*_timeline(props), *_indicator_match(props, version), *_threshold(props)]


def _timeline(props: Body) -> list[str]:
    errors = []
    for name, other in (("timeline_id", "timeline_title"), ("timeline_title", "timeline_id")):
        if name in props and other not in props:
            errors.append(f'when "{name}" exists, "{other}" must also exist')
    if not errors:
        errors = [
            f'"{name}" cannot be an empty string' for name in ("timeline_id", "timeline_title") if props.get(name) == ""
        ]
    return errors


def _indicator_match(props: Body, version: Version) -> list[str]:
    if props.get("type") != "threat_match":
        return []
    errors = []
    for name, other in (("concurrent_searches", "items_per_search"), ("items_per_search", "concurrent_searches")):
        if name in props and other not in props:
            errors.append(f'when "{name}" exists, "{other}" must also exist')
    if version.since(9, 2):
        errors += _negations(props.get("threat_mapping", []))
    return errors


def _negations(mapping: list[Body]) -> list[str]:
    errors = []
    if any(len(group["entries"]) == 1 and group["entries"][0].get("negate") for group in mapping):
        errors.append(
            "Negate mappings cannot be used as a single entry in the AND condition. "
            "Please use at least one matching mapping entry."
        )
    for group in mapping:
        negated = {(entry["field"], entry["value"]) for entry in group["entries"] if entry.get("negate")}
        matching = {(entry["field"], entry["value"]) for entry in group["entries"] if not entry.get("negate")}
        if negated & matching:
            errors.append(
                "Negate and matching mappings cannot have identical fields and values in the same AND condition."
            )
            break
    return errors


def _threshold(props: Body) -> list[str]:
    threshold = props.get("threshold")
    if not isinstance(threshold, dict):
        return []
    fields = threshold["field"] if isinstance(threshold["field"], list) else [threshold["field"]]
    counted = [entry["field"] for entry in threshold.get("cardinality", [])]
    return ["Cardinality of a field that is being aggregated on is always 1"] if set(fields) & set(counted) else []


def check_default_list(call: Call, references: list[Body], rule_id: str = "") -> None:
    """
    At most one `rule_default` list, and none that another rule has (section 7.2). `rule_id` is the saved-object id.
    """
    defaults = [reference["list_id"] for reference in references if reference["type"] == "rule_default"]
    if len(defaults) > 1:
        raise SiemError(400, "More than one default exception list found on rule")
    if defaults:
        others = call.kibana.rules.with_default_list(call.space, defaults[0], but=rule_id)
        if others:
            about = f" for rule: {rule_id}" if rule_id else ""
            raise SiemError(409, f"default exception list{about} already exists in rule(s): {','.join(others)}")


def check_alerting(
    call: Call, rule: Body, operation: str, *, connectors: frozenset[str] | set[str] = frozenset()
) -> None:
    """What the alerting framework checks of a rule about to be stored; `operation` is `create` or `update`."""
    if not runs_per_minute(rule["interval"]):
        what = f"[schedule.interval]: string is not a valid duration: {rule['interval']}"
        raise SiemError(400, f"Error validating {operation} data - {what}")
    if rule["type"] == "new_terms":
        _check_history_window(rule)
    if rule["actions"]:
        check_actions(call, rule, operation, connectors)


def _check_history_window(rule: Body) -> None:
    """The history must reach back further than the rule looks (section 9.3)."""
    window, start = _seconds_back(rule["history_window_start"]), _seconds_back(rule["from"])
    if window is not None and start is not None and window <= start:
        raise SiemError(
            400,
            "params invalid: History window size is smaller than rule interval + additional lookback, "
            "'historyWindowStart' must be earlier than 'from'",
        )


def _seconds_back(text: str) -> int | None:
    found = re.fullmatch(r"now-(\d+)([smhdwMy])", text)
    if not found:
        return None
    units = {**_UNITS, "w": 604_800, "M": 2_592_000, "y": 31_536_000}
    return int(found[1]) * units[found[2]]


def check_fields(call: Call, before: Body, after: Body) -> None:
    """From 9.4 on who may not edit exceptions cannot change the list references of a rule (section 9.5)."""
    if not call.version.since(9, 4) or call.user.may("exceptions-all"):
        return
    if before["exceptions_list"] != after["exceptions_list"]:
        message = "The current user does not have the permissions to edit the following fields: exceptions_list"
        raise SiemError(403, message)


def check_same_type(existing: Body, props: Body) -> None:
    """A type cannot change, but `query` and `saved_query` share one parameter schema (section 3.4)."""
    before, after = existing["type"], props["type"]
    if before != after and {before, after} != {"query", "saved_query"}:
        raise SiemError(400, f'params invalid: [type]: Invalid literal value, expected "{before}", received "{after}"')


def check_prebuilt_put(existing: Body, props: Body) -> None:
    """Author and licence of a prebuilt rule cannot change; leaving one out counts as a change (section 3.8)."""
    if existing["immutable"]:
        _check_author(existing, props.get("author", []), props.get("license"))


def check_prebuilt_patch(existing: Body, patch: Body) -> None:
    """As for PUT, but only where the field is sent."""
    if existing["immutable"]:
        _check_author(existing, patch.get("author", existing["author"]), patch.get("license", existing.get("license")))


def _check_author(existing: Body, author: Any, license_: Any) -> None:
    if author != existing["author"]:
        raise SiemError(400, 'Cannot update "author" field for prebuilt rules')
    if license_ != existing.get("license"):
        raise SiemError(400, 'Cannot update "license" field for prebuilt rules')
