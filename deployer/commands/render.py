"""`deployer render`: the payload of a rule for one target, and where each value came from."""

from __future__ import annotations

import json
from typing import Any

from deployer.adapters.rules import RuleTree
from deployer.commands.target import to_read
from deployer.commands.workspace import Workspace, raise_errors
from deployer.core.desired import Desired, DesiredRule, rendered, selected
from deployer.core.environment import Environment
from deployer.core.references import Space
from deployer.errors import DeployerError, UsageError
from deployer.queries.esql_source import rewrite_sources
from deployer.render.rule_text import rule_text


def render(workspace: Workspace, env: tuple[str, ...], rule: str | None, *, ndjson: bool, resolve: bool) -> int:
    """
    Show one rule, or every payload as NDJSON. Without `resolve` nothing is sent anywhere: connectors and exception
    lists
    keep the names that the files give them. Returns 0.
    """
    if rule is None and not ndjson and not workspace.console.json:
        raise UsageError("which rule?", hint="name a file, a rule_id or a name, or use --ndjson for all")
    environments = workspace.targets(env)
    tree = workspace.sound_tree()
    found: dict[str, list[DesiredRule]] = {}
    for environment in environments:
        desired = _resolved(workspace, environment, tree) if resolve else _as_named(environment, tree)
        raise_errors(desired.problems)
        found[environment.target] = _chosen(desired, rule, environment)
    _write(workspace, found, ndjson=ndjson)
    return 0


def _as_named(environment: Environment, tree: RuleTree) -> Desired:
    chosen, _ = selected(tree.files, environment, stack="")
    return rendered(chosen, environment, Space(names=environment.connectors), tree.locate, rewrite_sources)


def _resolved(workspace: Workspace, environment: Environment, tree: RuleTree) -> Desired:
    chosen, _ = selected(tree.files, environment, stack="")
    with to_read(workspace, environment) as target:
        space = Space(target.kibana.connectors(), target.kibana.exception_lists(), environment.connectors)
    return rendered(chosen, environment, space, tree.locate, rewrite_sources)


def _chosen(desired: Desired, wanted: str | None, environment: Environment) -> list[DesiredRule]:
    rules = [desired.rules[rule_id] for rule_id in sorted(desired.rules)]
    if wanted is None:
        return rules
    names = [(rule, {rule.file.rule_id, rule.file.path, rule.file.name}) for rule in rules]
    exact = [rule for rule, known in names if wanted in known or rule.file.path.endswith("/" + wanted.lstrip("./"))]
    if not exact:
        raise DeployerError(
            f'no rule "{wanted}" in {environment.target}',
            hint="name a file, a rule_id or a name; is it excluded there, or deprecated?",
        )
    return exact


def _write(workspace: Workspace, found: dict[str, list[DesiredRule]], *, ndjson: bool) -> None:
    console, marker = workspace.console, workspace.project.marker
    if ndjson:
        for rules in found.values():
            for rule in rules:
                console.say(json.dumps(_payload(rule, marker), ensure_ascii=False, separators=(",", ":")))
    elif not console.json:
        for target, rules in found.items():
            for rule in rules:
                console.say(rule_text(target, rule.file.path, _payload(rule, marker), rule.origins, console.style))
    console.document(
        "render", {"targets": {name: [_json(rule, marker) for rule in rules] for name, rules in found.items()}}
    )


def _payload(rule: DesiredRule, marker: str) -> dict[str, Any]:
    """Return what a create would send, but that the marker stands last among the tags."""
    payload = dict(rule.payload)
    payload["tags"] = [*(payload.get("tags") or []), marker]
    return payload


def _json(rule: DesiredRule, marker: str) -> dict[str, Any]:
    return {
        "path": rule.file.path,
        "fingerprint": rule.fingerprint,
        "payload": _payload(rule, marker),
        "origins": dict(rule.origins),
    }
