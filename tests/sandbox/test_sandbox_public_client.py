"""
kibana-py, a public client that we did not write, drives the sandbox: what it expects of Kibana must be there.

It builds its own paths, bodies, multipart forms and errors, so it is a third reading of the contract beside ours.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from tests.support.sandbox import PASSWORD, Space

kibana = pytest.importorskip("kibana", reason="kibana-py is not installed: no public client to drive the sandbox with")
RULE = {"type": "query", "name": "One", "description": "d", "severity": "low", "risk_score": 21, "query": "a : b"}
LIST = {"list_id": "l-1", "name": "List", "description": "d", "type": "detection"}
ENTRIES = [{"field": "process.name", "type": "match", "operator": "included", "value": "tool"}]


@pytest.fixture
def client(space: Space) -> Iterator[Any]:
    """The public client in a space of its own, with the API key of the superuser."""
    with kibana.Kibana(space.sandbox.url, api_key=space.sandbox.api_key) as found:
        yield found.space(space.name)


def test_rules_live_their_life(client: Any) -> None:
    """Create, read, replace, patch, find and delete through the methods of the client."""
    rules = client.detection_engine
    made = rules.create_rule(rule_id="r-1", tags=["a"], **RULE).body
    assert (made["enabled"], made["revision"], made["from"]) == (True, 0, "now-6m")
    assert rules.get_rule(rule_id="r-1").body == made
    assert rules.update_rule(rule_id="r-1", **{**RULE, "name": "Two"}).body["tags"] == []
    patched = rules.patch_rule(rule_id="r-1", type="query", tags=["b"], enabled=False).body
    assert (patched["name"], patched["tags"], patched["enabled"], patched["revision"]) == ("Two", ["b"], False, 2)
    page = rules.find_rules(filter='alert.attributes.tags: "b"', sort_field="name", sort_order="asc", per_page=5).body
    assert (page["total"], page["data"][0]["id"]) == (1, made["id"])
    assert rules.get_tags().body == ["b"]
    assert rules.delete_rule(id=made["id"]).body["rule_id"] == "r-1"
    with pytest.raises(kibana.NotFoundError, match="not found"):
        rules.get_rule(rule_id="r-1")


def test_many_rules_at_once(client: Any) -> None:
    """Bulk actions, export and import through the client's own forms and NDJSON."""
    rules = client.detection_engine
    ids = [rules.create_rule(rule_id=f"r-{number}", **RULE).body["id"] for number in range(3)]
    done = rules.bulk_action_rules(action="disable", ids=ids).body
    assert done["attributes"]["summary"] == {"failed": 0, "skipped": 0, "succeeded": 3, "total": 3}
    edits = [{"type": "add_tags", "value": ["z"]}]
    assert rules.bulk_action_rules(action="edit", query="", edit=edits, dry_run=True).body["rules_count"] == 3
    exported = lines_of(rules.export_rules(exclude_export_details=True).body)
    assert [line["rule_id"] for line in exported] == ["r-0", "r-1", "r-2"]
    rules.bulk_action_rules(action="delete", ids=ids)
    back = rules.import_rules(file=exported).body
    assert (back["success"], back["success_count"]) == (True, 3)
    assert rules.import_rules(file=exported).body["errors"][0]["error"]["status_code"] == 409


def lines_of(body: Any) -> list[dict[str, Any]]:
    """The objects of an export, which the client hands over as text, bytes or objects."""
    if isinstance(body, bytes | str):
        return [json.loads(line) for line in body.splitlines() if line.strip()]
    return list(body)


def test_around_rules(client: Any) -> None:
    """Preview, privileges and prebuilt status."""
    rules = client.detection_engine
    preview = rules.preview_rule(invocation_count=1, timeframe_end="2026-01-01T00:00:00.000Z", **RULE).body
    assert preview["isAborted"] is False
    assert rules.get_privileges().body["is_authenticated"] is True
    assert rules.get_prepackaged_rules_status().body["rules_custom_installed"] == 0


def test_exception_lists_and_items(client: Any) -> None:
    """Lists and items: create, read, update with `_version`, find, summary, export, import, duplicate, delete."""
    lists = client.exception_lists
    made = lists.create(**LIST).body
    item = lists.create_item(list_id="l-1", item_id="i-1", name="Item", description="d", entries=ENTRIES).body
    assert lists.get_item(item_id="i-1").body["entries"] == ENTRIES
    changed = {"item_id": "i-1", "name": "New", "description": "d", "entries": ENTRIES, "_version": item["_version"]}
    assert lists.update_item(**changed).body["name"] == "New"
    with pytest.raises(kibana.ConflictError):
        lists.update_item(**changed)
    assert lists.find_items(list_id="l-1").body["total"] == 1
    assert lists.get_summary(list_id="l-1").body["total"] == 1
    exported = lists.export(id=made["id"], list_id="l-1", namespace_type="single").body
    copy = lists.duplicate(list_id="l-1", namespace_type="single").body
    assert {one["list_id"] for one in lists.find(namespace_type="single").body["data"]} == {"l-1", copy["list_id"]}
    lists.delete(list_id="l-1")
    back = lists.import_lists(file=lines_of(exported)).body
    assert (back["success"], back["success_count_exception_list_items"]) == (True, 1)


def test_exceptions_of_a_rule(client: Any) -> None:
    """The default list of a rule comes with its first exception."""
    rule = client.detection_engine.create_rule(rule_id="r-1", **RULE).body
    items = [{"name": "n", "description": "d", "type": "simple", "entries": ENTRIES}]
    (made,) = client.exception_lists.create_rule_exceptions(id=rule["id"], items=items).body
    (link,) = client.detection_engine.get_rule(rule_id="r-1").body["exceptions_list"]
    assert (link["type"], link["list_id"]) == ("rule_default", made["list_id"])


def test_value_lists(client: Any) -> None:
    """A value list is made, filled from a file, searched and removed."""
    lists = client.lists
    lists.create_index()
    assert lists.create(id="v-1", name="Addresses", description="d", type="ip").body["version"] == 1
    lists.import_items(list_id="v-1", file=["10.0.0.1", "10.0.0.2"])
    assert lists.find_items(list_id="v-1").body["total"] == 2
    assert lists.delete(id="v-1").body["id"] == "v-1"


def test_connectors(client: Any) -> None:
    """Connectors are listed, made, changed and deleted; secrets never come back."""
    connectors = client.connectors
    secrets = {"webhookUrl": "https://chat.example/hook"}
    made = connectors.create(id="chat", name="Chat", connector_type_id=".slack", config={}, secrets=secrets).body
    assert "secrets" not in made
    assert connectors.update(id="chat", name="Talk", config={}, secrets=secrets).body["name"] == "Talk"
    assert connectors.get(id="chat").body["name"] == "Talk"
    assert {one["id"] for one in connectors.get_all().body} >= {"chat", "soc-slack"}
    assert ".slack" in {one["id"] for one in connectors.list_types().body}
    connectors.delete(id="chat")
    with pytest.raises(kibana.NotFoundError):
        connectors.get(id="chat")


def test_spaces_and_status(space: Space) -> None:
    """Spaces and status, outside any space, with a user's password."""
    with kibana.Kibana(space.sandbox.url, basic_auth=("elastic", PASSWORD)) as client:
        made = f"{space.name}-public"
        client.spaces.create(id=made, name="Public", disabled_features=[])
        assert client.spaces.update(id=made, name="Known").body["name"] == "Known"
        assert made in {one["id"] for one in client.spaces.get_all().body}
        with pytest.raises(kibana.ConflictError):
            client.spaces.create(id=made, name="Again")
        client.spaces.delete(id=made)
        with pytest.raises(kibana.NotFoundError):
            client.spaces.get(id=made)
        assert client.status.get_status().body["version"]["number"].startswith("9.3.")


def test_wrong_credentials_are_told_apart(space: Space) -> None:
    """401 and 403 reach the client as its own two errors."""
    url = space.sandbox.url
    nobody = kibana.Kibana(url, api_key="bm9ib2R5Om5vdGhpbmc=")
    viewer = kibana.Kibana(url, basic_auth=("viewer", PASSWORD))
    with nobody, pytest.raises(kibana.AuthenticationException):
        nobody.detection_engine.find_rules()
    with viewer, pytest.raises(kibana.AuthorizationException):
        viewer.detection_engine.create_rule(**RULE)
