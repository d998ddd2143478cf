"""Exception lists and items: writing, versions, comments, finding, moving them (facts.md section 7.1)."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlencode

import pytest

from tests.support.sandbox import Space
from tests.support.uploads import form, ndjson

LISTS = "/api/exception_lists"
ITEMS = f"{LISTS}/items"
MATCH = {"field": "process.name", "type": "match", "operator": "included", "value": "tool"}
EVERY_KIND = [
    MATCH,
    {"field": "host.name", "type": "match_any", "operator": "excluded", "value": ["a", "b"]},
    {"field": "user.name", "type": "exists", "operator": "included"},
    {"field": "file.path", "type": "wildcard", "operator": "included", "value": "C:\\*"},
    {"field": "source.ip", "type": "list", "operator": "excluded", "list": {"id": "ips", "type": "ip"}},
    {"field": "file.signature", "type": "nested", "entries": [{**MATCH, "field": "subject"}]},
]


def new_list(space: Space, list_id: str = "l", **fields: Any) -> dict[str, Any]:
    """Create a list, which must work."""
    body = {"list_id": list_id, "name": f"List {list_id}", "description": "d", "type": "detection"} | fields
    answer = space.request("POST", LISTS, body)
    assert answer.status == 200, answer.body
    return dict(answer.json)


def item_body(item_id: str = "i", list_id: str = "l", **fields: Any) -> dict[str, Any]:
    """A minimal valid item."""
    return {
        "list_id": list_id,
        "item_id": item_id,
        "name": f"Item {item_id}",
        "description": "d",
        "type": "simple",
        "entries": [MATCH],
    } | fields


def new_item(space: Space, item_id: str = "i", list_id: str = "l", **fields: Any) -> dict[str, Any]:
    """Create an item, which must work."""
    answer = space.request("POST", ITEMS, item_body(item_id, list_id, **fields))
    assert answer.status == 200, answer.body
    return dict(answer.json)


def found(space: Space, path: str, **query: Any) -> dict[str, Any]:
    """A page of a `_find`, which must work."""
    answer = space.request("GET", f"{path}/_find?{urlencode(query)}")
    assert answer.status == 200, answer.body
    return dict(answer.json)


def names(page: dict[str, Any], key: str = "item_id") -> list[str]:
    """What a page holds."""
    return [row[key] for row in page["data"]]


@pytest.mark.quick
def test_the_life_of_an_item(space: Space) -> None:
    """Created with its defaults, read both ways, replaced, deleted, gone."""
    new_list(space)
    item = new_item(space, entries=EVERY_KIND)
    assert (item["os_types"], item["tags"], item["comments"], item["namespace_type"]) == ([], [], [], "single")
    assert item["entries"] == EVERY_KIND
    assert not {"meta", "expire_time"} & set(item)
    for query in (f"id={item['id']}", "item_id=i"):
        assert space.request("GET", f"{ITEMS}?{query}").json == item
    body = item_body(name="Renamed", os_types=["linux"], meta={"a": 1}, expire_time="2030-01-01T00:00:00.000Z")
    changed = space.request("PUT", ITEMS, body, user="soc-day").json
    assert (changed["name"], changed["os_types"], changed["meta"]) == ("Renamed", ["linux"], {"a": 1})
    assert (changed["created_by"], changed["updated_by"], changed["id"]) == ("elastic", "soc-day", item["id"])
    again = space.request("PUT", ITEMS, item_body()).json
    assert not {"meta", "expire_time"} & set(again)
    assert space.request("DELETE", f"{ITEMS}?item_id=i").json == again
    assert space.request("DELETE", f"{ITEMS}?item_id=i").status == 404


@pytest.mark.parametrize(
    ("method", "path", "body", "status", "message"),
    [
        ("POST", ITEMS, item_body(list_id="no"), 404, 'exception list id: "no" does not exist'),
        ("POST", ITEMS, item_body("taken"), 409, 'exception list item id: "taken" already exists'),
        ("GET", ITEMS, None, 400, "id or item_id required"),
        ("GET", f"{ITEMS}?id=no", None, 404, 'exception list item id: "no" does not exist'),
        ("GET", f"{ITEMS}?item_id=no", None, 404, 'exception list item item_id: "no" does not exist'),
        ("PUT", ITEMS, item_body("no"), 404, 'exception list item item_id: "no" does not exist'),
        ("PUT", ITEMS, {k: v for k, v in item_body().items() if k != "item_id"}, 404,
         "either id or item_id need to be defined"),
        ("PUT", ITEMS, item_body("taken", comments=[{"comment": "new"}, {"comment": "old", "id": "x"}]), 400,
         ['item "comments" are append only']),
        ("PUT", ITEMS, item_body("taken", _version="no version"), 400, "Invalid version [no version]"),
        ("DELETE", ITEMS, None, 400, 'Either "item_id" or "id" needs to be defined in the request'),
        ("GET", f"{ITEMS}/_find?list_id=no", None, 404, 'exception list id: "no" does not exist'),
        ("GET", f"{ITEMS}/_find?list_id=l,l", None, 400,
         "list_id and namespace_id need to have the same comma separated number of values. "
         "Expected list_id length: 2 to equal namespace_type length: 1"),
        ("GET", f"{ITEMS}/_find?list_id=l&filter=a,b", None, 400,
         "list_id and filter need to have the same comma separated number of values. "
         "Expected list_id length: 1 to equal filter length: 2"),
        ("GET", f"{ITEMS}/_find?list_id=l&filter=name:x", None, 400,
         "This key 'name' need to be wrapped by a saved object type like exception-list: Bad Request"),
        ("GET", f"{ITEMS}/_find?list_id=l&filter=alert.attributes.name:x", None, 400,
         "This type alert is not allowed: Bad Request"),
        ("GET", f"{ITEMS}/_find?list_id=l&filter=exception-list.attributes.nope:x", None, 400,
         "This key 'exception-list.attributes.nope' does NOT exist in exception-list saved object index patterns: "
         "Bad Request"),
        ("GET", f"{ITEMS}/_find?list_id=l&sort_field=nope", None, 400, "Unknown sort field nope"),
        ("GET", f"{LISTS}/_find?namespace_type=single,agnostic&sort_field=name", None, 400,
         "Unable to sort multiple types by field name, not a root property"),
        ("GET", LISTS, None, 400, "id or list_id required"),
        ("PUT", LISTS, {"name": "n", "description": "d", "type": "detection"}, 404,
         "either id or list_id need to be defined"),
        ("DELETE", LISTS, None, 400, 'Either "list_id" or "id" needs to be defined in the request'),
        ("POST", f"{LISTS}/_duplicate?list_id=no&namespace_type=single", None, 404,
         'exception list id: "no" does not exist'),
        ("POST", f"{LISTS}/_export?id=no&list_id=l&namespace_type=single", None, 400,
         "exception list with list_id: l or id: no does not exist"),
    ],
)  # fmt: skip
def test_what_is_refused_and_how(space: Space, method: str, path: str, body: Any, status: int, message: Any) -> None:
    """Each with Kibana's own status and words."""
    new_list(space)
    new_item(space, "taken")
    answer = space.request(method, path, body)
    assert (answer.status, answer.json["message"]) == (status, message)


@pytest.mark.parametrize(
    ("fields", "place"),
    [
        ({"entries": [{**MATCH, "value": " "}]}, "entries.0.value"),
        ({"entries": [{**MATCH, "operator": "is"}]}, "entries.0.operator"),
        ({"entries": [{**MATCH, "type": "match_any", "value": []}]}, "entries.0.value"),
        ({"entries": [{**MATCH, "type": "odd"}]}, "entries.0.type"),
        ({"entries": [{"type": "nested", "field": "f", "entries": [{**MATCH, "type": "wildcard"}]}]},
         "entries.0.entries.0.type"),
        ({"entries": [{**MATCH, "type": "list"}]}, "entries.0.list"),
        ({"type": "other"}, "type"),
        ({"os_types": ["beos"]}, "os_types.0"),
        ({"expire_time": "tomorrow"}, "expire_time"),
        ({"tags": [""]}, "tags.0"),
        ({"name": ""}, "name"),
        ({"comments": [{"comment": ""}]}, "comments.0.comment"),
    ],
)  # fmt: skip
def test_items_that_break_the_schema(space: Space, fields: dict[str, Any], place: str) -> None:
    """A platform 400 that names the place."""
    new_list(space)
    answer = space.request("POST", ITEMS, item_body(**fields))
    assert answer.status == 400
    assert answer.json["message"].startswith(f"[request body]: {place}: ")


def test_a_list_knows_three_systems(space: Space) -> None:
    """Others are refused, in a body and in a file."""
    body = {"list_id": "l", "name": "L", "description": "d", "type": "detection", "os_types": ["beos"]}
    answer = space.request("POST", LISTS, body)
    assert (answer.status, answer.json["message"][:26]) == (400, "[request body]: os_types.0")
    upload, headers = form(ndjson([body]))
    assert space.request("POST", f"{LISTS}/_import", upload, headers=headers).json["success"] is False


def test_a_version_guards_a_write(space: Space) -> None:
    """A write that names the version it replaces wins once; the next one with that version is a conflict."""
    for path, body in ((LISTS, new_list(space)), (ITEMS, new_item(space))):
        fields = ("id", "description", "type", "entries", "_version")
        update = {name: body[name] for name in fields if name in body}
        first = space.request("PUT", path, update | {"name": "first"})
        assert first.status == 200
        second = space.request("PUT", path, update | {"name": "second"})
        assert second.status == 409
        assert second.json["message"] == f"Saved object [exception-list/{body['id']}] conflict"
        assert space.request("PUT", path, update | {"name": "third", "_version": first.json["_version"]}).status == 200


def test_comments_only_grow(space: Space) -> None:
    """Those sent with their id stay as they were, those without are added, and none is ever lost."""
    new_list(space)
    item = new_item(space, comments=[{"comment": "one"}])
    kept = item["comments"][0]
    assert (kept["comment"], kept["created_by"]) == ("one", "elastic")
    sent = [{"comment": "rewritten", "id": kept["id"]}, {"comment": "two"}]
    changed = space.request("PUT", ITEMS, item_body(comments=sent), user="soc-night").json["comments"]
    assert [comment["comment"] for comment in changed] == ["one", "two"]
    assert changed[0] == kept
    assert changed[1]["created_by"] == "soc-night"
    doubled = space.request("PUT", ITEMS, item_body(comments=[{"comment": "one"}, {"comment": "two"}])).json
    assert [comment["comment"] for comment in doubled["comments"]] == ["one", "two", "one", "two"]
    assert len(space.request("PUT", ITEMS, item_body()).json["comments"]) == 4


def test_an_item_id_is_taken_within_its_namespace(space: Space) -> None:
    """The same item_id in another list of the namespace is refused, in the other namespace it is not."""
    agnostic = {"namespace_type": "agnostic"}
    own = f"agnostic-{space.name}"
    new_list(space)
    new_list(space, "other")
    new_list(space, own, **agnostic)
    new_item(space)
    assert space.request("POST", ITEMS, item_body(list_id="other")).status == 409
    item = new_item(space, own, own, **agnostic)
    assert item["namespace_type"] == "agnostic"
    elsewhere = space.sandbox.request("GET", f"{ITEMS}?item_id={own}&namespace_type=agnostic")
    assert elsewhere.json == item
    assert space.request("GET", f"{ITEMS}?item_id={own}").status == 404
    assert space.request("DELETE", f"{LISTS}?list_id={own}&namespace_type=agnostic").status == 200


@pytest.mark.parametrize(
    ("entries", "message"),
    [
        ([EVERY_KIND[2]], ['Invalid value "exists" supplied to "type"']),
        ([EVERY_KIND[1]], ['Invalid value "excluded" supplied to "operator"']),
        ([{**MATCH, "field": "process.entity_id"}], "cannot add endpoint exception item on field process.entity_id"),
        ([MATCH, EVERY_KIND[3], EVERY_KIND[5]], None),
    ],
)
def test_endpoint_lists_take_what_the_endpoint_can_do(space: Space, entries: list[Any], message: Any) -> None:
    """Only some kinds of entries, operators and fields; other lists take all."""
    new_list(space, type="endpoint")
    answer = space.request("POST", ITEMS, item_body(entries=entries))
    assert (answer.status, answer.json.get("message")) == ((400, message) if message else (200, None))


def test_a_list_holds_ten_thousand_items(space: Space) -> None:
    """One more is refused, and not kept."""
    list_ = new_list(space)
    lines = [list_, *(item_body(f"i-{number}", entries=[]) for number in range(9998))]
    body, headers = form(ndjson(lines))
    assert space.request("POST", f"{LISTS}/_import?overwrite=true", body, headers=headers).json["success"] is True
    new_item(space, "a")
    new_item(space, "b")
    answer = space.request("POST", ITEMS, item_body("c"))
    assert answer.status == 400
    assert answer.json["message"].endswith("exception list would exceed max size of 10000")
    assert found(space, ITEMS, list_id="l", per_page=1)["total"] == 10_000


def test_items_are_found_page_by_page(space: Space) -> None:
    """Paging, sorting, and the number of all; a page beyond the window is refused."""
    new_list(space)
    for number in (3, 1, 2):
        new_item(space, f"i-{number}", name=f"Name {number}")
    page = found(space, ITEMS, list_id="l", per_page=2)
    assert (names(page), page["page"], page["per_page"], page["total"]) == (["i-3", "i-1"], 1, 2, 3)
    assert names(found(space, ITEMS, list_id="l", per_page=2, page=2)) == ["i-2"]
    for field in ("name", "exception-list.name"):
        ordered = found(space, ITEMS, list_id="l", sort_field=field, sort_order="desc")
        assert names(ordered) == ["i-3", "i-2", "i-1"]
    for query in ("page=0", "page=11&per_page=1000", "per_page=0"):
        assert space.request("GET", f"{ITEMS}/_find?list_id=l&{query}").status == 400


def test_items_of_several_lists_are_found_at_once(space: Space) -> None:
    """Each list with its namespace and its filter; one that is not there has no items."""
    own = f"agnostic-{space.name}"
    new_list(space, "a")
    new_list(space, own, namespace_type="agnostic")
    new_item(space, "a-1", "a", name="keep")
    new_item(space, "a-2", "a", name="drop")
    new_item(space, f"b-{space.name}", own, namespace_type="agnostic")
    both = {"list_id": f"a,{own}", "namespace_type": "single,agnostic"}
    assert names(found(space, ITEMS, **both)) == ["a-1", "a-2", f"b-{space.name}"]
    filters = 'exception-list.attributes.name:"keep",exception-list-agnostic.attributes.type:simple'
    assert names(found(space, ITEMS, **both, filter=filters)) == ["a-1", f"b-{space.name}"]
    assert names(found(space, ITEMS, list_id="a,gone", namespace_type="single,single")) == ["a-1", "a-2"]


@pytest.mark.parametrize(
    ("filter_", "wanted"),
    [
        ("A.os_types: linux", ["1"]),
        ("A.os_types: *", ["1", "2"]),
        ("not A.os_types: linux", ["2", "3"]),
        ('A.name: "Two words"', ["2"]),
        ("A.name: Two*", ["2"]),
        ("A.name.text: words", ["2"]),
        ("A.tags: policy\\:all and A.list_type: item", ["3"]),
        ("A.list_type: list", []),
        ("A.entries.field: host.name or A.entries.list.id: ips", ["1", "3"]),
        ("A.entries.entries.field: subject", ["2"]),
        ("A.expire_time > 2030-01-01", ["3"]),
        ("A.expire_time < 2031-01-01 or A.comments.comment: seen*", ["1"]),
    ],
)
def test_items_are_filtered(space: Space, filter_: str, wanted: list[str]) -> None:
    """KQL over the attributes of items: words, wildcards, nested paths, times."""
    new_list(space)
    new_item(space, "1", os_types=["linux"], entries=[EVERY_KIND[1]], comments=[{"comment": "seen before"}])
    new_item(space, "2", name="Two words", os_types=["macos"], entries=[EVERY_KIND[5]])
    new_item(space, "3", tags=["policy:all"], entries=[EVERY_KIND[4]], expire_time="2031-01-01T00:00:00.000Z")
    text = filter_.replace("A.", "exception-list.attributes.")
    assert names(found(space, ITEMS, list_id="l", filter=text)) == wanted


def test_items_are_searched(space: Space) -> None:
    """`search` looks for words in everything an item says."""
    new_list(space)
    new_item(space, "1", description="Backup agent")
    new_item(space, "2", description="Scanner")
    assert names(found(space, ITEMS, list_id="l", search="backup")) == ["1"]
    assert names(found(space, ITEMS, list_id="l", search="*")) == ["1", "2"]


def test_lists_are_found_in_both_namespaces(space: Space) -> None:
    """Single by default, both if asked; filters and sorting as for items."""
    own = f"agnostic-{space.name}"
    new_list(space, "b")
    new_list(space, "a", type="rule_default", tags=["x"])
    new_list(space, own, namespace_type="agnostic")
    assert names(found(space, LISTS), "list_id") == ["b", "a"]
    assert names(found(space, LISTS, sort_field="name"), "list_id") == ["a", "b"]
    both = {"namespace_type": "single,agnostic", "sort_field": "created_at", "per_page": 100}
    assert {"a", "b", own} <= set(names(found(space, LISTS, **both), "list_id"))
    text = f"exception-list.attributes.type: rule_default or exception-list-agnostic.attributes.list_id: {own}"
    assert names(found(space, LISTS, **both, filter=text), "list_id") == ["a", own]


def test_a_summary_counts_systems(space: Space) -> None:
    """Items per system, and all; a filter narrows both."""
    list_ = new_list(space)
    new_item(space, "1", os_types=["linux", "macos"])
    new_item(space, "2", os_types=["linux"], name="two")
    new_item(space, "3")
    path = f"{LISTS}/summary?id={list_['id']}"
    assert space.request("GET", path).json == {"windows": 0, "linux": 2, "macos": 1, "total": 3}
    narrowed = space.request("GET", f"{path}&filter=exception-list.attributes.name:two").json
    assert narrowed == {"windows": 0, "linux": 1, "macos": 0, "total": 1}


def test_a_list_is_exported(space: Space) -> None:
    """The list, its items from the newest on, the details; expired items only if wanted."""
    list_ = new_list(space)
    old = new_item(space, "old", expire_time="2020-01-01T00:00:00.000Z")
    item = new_item(space)
    path = f"{LISTS}/_export?id={list_['id']}&list_id=l&namespace_type=single&include_expired_exceptions="
    answer = space.request("POST", f"{path}true")
    assert answer.lines[:-1] == [list_, item, old]
    assert answer.lines[-1]["exported_exception_list_item_count"] == 2
    assert answer.headers["content-disposition"] == 'attachment; filename="l"'
    assert answer.headers["content-type"] == "application/ndjson"
    assert space.request("POST", f"{path}false").lines[:-1] == [list_, item]


def test_what_was_exported_comes_back(space: Space) -> None:
    """Into another space as it was; again only with overwrite, which puts the items anew; or under new ids."""
    list_ = new_list(space, tags=["t"])
    new_item(space, comments=[{"comment": "one"}])
    exported = space.request("POST", f"{LISTS}/_export?id={list_['id']}&list_id=l&namespace_type=single").body
    target = Space(space.sandbox, f"{space.name}-target")
    body, headers = form(exported)
    done = {"success": True, "success_count": 2, "success_exception_lists": True, "success_count_exception_lists": 1}
    done |= {"success_exception_list_items": True, "success_count_exception_list_items": 1, "errors": []}
    assert target.request("POST", f"{LISTS}/_import", body, headers=headers).json == done
    first = target.request("GET", f"{ITEMS}?item_id=i").json
    assert [comment["comment"] for comment in first["comments"]] == ["one"]
    again = target.request("POST", f"{LISTS}/_import", body, headers=headers).json
    assert (again["success"], again["success_count"]) == (False, 0)
    assert [error["error"]["message"] for error in again["errors"]] == [
        'Found that list_id: "l" already exists. Import of list_id: "l" skipped.',
        'Found that item_id: "i" already exists. Import of item_id: "i" skipped.',
    ]
    assert target.request("POST", f"{LISTS}/_import?overwrite=true", body, headers=headers).json == done
    assert target.request("GET", f"{ITEMS}?item_id=i").json["id"] != first["id"]
    assert target.request("POST", f"{LISTS}/_import?as_new_list=true", body, headers=headers).json == done
    assert found(target, LISTS)["total"] == 2


def test_an_import_tells_of_every_line_that_fails(space: Space) -> None:
    """No JSON, no list, no item, a list that is not there, and ids that come twice: the last one counts."""
    list_ = {"list_id": "l", "name": "first", "description": "d", "type": "detection"}
    lines = ["{", {"list_id": "x"}, list_, {**list_, "name": "last"}, {"item_id": "x", "entries": []}]
    lines += [item_body("lost", "no"), item_body(name="first"), item_body(name="last")]
    body, headers = form(ndjson(lines))
    answer = space.request("POST", f"{LISTS}/_import", body, headers=headers).json
    assert (answer["success"], answer["success_count"]) == (False, 2)
    said = [error["error"]["message"] for error in answer["errors"]]
    assert said[0].startswith("Error found importing exception list: ")
    assert "name: Required" in said[1]
    assert said[2] == 'More than one exception list with list_id: "l" found in imports. The last list will be used.'
    assert said[3] == 'Exception list with list_id: "no", not found for exception list item with item_id: "lost"'
    assert said[4].startswith("Error found importing exception list item: ")
    assert said[5].startswith('More than one exception list item with item_id: "i" found in imports.')
    assert space.request("GET", f"{LISTS}?list_id=l").json["name"] == "last"
    assert space.request("GET", f"{ITEMS}?item_id=i").json["name"] == "last"


@pytest.mark.parametrize(("name", "file_name", "status"), [("file", "x.txt", 400), ("other", "x.ndjson", 500)])
def test_uploads_that_are_none(space: Space, name: str, file_name: str, status: int) -> None:
    """Another extension is refused; a missing part makes Kibana stumble."""
    body, headers = form(b"", name=name, file_name=file_name)
    assert space.request("POST", f"{LISTS}/_import", body, headers=headers).status == status


def test_a_list_is_duplicated(space: Space) -> None:
    """A copy under a new id with copies of its items, without comments; other lists than those of rules cannot be."""
    new_list(space, tags=["t"])
    new_item(space, comments=[{"comment": "one"}])
    new_item(space, "old", expire_time="2020-01-01T00:00:00.000Z")
    path = f"{LISTS}/_duplicate?list_id=l&namespace_type=single&include_expired_exceptions="
    for expired, count in (("true", 2), ("false", 1)):
        copy = space.request("POST", f"{path}{expired}").json
        assert (copy["name"], copy["tags"]) == ("List l [Duplicate]", ["t"])
        items = found(space, ITEMS, list_id=copy["list_id"])
        assert items["total"] == count
        assert items["data"][0]["comments"] == []
    new_list(space, "e", type="endpoint_events")
    refused = space.request("POST", f"{LISTS}/_duplicate?list_id=e&namespace_type=single")
    assert refused.status == 405
    assert refused.json["message"] == "unable to duplicate exception list with list_id: e - action not allowed"


def test_a_shared_list_is_one_for_detections(space: Space) -> None:
    """`/api/exceptions/shared` takes a name and a description."""
    shared = space.request("POST", "/api/exceptions/shared", {"name": "S", "description": "d", "list_id": "mine"}).json
    assert (shared["type"], shared["namespace_type"], shared["immutable"]) == ("detection", "single", False)
    assert shared["list_id"] != "mine"
    assert space.request("GET", f"{LISTS}?list_id={shared['list_id']}").json == shared


@pytest.mark.parametrize(("version", "privilege"), [("9.0", "lists"), ("9.3", "lists"), ("9.5", "exceptions")])
def test_who_may(space_of: Any, version: str, privilege: str) -> None:
    """Readers may not write, and a role without exceptions may not read; from 9.4 on the privilege has another name."""
    space = space_of(version)
    new_list(space)
    for user, method, path, kind in (
        ("viewer", "POST", ITEMS, "all"),
        ("viewer", "DELETE", f"{ITEMS}?item_id=i", "all"),
        ("viewer", "POST", f"{LISTS}/_duplicate?list_id=l&namespace_type=single", "all"),
        ("no-exceptions", "GET", f"{ITEMS}/_find?list_id=l", "read"),
        ("no-exceptions", "POST", f"{LISTS}/_export?id=x&list_id=l", "read"),
        ("no-exceptions", "POST", LISTS, "all"),
    ):
        answer = space.request(method, path, user=user)
        assert answer.status == 403
        assert answer.json["message"].endswith(f"granted by the Kibana privileges [{privilege}-{kind}]")
    assert space.request("GET", f"{ITEMS}/_find?list_id=l", user="viewer").status == 200
