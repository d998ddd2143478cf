"""Timelines and the templates that rules refer to (facts.md section 7.4)."""

from __future__ import annotations

from typing import Any

import pytest

from tests.support.sandbox import Space, query_rule
from tests.support.uploads import form, ndjson

PATH = "/api/timeline"
CONTENT = {
    "title": "Hosts",
    "description": None,
    "columns": [{"id": "@timestamp", "type": "number", "searchable": None}],
    "dataProviders": [
        {"id": "p", "name": "n", "enabled": True, "queryMatch": {"field": "a", "value": "{b}"}, "and": []}
    ],
    "dateRange": {"start": "2026-01-01T00:00:00.000Z", "end": None},
    "sort": [{"columnId": "@timestamp", "sortDirection": "desc"}],
    "kqlQuery": {"filterQuery": {"kuery": {"kind": "kuery", "expression": "a: b"}}},
}


def made(space: Space, **fields: Any) -> dict[str, Any]:
    """Create a timeline, which must work."""
    answer = space.request("POST", PATH, {"timeline": CONTENT} | fields)
    assert answer.status == 200, answer.body
    return dict(answer.json)


def test_the_life_of_a_template(space: Space) -> None:
    """Created with ids of both kinds, named by a rule, patched by version, deleted."""
    template = made(space, timelineType="template")
    id_ = template["templateTimelineId"]
    assert (template["status"], template["templateTimelineVersion"], template["createdBy"]) == ("active", 1, "elastic")
    assert "description" not in template
    for query in (f"id={template['savedObjectId']}", f"template_timeline_id={id_}"):
        assert space.request("GET", f"{PATH}?{query}").json == template
    rule = space.create(query_rule(timeline_id=id_, timeline_title="Hosts"))
    assert (rule["timeline_id"], rule["timeline_title"]) == (id_, "Hosts")
    patch = {"timelineId": template["savedObjectId"], "version": template["version"], "timeline": {"title": "All"}}
    changed = space.request("PATCH", PATH, patch, user="soc-day").json
    assert (changed["title"], changed["updatedBy"], changed["templateTimelineId"]) == ("All", "soc-day", id_)
    assert space.request("PATCH", PATH, patch).status == 409
    assert space.request("DELETE", PATH, {"savedObjectIds": [template["savedObjectId"], "gone"]}).status == 200
    assert space.request("GET", f"{PATH}?template_timeline_id={id_}").status == 404


@pytest.mark.parametrize(
    ("method", "body", "status", "message"),
    [
        ("POST", {"timeline": {}, "timelineId": "ID"}, 405,
         "UPDATE timeline with POST is not allowed, please use PATCH instead"),
        ("PATCH", {"timeline": {}, "timelineId": "no", "version": None}, 405,
         "CREATE timeline with PATCH is not allowed, please use POST instead"),
        ("POST", {"timeline": {"columns": [1]}}, 400,
         "[request body]: timeline.columns.0: Expected object, received number"),
        ("GET", None, 400, "please provide id or template_timeline_id"),
    ],
)  # fmt: skip
def test_what_is_refused(space: Space, method: str, body: Any, status: int, message: str) -> None:
    """POST creates, PATCH changes, and neither does the other's work."""
    id_ = made(space)["savedObjectId"]
    if body and body.get("timelineId") == "ID":
        body = {**body, "timelineId": id_}
    answer = space.request(method, PATH, body)
    assert (answer.status, answer.json["message"]) == (status, message)


def test_timelines_are_listed(space: Space) -> None:
    """By kind, title and page, with the number of each kind."""
    for title, kind in (("b", "default"), ("a", "template"), ("ab", "template")):
        made(space, timeline={**CONTENT, "title": title}, timelineType=kind)

    def titles(query: str) -> list[str]:
        return [
            one["title"] for one in space.request("GET", f"/api/timelines?sort_field=title&{query}").json["timeline"]
        ]

    assert titles("sort_order=asc") == ["a", "ab", "b"]
    assert titles("timeline_type=template") == ["ab", "a"]
    assert titles("search=B") == ["b", "ab"]
    assert titles("page_size=2&page_index=2") == ["a"]
    assert titles("only_user_favorite=true") == []
    counts = space.request("GET", "/api/timelines").json
    assert (counts["totalCount"], counts["templateTimelineCount"], counts["defaultTimelineCount"]) == (3, 2, 1)


def test_what_was_exported_comes_back(space: Space) -> None:
    """Into another space as new, there again as an update; a line that is no timeline is told of."""
    template = made(space, timelineType="template")
    made(space)
    path = f"{PATH}/_export?file_name=t.ndjson"
    assert len(space.request("POST", path).lines) == 2
    exported = space.request("POST", path, {"ids": [template["savedObjectId"]]})
    assert exported.headers["content-disposition"] == 'attachment; filename="t.ndjson"'
    target = Space(space.sandbox, f"{space.name}-target")
    body, headers = form(exported.body)
    first = target.request("POST", f"{PATH}/_import", body, headers=headers).json
    assert (first["success"], first["timelines_installed"], first["timelines_updated"]) == (True, 1, 0)
    again = target.request("POST", f"{PATH}/_import", body, headers=headers).json
    assert (again["timelines_installed"], again["timelines_updated"]) == (0, 1)
    found = target.request("GET", f"{PATH}?template_timeline_id={template['templateTimelineId']}").json
    assert found["title"] == "Hosts"
    body, headers = form(ndjson(["{", [1], {"title": 1}]))
    wrong = target.request("POST", f"{PATH}/_import", body, headers=headers).json
    assert (wrong["success"], wrong["success_count"], len(wrong["errors"])) == (False, 0, 3)
    assert target.request("POST", f"{PATH}/_prepackaged").json["success"] is True


@pytest.mark.parametrize(("version", "word"), [("9.0", "securitySolution"), ("9.5", "timeline_write")])
def test_readers_do_not_write(space_of: Any, version: str, word: str) -> None:
    """403 names the privilege in the words of the version."""
    answer = space_of(version).request("POST", PATH, {"timeline": CONTENT}, user="viewer")
    assert answer.status == 403
    assert answer.json["message"].endswith(f"[{word}]")
