"""
Installing and updating prebuilt rules: `rules/prepackaged`, and the fixtures of the admin path (facts.md section 6).

Elastic's package is not here; an asset is made by `fixtures` or comes out of a seeded export.
"""

from __future__ import annotations

from typing import Any

from deployer.sandbox.call import Call
from deployer.sandbox.clock import new_uuid
from deployer.sandbox.documents import EVERYWHERE
from deployer.sandbox.kinds import ASSET
from deployer.sandbox.messages import Body, Response, json_response
from deployer.sandbox.routing import Route
from deployer.sandbox.rule_table import StoredRule
from deployer.sandbox.rules import shape
from deployer.sandbox.rules.crud import PATH
from deployer.sandbox.rules.prebuilt import assets, source_of

_IDENTITY = (
    "id",
    "created_at",
    "created_by",
    "updated_at",
    "updated_by",
    "enabled",
    "revision",
    "immutable",
    "rule_source",
)
# What an update by Elastic leaves as the user has set it.
_KEPT = ("id", "rule_id", "created_at", "created_by", "enabled", "actions", "exceptions_list", "response_actions")


def read_status(call: Call) -> Response:
    """The seven counters."""
    latest, installed = _latest(call), _installed(call)
    total = call.kibana.rules.count(call.space)
    return json_response(
        {
            "rules_custom_installed": total - len(installed),
            "rules_installed": len(installed),
            "rules_not_installed": len(set(latest) - set(installed)),
            "rules_not_updated": len(_outdated(latest, installed)),
            "timelines_installed": 0,
            "timelines_not_installed": 0,
            "timelines_not_updated": 0,
        }
    )


def install(call: Call) -> Response:
    """Install what is missing, disabled, and bring what is outdated up to the latest asset."""
    with call.kibana.database.transaction():
        latest, installed = _latest(call), _installed(call)
        missing = [asset for rule_id, asset in latest.items() if rule_id not in installed]
        for asset in missing:
            install_asset(call, asset)
        outdated = _outdated(latest, installed)
        for rule_id in outdated:
            upgrade(call, installed[rule_id], latest[rule_id])
    call.spend(len(missing) + len(outdated))
    counts = {"rules_installed": len(missing), "rules_updated": len(outdated)}
    return json_response({**counts, "timelines_installed": 0, "timelines_updated": 0})


def _latest(call: Call) -> dict[str, Body]:
    found: dict[str, Body] = {}
    for document in call.kibana.documents.all(ASSET, EVERYWHERE):
        known = found.get(document.parent)
        if known is None or known["version"] < document.body["version"]:
            found[document.parent] = document.body
    return found


def _installed(call: Call) -> dict[str, StoredRule]:
    return {stored.rule()["rule_id"]: stored for stored in call.kibana.rules.select(call.space, "immutable = 1")}


def _outdated(latest: dict[str, Body], installed: dict[str, StoredRule]) -> list[str]:
    return [
        rule_id
        for rule_id, stored in installed.items()
        if rule_id in latest and stored.rule()["version"] < latest[rule_id]["version"]
    ]


def add_asset(call: Call, rule: Body) -> Body:
    """Keep the content of a rule as an asset of its rule_id and version; one that is there already stays."""
    asset = {name: value for name, value in rule.items() if name not in _IDENTITY}
    if all(known.body["version"] != asset["version"] for known in assets(call, asset["rule_id"])):
        call.kibana.documents.add(ASSET, EVERYWHERE, new_uuid(), asset, parent=asset["rule_id"])
    return asset


def install_asset(call: Call, asset: Body, *, enabled: bool = False) -> Body:
    """Install a prebuilt rule in the space of the call."""
    rule = shape.created(asset, user=call.user.name, now=call.kibana.clock.iso(), enabled=enabled)
    rule = {**rule, "immutable": True}
    rule["rule_source"] = source_of(call, rule)
    call.kibana.rules.insert(call.space, rule)
    return rule


def upgrade(call: Call, stored: StoredRule, asset: Body) -> Body:
    """What Elastic's update does to an installed rule: new content, while what users set on it stays."""
    before = stored.rule()
    rule = shape.created(asset, user=call.user.name, now=call.kibana.clock.iso(), enabled=before["enabled"])
    rule |= {name: before[name] for name in _KEPT if name in before}
    rule |= {"immutable": True, "revision": before["revision"] + 1}
    rule["rule_source"] = source_of(call, rule)
    call.kibana.rules.update(stored.pk, rule)
    return rule


def fixtures(call: Call, count: int, *, installed: bool) -> list[str]:
    """Add `count` assets that are not there yet, and install them if wanted; returns their rule_ids."""
    have = {document.parent for document in call.kibana.documents.all(ASSET, EVERYWHERE)}
    names = (f"prebuilt-{number}" for number in range(1, len(have) + count + 1))
    rule_ids = [name for name in names if name not in have][:count]
    for rule_id in rule_ids:
        asset = add_asset(call, _fixture(rule_id, 1))
        if installed:
            install_asset(call, asset)
    return rule_ids


def update_fixtures(call: Call, rule_ids: list[str], *, installed: bool) -> int:
    """Elastic publishes a next version of these assets, and with `installed` the space takes it; returns how many."""
    done = 0
    for rule_id in rule_ids:
        known = assets(call, rule_id)
        if not known:
            continue
        asset = known[-1].body
        version = asset["version"] + 1
        changed: dict[str, Any] = {"version": version, "description": f"{asset['description']} (version {version})"}
        asset = add_asset(call, {**asset, **changed})
        stored = call.kibana.rules.by_rule_id(call.space, rule_id) if installed else None
        if stored is not None:
            upgrade(call, stored, asset)
        done += 1
    return done


def _fixture(rule_id: str, version: int) -> Body:
    """The content of a made-up prebuilt rule, complete as an export shows it."""
    props = {
        "type": "query",
        "rule_id": rule_id,
        "version": version,
        "name": f"Fixture {rule_id}",
        "description": f"Stands for a rule of Elastic's package ({rule_id}).",
        "severity": "medium",
        "risk_score": 47,
        "author": ["Elastic"],
        "license": "Elastic License v2",
        "index": ["logs-*"],
        "query": f'event.category: process and labels.fixture: "{rule_id}"',
        "tags": ["Fixture"],
        "interval": "5m",
        "from": "now-9m",
    }
    return shape.created(props, user="", now="", enabled=False)


ROUTES = (
    Route("GET", f"{PATH}/prepackaged/_status", read_status, "rules-read"),
    Route("PUT", f"{PATH}/prepackaged", install, "rules-all", writes=True),
)
