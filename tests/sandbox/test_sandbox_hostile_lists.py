"""Hostile input to lists, items and values: answered in shape, without a server error, and nothing is spoilt."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import quote, urlencode

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.support.sandbox import Sandbox, Space, fresh_space
from tests.support.uploads import form, ndjson

EXCEPTIONS = "/api/exception_lists"
ITEMS = f"{EXCEPTIONS}/items"
LISTS = "/api/lists"
VALUES = f"{LISTS}/items"
TYPES = (
    *("binary", "boolean", "byte", "date", "date_nanos", "date_range", "double", "double_range", "float"),
    *("float_range", "geo_point", "geo_shape", "half_float", "integer", "integer_range", "ip", "ip_range", "keyword"),
    *("long", "long_range", "shape", "short", "text"),
)
LIST = {"list_id": "fuzz", "name": "L", "description": "d", "type": "detection"}
ENTRY = {"field": "a", "operator": "included", "type": "match", "value": "b"}
ITEM = {"list_id": "fuzz", "item_id": "i", "name": "I", "description": "d", "type": "simple", "entries": [ENTRY]}
FUZZ = settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)
TEXT = st.text(max_size=20)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**70), 2**70) | st.floats(allow_nan=False) | TEXT,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner, max_size=3),
    max_leaves=8,
)


@pytest.fixture(scope="module")
def space(shared_sandboxes: Callable[[str], Sandbox]) -> Iterator[Space]:
    """A space with a list, an item, a value list of every type, which must be as they were when all of this is over."""
    found = fresh_space(shared_sandboxes("9.3"))
    kept = {"list_id": "kept", "item_id": "kept"}
    assert found.request("POST", EXCEPTIONS, LIST | {"list_id": "kept"}).status == 200
    assert found.request("POST", EXCEPTIONS, LIST).status == 200
    item = found.request("POST", ITEMS, ITEM | kept).json
    assert found.request("POST", f"{LISTS}/index").status == 200
    for type_ in TYPES:
        body = {"id": type_, "name": "n", "description": "d", "type": type_}
        assert found.request("POST", LISTS, body).status == 200
    yield found
    assert found.sandbox.process.poll() is None
    assert found.request("GET", f"{ITEMS}?item_id=kept").json == item


def is_well(answer: Any, *also: int) -> None:
    """An answer with a status that a client has to expect; its shape has been checked on arrival."""
    assert answer.status < 500 or answer.status in also, answer.body[:500]


@pytest.mark.parametrize(
    ("method", "path", "base"),
    [
        ("POST", EXCEPTIONS, LIST),
        ("PUT", EXCEPTIONS, LIST),
        ("POST", ITEMS, ITEM),
        ("PUT", ITEMS, ITEM),
        ("POST", "/api/exceptions/shared", {"name": "n", "description": "d"}),
        ("POST", LISTS, {"name": "n", "description": "d", "type": "ip"}),
        ("PUT", LISTS, {"id": "ip", "name": "n", "description": "d"}),
        ("PATCH", LISTS, {"id": "ip"}),
        ("POST", VALUES, {"list_id": "keyword", "value": "v"}),
        ("PUT", VALUES, {"id": "v", "value": "v"}),
        ("PATCH", VALUES, {"id": "v"}),
    ],
)
@FUZZ
@given(body=st.one_of(JSON, st.dictionaries(TEXT, JSON, max_size=4)), key=st.integers(0, 5), keep=st.booleans())
def test_any_json_is_answered(
    space: Space, method: str, path: str, base: dict[str, Any], body: Any, key: int, keep: bool
) -> None:
    """Any JSON, and good bodies with one field gone wrong."""
    names = [name for name in base if name != "list_id"] or list(base)
    sent = {**base, names[key % len(names)]: body} if keep else body
    is_well(space.request(method, path, sent))


@FUZZ
@given(type_=st.sampled_from(TYPES), value=st.text(max_size=30) | st.from_regex(r"[0-9a-f.:/,eE+\-() POINT]{1,30}"))
def test_any_value_of_any_type(space: Space, type_: str, value: str) -> None:
    """What is taken is found again by what it reads as, unless it is a range, and can be looked for in any list."""
    answer = space.request("POST", VALUES, {"list_id": type_, "value": value})
    is_well(answer)
    is_well(space.request("GET", f"{VALUES}?{urlencode({'list_id': type_, 'value': value}, errors='replace')}"))
    if answer.status == 200 and not type_.endswith("range") and type_ != "text":
        query = urlencode({"list_id": type_, "value": answer.json["value"]})
        assert space.request("GET", f"{VALUES}?{query}").status == 200


NAMES = st.sampled_from(
    [
        *("id", "list_id", "item_id", "namespace_type", "filter", "search", "page", "per_page", "sort_field"),
        *("sort_order", "cursor", "value", "type", "refresh", "deleteReferences", "ignoreReferences"),
        "include_expired_exceptions",
    ]
)
WORDS = TEXT | st.sampled_from(
    [
        *("kept", "kept,fuzz", "single", "single,agnostic", "agnostic", "ip", "keyword", "name", "created_at", "true"),
        *("0", "999999999999999", "-1", "1e3", "WzAsWyJhIl1d", "exception-list.attributes.name: *"),
        *("name: (a or b)", '"', "*"),
    ]
)


@pytest.mark.parametrize(
    ("method", "path"),
    [
        *(("GET", path) for path in (EXCEPTIONS, ITEMS, LISTS, VALUES)),
        *(("GET", f"{path}/_find") for path in (EXCEPTIONS, ITEMS, LISTS, VALUES)),
        ("GET", f"{EXCEPTIONS}/summary"),
        ("POST", f"{EXCEPTIONS}/_export"),
        ("POST", f"{VALUES}/_export"),
    ],
)
@FUZZ
@given(query=st.lists(st.tuples(NAMES, WORDS), max_size=7))
def test_any_query_is_answered(space: Space, method: str, path: str, query: list[tuple[str, str]]) -> None:
    """Parameters of any name and value, also several times."""
    is_well(space.request(method, f"{path}?{urlencode(query, errors='replace')}"))


@FUZZ
@given(
    lines=st.lists(
        JSON
        | st.builds(lambda key, value: ITEM | {key: value}, st.sampled_from(list(ITEM)), JSON)
        | st.builds(lambda key, value: LIST | {key: value}, st.sampled_from(list(LIST)), JSON)
        | st.text(max_size=10).map(lambda text: text.replace("\n", " ")),
        max_size=6,
    ),
    query=st.sampled_from(("", "?overwrite=true", "?as_new_list=true", "?overwrite=maybe")),
)
def test_any_file_of_lists_is_processed(space: Space, lines: list[Any], query: str) -> None:
    """Every line is imported or told of; the counters say what happened."""
    body, headers = form(ndjson(lines))
    answer = space.request("POST", f"{EXCEPTIONS}/_import{query}", body, headers=headers)
    is_well(answer)
    if answer.status == 200:
        assert answer.json["success"] is (not answer.json["errors"])


@FUZZ
@given(content=st.binary(max_size=200), name=st.text("ab%/\\\"'.é\n", max_size=8), type_=st.sampled_from(TYPES))
def test_any_file_of_values_is_processed(space: Space, content: bytes, name: str, type_: str) -> None:
    """Any bytes under any name."""
    body, headers = form(content, file_name=f"{name}.txt")
    is_well(space.request("POST", f"{VALUES}/_import?list_id={type_}", body, headers=headers))
    is_well(space.request("POST", f"{VALUES}/_export?list_id={type_}"))


@pytest.mark.parametrize("field", ["exception-list.attributes.name", "exception-list.attributes.entries.value"])
def test_a_filter_of_many_stars_takes_no_time(space: Space, field: str) -> None:
    """A pattern that a backtracking matcher would never finish with."""
    long = "a" * 3000
    own = {"list_id": field, "item_id": field, "name": long}
    assert space.request("POST", EXCEPTIONS, LIST | own).status == 200
    assert space.request("POST", ITEMS, ITEM | own | {"entries": [ENTRY | {"value": long}]}).status == 200
    for stars, count in (("*a" * 100 + "*b", 0), ("*a" * 100, 1)):
        answer = space.request("GET", f"{ITEMS}/_find?list_id={field}&filter={quote(f'{field}: {stars}')}")
        assert (answer.status, answer.json["total"]) == (200, count)


def test_texts_of_every_alphabet_survive(space: Space) -> None:
    """Names, comments and values with odd letters read back as they were, also through files."""
    odd = "Ω≈ç√ \U0001f600 \t\"\\ '\u2028 <script>"
    item = space.request("POST", ITEMS, ITEM | {"item_id": odd, "name": odd, "comments": [{"comment": odd}]}).json
    assert (item["item_id"], item["name"], item["comments"][0]["comment"]) == (odd, odd, odd)
    assert space.request("GET", f"{ITEMS}?item_id={quote(odd)}").json == item
    kept = space.request("POST", EXCEPTIONS, LIST | {"list_id": odd, "name": odd}).json
    exported = space.request("POST", f"{EXCEPTIONS}/_export?{urlencode({'id': kept['id'], 'list_id': odd})}")
    assert exported.lines[0] == kept
    assert space.request("POST", VALUES, {"list_id": "keyword", "value": "\U0001f600"}).status == 200
    assert "\U0001f600" in space.request("POST", f"{VALUES}/_export?list_id=keyword").body.decode()


def test_bodies_beyond_the_limits(space: Space) -> None:
    """One mebibyte of JSON, nine million bytes of a file, ten thousand lines."""
    assert space.request("POST", ITEMS, ITEM | {"description": "x" * 1_048_577}).status == 413
    body, headers = form(b"x" * 9_000_001, file_name="a.txt")
    assert space.request("POST", f"{VALUES}/_import?list_id=keyword", body, headers=headers).status == 413
    body, headers = form(b"{}\n" * 10_000)
    answer = space.request("POST", f"{EXCEPTIONS}/_import", body, headers=headers)
    assert (answer.status, answer.json["message"]) == (500, "Can't import more than 10000 exceptions")
