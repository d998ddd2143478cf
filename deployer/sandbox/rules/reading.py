"""How a stored rule is shown, and how a request names one."""

from __future__ import annotations

from typing import Any

from deployer.sandbox.call import Call
from deployer.sandbox.errors import SiemError
from deployer.sandbox.messages import Body, to_json
from deployer.sandbox.rule_table import StoredRule


def text_of(call: Call, stored: StoredRule, *, with_summary: bool = True) -> str:
    """The JSON text of a rule as this stack version shows it, with its execution summary unless told otherwise."""
    text = stored.text
    if call.kibana.representation or '"immutable":true' in text:
        text = to_json(shown(call, stored.rule()))
    if with_summary and stored.summary is not None:
        text = f'{text[:-1]},"execution_summary":{stored.summary}}}'
    return text


def shown(call: Call, rule: Body) -> Body:
    """
    A rule as this stack version shows it. Before 9.3 an external source has two keys only (facts.md section 6);
    `representation` holds keys that a test makes this server add to every rule that lacks them, as an upgrade might.
    """
    source = rule["rule_source"]
    if source["type"] == "external" and not call.version.since(9, 3):
        rule = {**rule, "rule_source": {"type": "external", "is_customized": source["is_customized"]}}
    extra = {name: value for name, value in call.kibana.representation.items() if name not in rule}
    return {**rule, **extra} if extra else rule


def find_rule(call: Call, sent: dict[str, Any]) -> StoredRule:
    """The rule that a body or query names by `id` or `rule_id`. Raises the SIEM 404."""
    if "id" in sent:
        stored = call.kibana.rules.by_id(call.space, sent["id"])
        missing = f'id: "{sent["id"]}" not found'
    else:
        check_rule_id(sent["rule_id"])
        stored = call.kibana.rules.by_rule_id(call.space, sent["rule_id"])
        missing = f'rule_id: "{sent["rule_id"]}" not found'
    if stored is None:
        raise SiemError(404, missing)
    return stored


def check_rule_id(rule_id: str) -> None:
    """
    A rule_id goes into a KQL filter as it is, so a quote in it breaks the lookup (facts.md section 3.1). A backslash
    would look for something else; it is refused the same way here, where Kibana finds nothing.
    """
    if '"' in rule_id or "\\" in rule_id:
        clause = f'alert.attributes.params.ruleId: "{rule_id}"'
        raise SiemError(400, f'KQLSyntaxError: Expected AND, OR, end of input but "{rule_id[:1]}" found.\n{clause}')
