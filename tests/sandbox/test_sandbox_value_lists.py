"""Value lists: data streams, lists, values of every type, files, references (facts.md section 7.3)."""

from __future__ import annotations

import base64
from typing import Any
from urllib.parse import urlencode

import pytest

from tests.support.sandbox import Space
from tests.support.uploads import form

LISTS = "/api/lists"
ITEMS = f"{LISTS}/items"


@pytest.fixture
def ready(space: Space) -> Space:
    """A space with the data streams of value lists."""
    assert space.request("POST", f"{LISTS}/index").json == {"acknowledged": True}
    return space


def new_list(space: Space, id_: str = "l", type_: str = "keyword", **fields: Any) -> dict[str, Any]:
    """Create a value list, which must work."""
    body = {"id": id_, "name": f"name {id_}", "description": "d", "type": type_} | fields
    answer = space.request("POST", LISTS, body)
    assert answer.status == 200, answer.body
    return dict(answer.json)


def add(space: Space, value: str, list_id: str = "l", **fields: Any) -> Any:
    """Add a value; returns the answer."""
    return space.request("POST", ITEMS, {"list_id": list_id, "value": value} | fields)


def exported(space: Space, list_id: str = "l") -> list[str]:
    """The values of a list, sorted."""
    answer = space.request("POST", f"{ITEMS}/_export?list_id={list_id}")
    assert answer.status == 200, answer.body
    return sorted(answer.body.decode().splitlines())


def upload(space: Space, text: str, query: str = "list_id=l", file_name: str = "values.txt") -> Any:
    """Import values; returns the answer."""
    body, headers = form(text.encode(), file_name=file_name)
    return space.request("POST", f"{ITEMS}/_import?{query}", body, headers=headers)


def looked_up(space: Space, value: str, list_id: str = "l") -> Any:
    """The answer to a look-up by value."""
    return space.request("GET", f"{ITEMS}?{urlencode({'list_id': list_id, 'value': value})}")


@pytest.mark.quick
def test_data_streams_come_first(space: Space) -> None:
    """Without them nothing can be made; they are made once, and removed with everything in them."""
    name = space.name
    missing = f"data stream .lists-{name} and data stream .items-{name} does not exist"
    assert space.request("GET", f"{LISTS}/index").json == {"message": missing, "status_code": 404}
    refused = space.request("POST", LISTS, {"name": "n", "description": "d", "type": "ip"})
    assert refused.status == 400
    assert refused.json["message"] == (
        f'To create a list, the data stream must exist first. Data stream ".lists-{name}" does not exist'
    )
    assert upload(space, "a").status == 400
    for _ in range(2):
        assert space.request("POST", f"{LISTS}/index").json == {"acknowledged": True}
    assert space.request("GET", f"{LISTS}/index").json == {"list_index": True, "list_item_index": True}
    new_list(space)
    add(space, "a")
    assert space.request("DELETE", f"{LISTS}/index").json == {"acknowledged": True}
    assert space.request("DELETE", f"{LISTS}/index").status == 404
    assert space.request("GET", f"{LISTS}?id=l").status == 404
    assert looked_up(space, "a").status == 404


@pytest.mark.quick
def test_the_life_of_a_list(ready: Space) -> None:
    """Created with defaults, read, replaced, patched, deleted with its values."""
    made = new_list(ready, meta={"a": 1})
    assert (made["version"], made["immutable"], made["type"]) == (1, False, "keyword")
    assert made["@timestamp"] == made["created_at"] == made["updated_at"]
    assert ready.request("GET", f"{LISTS}?id=l").json == made
    patched = ready.request("PATCH", LISTS, {"id": "l", "name": "other"}, user="soc-day").json
    assert (patched["name"], patched["description"], patched["meta"]) == ("other", "d", {"a": 1})
    assert (patched["version"], patched["updated_by"], patched["created_by"]) == (2, "soc-day", "elastic")
    put = ready.request("PUT", LISTS, {"id": "l", "name": "n", "description": "e", "version": 9}).json
    assert (put["name"], put["description"], put["version"], "meta" in put) == ("n", "e", 9, False)
    add(ready, "a")
    assert ready.request("DELETE", f"{LISTS}?id=l").json == put
    assert ready.request("GET", f"{LISTS}?id=l").status == 404
    new_list(ready)
    assert exported(ready) == []


def test_serializers_are_told_to_be_without_effect(ready: Space) -> None:
    """A `warning` header names each, and nothing of them is stored."""
    body = {"name": "n", "description": "d", "type": "ip", "serializer": "x", "deserializer": "y"}
    answer = ready.request("POST", LISTS, body)
    assert not {"serializer", "deserializer"} & set(answer.json)
    assert answer.headers["warning"].count("299 Kibana-9.3.1") == 2
    new_list(ready)
    assert "warning" in upload(ready, "a", "list_id=l&serializer=x").headers
    assert "warning" not in upload(ready, "a").headers


@pytest.mark.parametrize(
    ("method", "path", "body", "status", "message"),
    [
        ("POST", LISTS, {"id": "l", "name": "n", "description": "d", "type": "ip"}, 409, 'list id: "l" already exists'),
        ("GET", f"{LISTS}?id=no", None, 404, 'list id: "no" does not exist'),
        ("PUT", LISTS, {"id": "no", "name": "n", "description": "d"}, 404, 'list id: "no" not found'),
        ("PATCH", LISTS, {"id": "no"}, 404, 'list id: "no" not found'),
        ("DELETE", f"{LISTS}?id=no", None, 404, 'list id: "no" was not found'),
        ("POST", ITEMS, {"list_id": "no", "value": "a"}, 404, 'list id: "no" does not exist'),
        ("POST", ITEMS, {"id": "i", "list_id": "l", "value": "a"}, 409, 'list item id: "i" already exists'),
        ("GET", ITEMS, None, 400, 'Either "list_id" or "id" needs to be defined in the request'),
        ("GET", f"{ITEMS}?list_id=l", None, 400, 'Either "list_id" or "id" needs to be defined in the request'),
        ("GET", f"{ITEMS}?id=no", None, 404, 'list item id: "no" does not exist'),
        ("GET", f"{ITEMS}?list_id=no&value=a", None, 404, 'list id: "no" does not exist'),
        ("GET", f"{ITEMS}?list_id=l&value=b", None, 404, 'list_id: "l" item of b does not exist'),
        ("PUT", ITEMS, {"id": "no", "value": "a"}, 404, 'list item id: "no" not found'),
        ("DELETE", ITEMS, None, 400, 'Either "list_id" or "id" needs to be defined in the request'),
        ("DELETE", f"{ITEMS}?id=no", None, 404, 'list item with id: "no" not found'),
        ("DELETE", f"{ITEMS}?list_id=no&value=a", None, 404, 'list_id: "no" does not exist'),
        ("DELETE", f"{ITEMS}?list_id=l&value=b", None, 404, 'list_id: "l" with b was not found'),
        ("POST", f"{ITEMS}/_export?list_id=no", None, 400, "list_id: no does not exist"),
        ("GET", f"{ITEMS}/_find?list_id=no", None, 404, 'list id: "no" does not exist'),
        ("GET", f"{LISTS}/_find?cursor=%25%25", None, 400, "Error parsing JSON from base64 encoded cursor"),
        ("GET", f"{LISTS}/_find?cursor=WyJhIl0=", None, 400, "Error decoding cursor structure"),
        ("GET", f"{LISTS}/_find?cursor=Wy0xXQ==", None, 400, "index of cursor cannot be less 0"),
        ("GET", f"{LISTS}/_find?cursor=WzFd", None, 400,
         "index: 1 of cursor cannot be greater than the start page index: 0"),
    ],
)  # fmt: skip
def test_what_is_refused_and_how(ready: Space, method: str, path: str, body: Any, status: int, message: str) -> None:
    """Each with Kibana's own status and words."""
    new_list(ready)
    add(ready, "a", id="i")
    answer = ready.request(method, path, body)
    assert (answer.status, answer.json["message"]) == (status, message)


def test_a_version_guards_a_write(ready: Space) -> None:
    """A stale `_version` is a conflict that shows both versions."""
    made, item = new_list(ready), add(ready, "a").json
    for path, body in ((LISTS, {"id": "l", "name": "x"}), (ITEMS, {"id": item["id"], "value": "b"})):
        version = (made if path == LISTS else item)["_version"]
        assert ready.request("PATCH", path, body | {"_version": version}).status == 200
        stale = ready.request("PATCH", path, body | {"_version": version})
        assert stale.status == 409
        assert stale.json["message"].startswith('Conflict: versions mismatch. Provided versions:{"if_primary_term":1,')
        assert "Provided versions:{} does" in ready.request("PATCH", path, body | {"_version": "x"}).json["message"]


def test_values_by_id_and_by_value(ready: Space) -> None:
    """The same value can be there twice; by value all are found and removed, by id one."""
    new_list(ready)
    first, second = add(ready, "a", id="i", meta={"m": 1}).json, add(ready, "a").json
    assert (first["id"], first["value"], first["type"], first["list_id"]) == ("i", "a", "keyword", "l")
    assert ready.request("GET", f"{ITEMS}?id=i").json == first
    assert looked_up(ready, "a").json == [first, second]
    patched = ready.request("PATCH", ITEMS, {"id": "i", "value": "b"}).json
    assert (patched["value"], patched["meta"]) == ("b", {"m": 1})
    assert "meta" not in ready.request("PUT", ITEMS, {"id": "i", "value": "a"}).json
    removed = ready.request("DELETE", f"{ITEMS}?list_id=l&value=a").json
    assert [item["id"] for item in removed] == ["i", second["id"]]
    third = add(ready, "c").json
    assert ready.request("DELETE", f"{ITEMS}?id={third['id']}").json == third


@pytest.mark.parametrize(
    ("type_", "value", "shown", "found_by", "not_by"),
    [
        ("keyword", " Some Thing ", "Some Thing", "Some Thing", "Some"),
        ("text", "Quick brown fox", "Quick brown fox", "FOX quick", "quick dog"),
        ("ip", "2001:db8:0::1", "2001:db8:0::1", "2001:db8::1", "2001:db8::2"),
        ("ip", "10.0.0.1", "10.0.0.1", "::ffff:10.0.0.1", "10.0.0.2"),
        ("ip_range", "10.0.0.0/24", "10.0.0.0/24", "10.0.0.255", "10.0.1.0"),
        ("ip_range", "10.0.0.5 - 10.0.0.9", "10.0.0.5-10.0.0.9", "10.0.0.7", "10.0.0.10"),
        ("ip_range", "2001:db8::/32", "2001:db8::/32", "2001:db8:ffff::1", "2001:db9::1"),
        ("ip_range", "10.0.0.5", "10.0.0.5-10.0.0.5", "10.0.0.5", "10.0.0.6"),
        ("integer", "7", "7", "7.0", "8"),
        ("double", "1.50", "1.50", "1.5", "1.51"),
        ("integer_range", "1-5", "1-5", "3", "6"),
        ("double_range", "1.5-2", "1.5-2", "1.75", "2.1"),
        ("date", "2026-01-02", "2026-01-02", "2026-01-02", "2026-01-03"),
        ("date_range", "2026-01-01,2026-02-01", "2026-01-01,2026-02-01", "2026-01-15", "2026-03-01"),
        ("boolean", "true", "true", "true", "false"),
        ("geo_point", "52.5, 13.4", "52.5,13.4", "52.5,13.4", "1,1"),
        ("geo_shape", "52.5, 13.4", "POINT (13.4 52.5)", "POINT (13.4 52.5)", "POINT (1 1)"),
        ("binary", "YWJj", "YWJj", "YWJj", "YWJk"),
    ],
)
def test_values_of_every_type(ready: Space, type_: str, value: str, shown: str, found_by: str, not_by: str) -> None:
    """How a value reads back, and which look-ups find it: ranges what lies in them, text its words."""
    new_list(ready, type_=type_)
    assert add(ready, value).json["value"] == shown
    assert [item["value"] for item in looked_up(ready, found_by).json] == [shown]
    assert looked_up(ready, not_by).status == 404


@pytest.mark.parametrize(
    ("type_", "value"),
    [
        ("ip", "10.0.0.256"),
        ("ip", "host"),
        ("ip_range", "10.0.0.0/33"),
        ("ip_range", "10.0.0.9-10.0.0.5"),
        ("byte", "128"),
        ("long", "9223372036854775808"),
        ("integer", "1_000"),
        ("float", "1e999"),
        ("integer_range", "5-1"),
        ("date", "yesterday"),
        ("boolean", "yes"),
        ("geo_point", "91,0"),
        ("shape", "circle"),
        ("binary", "no base64!"),
    ],
)
def test_values_that_a_type_refuses(ready: Space, type_: str, value: str) -> None:
    """A single one is an error that names the type; in a file it is left out silently."""
    new_list(ready, type_=type_)
    answer = add(ready, value)
    assert answer.status == 400
    assert f"of type [{type_}]" in answer.json["message"]
    assert upload(ready, f"{value}\n").status == 200
    assert exported(ready) == []


def test_files_fill_lists(ready: Space) -> None:
    """Each line once, blank ones not; into a list, or into one that is named after the file."""
    made = new_list(ready)
    answer = upload(ready, "a\n\nb\r\na\n  \n")
    assert answer.json == made
    assert exported(ready) == ["a", "b"]
    assert upload(ready, "b\nc").status == 200
    assert exported(ready) == ["a", "b", "b", "c"]
    named = upload(ready, "10.0.0.1", "type=ip", "bad ips.csv").json
    assert (named["id"], named["name"], named["type"]) == ("bad ips.csv", "bad ips.csv", "ip")
    assert named["description"] == "File uploaded from file system of bad ips.csv"
    assert upload(ready, "10.0.0.2", "type=ip", "bad ips.csv").json["id"] == "bad ips.csv"
    assert exported(ready, "bad%20ips.csv") == ["10.0.0.1", "10.0.0.2"]
    download = ready.request("POST", f"{ITEMS}/_export?list_id=l")
    assert download.headers["content-disposition"] == 'attachment; filename="name l"'
    assert download.headers["content-type"] == "application/ndjson"


@pytest.mark.parametrize(
    ("query", "file_name", "status", "message"),
    [
        ("list_id=l", "values.ndjson", 415,
         "Unsupported media type. File must be one of the following types: [.csv, .txt]"),
        ("list_id=l", "", 400, "To import a list item, the file name must be specified"),
        ("list_id=no", "a.txt", 409, 'list id: "no" does not exist'),
        ("", "a.txt", 400, "Either type or list_id need to be defined in the query"),
    ],
)  # fmt: skip
def test_uploads_that_are_refused(ready: Space, query: str, file_name: str, status: int, message: str) -> None:
    """Wrong files and lists that are not there."""
    new_list(ready)
    answer = upload(ready, "a", query, file_name)
    assert (answer.status, answer.json["message"]) == (status, message)


def pages(space: Space, path: str, **query: Any) -> list[dict[str, Any]]:
    """All pages of a `_find`, each asked for with the cursor of the one before."""
    found: list[dict[str, Any]] = []
    while not found or found[-1]["data"]:
        carried = {"cursor": found[-1]["cursor"]} if found else {}
        text = urlencode({"page": len(found) + 1, "per_page": 2, **carried, **query})
        answer = space.request("GET", f"{path}/_find?{text}")
        assert answer.status == 200, answer.body
        found.append(answer.json)
    return found


@pytest.mark.parametrize("query", [{}, {"sort_field": "value"}, {"sort_field": "value", "sort_order": "desc"}])
def test_a_cursor_carries_on(ready: Space, query: dict[str, str]) -> None:
    """Every value once over all pages, also when one before the cursor is removed meanwhile."""
    new_list(ready)
    for value in "cadbe":
        add(ready, value)
    found = pages(ready, ITEMS, list_id="l", **query)
    values = [item["value"] for page in found for item in page["data"]]
    assert sorted(values) == list("abcde")
    assert {page["total"] for page in found} == {5}
    if query:
        assert values == sorted(values, reverse="sort_order" in query)
    ready.request("DELETE", f"{ITEMS}?list_id=l&value={values[0]}")
    text = urlencode({"list_id": "l", "page": 2, "per_page": 2, "cursor": found[0]["cursor"], **query})
    assert [item["value"] for item in ready.request("GET", f"{ITEMS}/_find?{text}").json["data"]] == values[2:4]


def test_lists_and_values_are_filtered(ready: Space) -> None:
    """KQL over their fields; the name of the type means the value; an unknown field finds nothing."""
    new_list(ready, "a", "ip", name="bad hosts")
    new_list(ready, "b", "keyword")
    for value in ("10.0.0.1", "10.0.0.2"):
        add(ready, value, "a")
    for filter_, count in (("type: ip", 1), ("name: bad*", 1), ("not type: ip", 1), ("nope: x", 0), ("bad", 1)):
        found = ready.request("GET", f"{LISTS}/_find?{urlencode({'filter': filter_})}").json
        assert found["total"] == count, filter_
    for filter_, count in (("ip: 10.0.0.2", 1), ("value: 10.*", 2), ("created_by: soc-day", 0)):
        found = ready.request("GET", f"{ITEMS}/_find?{urlencode({'list_id': 'a', 'filter': filter_})}").json
        assert found["total"] == count, filter_
    assert ready.request("GET", f"{LISTS}/_find?filter=type:").status == 400
    assert ready.request("GET", f"{LISTS}/_find?sort_field=nope").status == 400
    assert ready.request("GET", f"{LISTS}/_find?page=0").status == 400
    assert ready.request("GET", f"{LISTS}/_find?per_page=10001").status == 400
    nothing = ready.request("GET", f"{LISTS}/_find?per_page=0&page=999999999999999").json
    assert (nothing["data"], nothing["total"]) == ([], 2)
    assert base64.b64decode(nothing["cursor"]) == b"[0]"


def test_a_list_in_use_stays(ready: Space) -> None:
    """Deleting one that exceptions name is a conflict that shows them; with a word it goes, or takes entries along."""
    exceptions = "/api/exception_lists"
    ready.request("POST", exceptions, {"list_id": "e", "name": "E", "description": "d", "type": "detection"})
    entry = {"field": "source.ip", "operator": "included", "type": "list", "list": {"id": "l", "type": "ip"}}
    other = {**entry, "list": {"id": "m", "type": "ip"}}
    match = {"field": "a", "operator": "included", "type": "match", "value": "b"}
    for number, entries in enumerate(([entry], [entry, other, match])):
        body = {"list_id": "e", "item_id": f"i-{number}", "name": "n", "description": "d", "type": "simple"}
        assert ready.request("POST", f"{exceptions}/items", body | {"entries": entries}).status == 200
    new_list(ready, type_="ip")
    refused = ready.request("DELETE", f"{LISTS}?id=l")
    assert refused.status == 409
    error = refused.json["message"]["error"]
    assert error["message"] == "Value list 'l' is referenced in existing exception list(s)"
    assert [one["exception_item"]["item_id"] for one in error["references"]] == ["i-0", "i-1"]
    assert {one["exception_list"]["list_id"] for one in error["references"]} == {"e"}
    assert ready.request("DELETE", f"{LISTS}?id=l&ignoreReferences=true").status == 200
    new_list(ready, type_="ip")
    assert ready.request("DELETE", f"{LISTS}?id=l&deleteReferences=true").status == 200
    left = ready.request("GET", f"{exceptions}/items/_find?list_id=e").json["data"]
    assert [(item["item_id"], item["entries"]) for item in left] == [("i-1", [other])]


def test_spaces_do_not_share_value_lists(ready: Space) -> None:
    """The same id in two spaces is two lists; a removed space takes its own along."""
    target = Space(ready.sandbox, f"{ready.name}-target")
    target.request("POST", f"{LISTS}/index")
    new_list(ready)
    new_list(target)
    add(target, "a")
    assert exported(ready) == []
    assert ready.sandbox.request("DELETE", f"/api/spaces/space/{target.name}").status == 204
    Space(ready.sandbox, target.name)
    assert target.request("GET", f"{LISTS}/index").status == 404


@pytest.mark.parametrize("version", ["8.19", "9.3", "9.5"])
def test_who_may(space_of: Any, version: str) -> None:
    """Readers may not write, and a role without lists may not read; the names are the same in every version."""
    space = space_of(version)
    space.request("POST", f"{LISTS}/index")
    new_list(space)
    for user, method, path, kind in (
        ("viewer", "POST", LISTS, "all"),
        ("viewer", "DELETE", f"{LISTS}/index", "all"),
        ("viewer", "DELETE", f"{ITEMS}?list_id=l&value=a", "all"),
        ("no-exceptions", "GET", f"{LISTS}?id=l", "read"),
        ("no-exceptions", "POST", f"{ITEMS}/_export?list_id=l", "read"),
        ("no-exceptions", "GET", f"{LISTS}/privileges", "read"),
    ):
        answer = space.request(method, path, user=user)
        assert answer.status == 403
        assert answer.json["message"].endswith(f"granted by the Kibana privileges [lists-{kind}]")
    assert space.request("POST", f"{ITEMS}/_export?list_id=l", user="viewer").status == 200
    seen = space.request("GET", f"{LISTS}/privileges", user="viewer").json
    assert seen["is_authenticated"] is True
    assert seen["lists"]["index"][f".lists-{space.name}"] == {
        **dict.fromkeys(("read", "view_index_metadata"), True),
        **dict.fromkeys(("write", "index", "create_index", "manage"), False),
    }
    assert seen["listItems"]["has_all_requested"] is False
    assert space.request("GET", f"{LISTS}/privileges").json["listItems"]["has_all_requested"] is True
