"""What deployer said, as the outputs of the action."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

ACTIONS = ("create", "update", "enable", "disable", "delete", "recreate", "adopt")


def read(path: Path) -> dict[str, Any]:
    """Return the JSON document of a run; a run that ended before it wrote one says so."""
    try:
        found = json.loads(path.read_text("utf-8"))
    except (OSError, ValueError):
        found = None
    if isinstance(found, dict):
        return found
    return {"command": "error", "error": "deployer ended without a result; the log above says why"}


def outputs(document: Mapping[str, Any]) -> dict[str, str]:
    """Return the outputs that a document gives, by name."""
    command = document.get("command")
    result = {"refusal": refusal(document)}
    if command == "plan":
        result |= _of_plans(document.get("plans", ()))
    elif command == "drift":
        result["has_drift"] = _word(any(target.get("has_drift") for target in document.get("targets", ())))
    elif command in ("apply", "rollback"):
        numbers = [target.get("deployment") for target in document.get("targets", ()) if target.get("deployment")]
        result["deployment"] = str(max(numbers)) if numbers else ""
    return result


def refusal(document: Mapping[str, Any]) -> str:
    """Return why a run was refused, or why an apply of its plans would be; "" for neither."""
    if document.get("refusal"):
        return str(document["refusal"])
    for part in (*document.get("plans", ()), *_targets(document)):
        if part.get("refusal"):
            return str(part["refusal"])
        if part.get("notes", {}).get("blocked"):
            return "conflict"
        if part.get("refusals"):
            return str(part["refusals"][0]["refusal"])
    return ""


def _targets(document: Mapping[str, Any]) -> Sequence[Mapping[str, Any]]:
    found = document.get("targets", ())
    return found if isinstance(found, list) else ()  # `recover` has a table there


def _of_plans(plans: Sequence[Mapping[str, Any]]) -> dict[str, str]:
    made = [plan for plan in plans if "digest" in plan]
    counts = {f"{action}s": str(sum(plan["counts"].get(action, 0) for plan in made)) for action in ACTIONS}
    changing = [{"target": plan["target"]["name"], "digest": plan["digest"]} for plan in made if plan["has_changes"]]
    return {
        "has_changes": _word(bool(changing)),
        **counts,
        "digest": made[0]["digest"] if len(plans) == 1 and made else "",
        "targets": json.dumps(changing),
    }


def _word(truth: bool) -> str:
    return "true" if truth else "false"
