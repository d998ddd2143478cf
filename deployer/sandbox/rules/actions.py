"""The actions of a rule against the connectors that they name (facts.md section 7.4)."""

from __future__ import annotations

from deployer.sandbox.call import Call
from deployer.sandbox.connectors import preconfigured
from deployer.sandbox.errors import SiemError
from deployer.sandbox.kinds import CONNECTOR
from deployer.sandbox.messages import Body
from deployer.sandbox.rule_table import runs_per_minute
from deployer.sandbox.rules.shape import SYSTEM_CONNECTOR


def check_actions(call: Call, rule: Body, operation: str, imported: frozenset[str] | set[str] = frozenset()) -> None:
    """Privilege, connectors and fields of a rule's actions; actions get their connector's real type (section 7.4)."""
    if not call.user.may("actions-read"):
        raise SiemError(403, "Unauthorized to execute actions")
    faulty = []
    for index, action in enumerate(rule["actions"]):
        connector = find_connector(call, action["id"])
        if connector is None:
            raise SiemError(
                400, f"Failed to load action {action['id']} (404): Saved object [action/{action['id']}] not found"
            )
        action["action_type_id"] = connector["connector_type_id"]
        if connector.get("is_missing_secrets") and action["id"] not in imported:
            faulty.append(connector["name"])
        if "group" not in action and not action["id"].startswith(SYSTEM_CONNECTOR):
            what = f"[actions.{index}.group]: expected value of type [string] but got [undefined]"
            raise SiemError(400, f"Error validating {operation} data - {what}")
    errors = [f"Invalid connectors: {', '.join(faulty)}"] if faulty else []
    errors += _action_errors(rule)
    if errors:
        listed = f" {errors[0]}" if len(errors) == 1 else "".join(f"\n- {error}" for error in errors)
        count = "the following error:" if len(errors) == 1 else f"the following {len(errors)} errors:"
        raise SiemError(400, f"Failed to validate actions due to {count}{listed}")


def find_connector(call: Call, id_: str) -> Body | None:
    """
    The connector that a rule action names, None where there is none. Connectors are documents of CONNECTOR; the
    body has at least `name`, `connector_type_id` and, where secrets were lost, `is_missing_secrets`.
    """
    if id_.startswith(SYSTEM_CONNECTOR):
        return {"name": id_, "connector_type_id": id_.removeprefix(SYSTEM_CONNECTOR)}
    if fixed := preconfigured(id_):
        return fixed
    document = call.kibana.documents.get(CONNECTOR, call.space, id_)
    return None if document is None else document.body


def _action_errors(rule: Body) -> list[str]:
    errors = []
    actions = [action for action in rule["actions"] if not action["id"].startswith(SYSTEM_CONNECTOR)]
    uuids = [action["uuid"] for action in rule["actions"]]
    if len(set(uuids)) != len(uuids):
        errors.append("Actions have duplicated UUIDs")
    groups = [action["group"] for action in actions if action["group"] != "default"]
    if groups:
        errors.append(f"Invalid action groups: {', '.join(groups)}")
    short = [action for action in actions if _too_often(action, rule["interval"])]
    if short:
        listed = ", ".join(f"{action['group']} ({action['frequency']['throttle']})" for action in short)
        errors.append(f"Action frequency cannot be shorter than the schedule interval of {rule['interval']}: {listed}")
    for action in actions:
        filters = action.get("alerts_filter")
        if filters is not None and not (filters.get("query") or filters.get("timeframe")):
            # The two spaces are Kibana's.
            errors.append(f'Action\'s alertsFilter  must have either "query" or "timeframe" : {action["uuid"]}')
    return errors


def _too_often(action: Body, interval: str) -> bool:
    frequency = action["frequency"]
    if frequency["notifyWhen"] != "onThrottleInterval" or not frequency["throttle"]:
        return False
    return runs_per_minute(frequency["throttle"]) > runs_per_minute(interval)
