"""Prebuilt rules: recognising, guarding, customising, updating (facts.md sections 3.8, 5.3 and 6)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from tests.support.sandbox import RULES, Sandbox, query_rule
from tests.support.uploads import form, ndjson

STATUS = f"{RULES}/prepackaged/_status"


@pytest.fixture
def sandbox(start: Callable[..., Sandbox]) -> Sandbox:
    """A sandbox with two prebuilt rules that are installed and one that is not."""
    found = start()
    found.admin("POST", "prebuilt", {"count": 2})
    found.admin("POST", "prebuilt", {"count": 1, "installed": False})
    return found


def body_of(rule: dict[str, Any], **changes: Any) -> dict[str, Any]:
    """A PUT body that names the rule by rule_id."""
    return {name: value for name, value in rule.items() if name != "id"} | changes


@pytest.mark.quick
def test_counters_and_installation(sandbox: Sandbox) -> None:
    """The status counts, an installation brings what is missing, disabled."""
    sandbox.create(query_rule())
    counts = sandbox.request("GET", STATUS).json
    assert [counts[name] for name in ("rules_custom_installed", "rules_installed", "rules_not_installed")] == [1, 2, 1]
    assert sandbox.request("PUT", f"{RULES}/prepackaged").json["rules_installed"] == 1
    rule = sandbox.rule("prebuilt-3")
    assert (rule["immutable"], rule["enabled"], rule["rule_source"]["is_customized"]) == (True, False, False)
    assert sandbox.request("GET", STATUS).json["rules_not_installed"] == 0


def test_author_and_licence_are_guarded(sandbox: Sandbox) -> None:
    """A PUT must repeat both, a PATCH must not change them (section 3.8)."""
    rule = sandbox.rule("prebuilt-1")
    for name in ("author", "license"):
        without = {key: value for key, value in body_of(rule).items() if key != name}
        answer = sandbox.request("PUT", RULES, without)
        assert (answer.status, answer.json["message"]) == (400, f'Cannot update "{name}" field for prebuilt rules')
    patch = {"rule_id": "prebuilt-1", "type": "query"}
    assert sandbox.request("PATCH", RULES, {**patch, "license": "x"}).status == 400
    assert sandbox.request("PATCH", RULES, {**patch, "enabled": True}).json["rule_source"]["is_customized"] is False


def test_changes_customise_and_undoing_them_does_not(sandbox: Sandbox) -> None:
    """`rule_source` names the customised fields; actions, exceptions and `enabled` are none."""
    rule = sandbox.rule("prebuilt-1")
    changed = sandbox.request("PUT", RULES, body_of(rule, name="Mine", tags=["x"])).json
    assert changed["rule_source"] == {
        "type": "external",
        "is_customized": True,
        "customized_fields": [{"field_name": "name"}, {"field_name": "tags"}],
        "has_base_version": True,
    }
    assert changed["immutable"] is True
    back = sandbox.request("PUT", RULES, body_of(rule)).json
    assert back["rule_source"]["is_customized"] is False
    reference = {"id": "i", "list_id": "l", "type": "detection", "namespace_type": "single"}
    linked = sandbox.request("PUT", RULES, body_of(rule, exceptions_list=[reference])).json
    assert linked["rule_source"]["is_customized"] is False


def test_elastic_updates_a_rule(sandbox: Sandbox) -> None:
    """New content and version, while `enabled` and exceptions stay; without installing it is counted as outdated."""
    before = sandbox.request("PATCH", RULES, {"rule_id": "prebuilt-1", "type": "query", "enabled": True}).json
    sandbox.admin("POST", "prebuilt/update", {"rule_ids": ["prebuilt-1"]})
    after = sandbox.rule("prebuilt-1")
    assert (after["version"], after["enabled"], after["id"]) == (2, True, before["id"])
    assert after["description"] != before["description"]
    assert after["revision"] == before["revision"] + 1
    sandbox.admin("POST", "prebuilt/update", {"rule_ids": ["prebuilt-2"], "installed": False})
    assert sandbox.request("GET", STATUS).json["rules_not_updated"] == 1
    assert sandbox.request("PUT", f"{RULES}/prepackaged").json["rules_updated"] == 1


def test_imports_recognise_assets(start: Callable[..., Sandbox]) -> None:
    """A known rule_id becomes external and needs its version; without the licence it must not be customised."""
    sandbox = start(license="basic")
    sandbox.admin("POST", "prebuilt", {"count": 1, "installed": False})

    def upload(**fields: Any) -> Any:
        body, headers = form(ndjson([query_rule("prebuilt-1", **fields)]))
        return sandbox.request("POST", f"{RULES}/_import", body, headers=headers).json

    assert 'must specify a "version"' in upload()["errors"][0]["error"]["message"]
    assert "Upgrade your license" in upload(version=1)["errors"][0]["error"]["message"]
    sandbox.request("PUT", f"{RULES}/prepackaged")
    line = sandbox.request("POST", f"{RULES}/_export").lines[0]
    sandbox.request("DELETE", f"{RULES}?rule_id=prebuilt-1")
    assert upload(**{name: value for name, value in line.items() if name != "rule_id"})["success"] is True
    assert sandbox.rule("prebuilt-1")["immutable"] is True


def test_without_the_licence_only_actions_are_edited_in_bulk(start: Callable[..., Sandbox]) -> None:
    """Other edits of a prebuilt rule fail with their code (section 4.3)."""
    sandbox = start(license="basic")
    sandbox.admin("POST", "prebuilt", {"count": 1})
    action = {"id": "soc-slack", "group": "default", "params": {"message": "m"}}
    for edit, status in (
        ({"type": "add_tags", "value": ["x"]}, 500),
        ({"type": "set_rule_actions", "value": {"actions": [action]}}, 200),
    ):
        answer = sandbox.request("POST", f"{RULES}/_bulk_action", {"action": "edit", "query": "", "edit": [edit]})
        assert answer.status == status
    assert sandbox.rule("prebuilt-1")["tags"] == ["Fixture"]


def test_duplicates_of_prebuilt_rules_are_custom(sandbox: Sandbox) -> None:
    """A copy is internal and not immutable; a filter tells both kinds apart."""
    rule = sandbox.rule("prebuilt-1")
    body = {"include_exceptions": True, "include_expired_exceptions": True}
    bulk = {"action": "duplicate", "ids": [rule["id"]], "duplicate": body}
    copy = sandbox.request("POST", f"{RULES}/_bulk_action", bulk).json["attributes"]["results"]["created"][0]
    assert (copy["immutable"], copy["rule_source"]) == (False, {"type": "internal"})
    custom = sandbox.request("GET", f"{RULES}/_find?filter=alert.attributes.params.immutable:%20false").json
    assert [found["id"] for found in custom["data"]] == [copy["id"]]
