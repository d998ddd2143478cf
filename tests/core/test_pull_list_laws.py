"""The laws of pulling lists: right after a pull nothing is left to plan, and a second pull changes no byte."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from deployer.core.exceptions.diff import LiveList, Manners, diff_list
from deployer.core.exceptions.reading import ListFile, read_exceptions
from deployer.core.exceptions.simple import expanded_item, when_of
from deployer.core.pulling.exceptions import ListsPulled, Side, pull_lists
from deployer.core.pulling.value_lists import ValueSide, pull_values
from deployer.core.value_lists import read_value_list

MANY = settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
KEY = "exception list:single:scanners"
SIMPLE = """# ours
[[list]]
list_id = "scanners"   # of the cellar

# one by one
[[list.items]]
item_id = "i-1"
expires = 2099-03-31
comments = ["agreed"]
when = { "user.name" = "kim", "host.name" = ["a", "b"] }   # why
"""
THEIRS = """[metadata]
rule_ids = []

[[exceptions]]
[exceptions.container]
description = "d"
list_id = "scanners"
name = "Scanners"
type = "detection"

[[exceptions.items]]
comments = []
description = "d"
item_id = "i-2"
name = "Two"
type = "simple"
[[exceptions.items.entries]]
field = "host.name"   # why
operator = "included"
type = "match"
value = "cellar"
"""

texts = st.sampled_from(["a", "two words", "é", 'say "x"', "back\\slash", "k*", "two\nlines", "tab\there", "#"])
fields = st.sampled_from(["user.name", "host.name", "a", "process.args"])
operators = st.sampled_from(["included", "excluded"])
plain_entry = st.one_of(
    st.fixed_dictionaries({"field": fields, "type": st.just("match"), "operator": operators, "value": texts}),
    st.fixed_dictionaries({"field": fields, "type": st.just("wildcard"), "operator": operators, "value": texts}),
    st.fixed_dictionaries({"field": fields, "type": st.just("exists"), "operator": operators}),
    st.fixed_dictionaries(
        {"field": fields, "type": st.just("match_any"), "operator": operators,
         "value": st.lists(texts, min_size=1, max_size=3)}
    ),
)  # fmt: skip
listed = st.fixed_dictionaries(
    {"field": fields, "type": st.just("list"), "operator": operators, "list": st.just({"id": "ips.txt", "type": "ip"})}
)
nested = st.fixed_dictionaries(
    {"field": fields, "type": st.just("nested"), "entries": st.lists(plain_entry, min_size=1, max_size=2)}
)
entries = st.lists(st.one_of(plain_entry, listed, nested), min_size=1, max_size=3)
shared = {
    "tags": st.lists(texts, max_size=2, unique=True),
    "os_types": st.lists(st.sampled_from(["linux", "windows"]), max_size=2, unique=True),
    "meta": st.sampled_from([{"a": 1}, {"b": {"c": ["d"]}}]),
}
items = st.fixed_dictionaries(
    {"name": texts, "description": texts, "entries": entries},
    optional={
        **shared,
        "expire_time": st.sampled_from(["2099-12-31T00:00:00.000Z", "2027-01-02T03:04:05.678Z"]),
        "comments": st.lists(texts, max_size=3).map(lambda said: [{"id": "c", "comment": text} for text in said]),
    },
)
containers = st.fixed_dictionaries({"name": texts, "description": texts}, optional=shared)
lives = st.tuples(containers, st.dictionaries(st.sampled_from(["i-1", "i-2", "i-3", "i-4"]), items, max_size=4))


def live_list(found: tuple[Mapping[str, Any], Mapping[str, Any]]) -> LiveList:
    """A list as Kibana answers it."""
    container, inside = found
    named = {"list_id": "scanners", "namespace_type": "single"}
    bodies = {
        name: {**named, "item_id": name, "type": "simple", "_version": "W", "created_by": "x", "comments": [], **item}
        for name, item in inside.items()
    }
    return LiveList({"id": "so", "type": "detection", **named, "_version": "W", **container}, bodies)


def pulled(live: LiveList, path: str, text: str | None, authored: Mapping[str, Any] | None = None) -> ListsPulled:
    """Pull one list over the one that a file has, or into a new file."""
    file = read_list(path, text) if text is not None else None
    return pull_lists([Side(KEY, live, file, authored)], lambda _path: text or "", lambda _body: path, "shared")


def read_list(path: str, text: str) -> ListFile:
    """The one list of a file."""
    (found,), problems = read_exceptions(path, text)
    assert not problems
    return found


def nothing_left(text: str, live: LiveList) -> None:
    """Plan the file against what is live, and pull once more."""
    diff = diff_list(read_list("x.toml", text), live, None, Manners())
    assert (diff.changes, diff.blocked, diff.foreign) == ([], [], [])
    again = pulled(live, "x.toml", text)
    assert (again.changes, again.problems) == ([], [])


@MANY
@given(lives)
def test_a_new_list_is_what_is_live(found: tuple[Mapping[str, Any], Mapping[str, Any]]) -> None:
    """Every list becomes a file that says the same; meta, comments and times included."""
    live = live_list(found)

    result = pulled(live, "x.toml", None)

    assert result.problems == []
    nothing_left(result.changes[0].text, live)
    assert read_list("x.toml", result.changes[0].text).digest == live.digest


@MANY
@given(lives, st.sampled_from([SIMPLE, THEIRS]))
def test_a_list_of_either_form_is_brought_up_to_date(
    found: tuple[Mapping[str, Any], Mapping[str, Any]], text: str
) -> None:
    """Whatever an analyst makes of a deployed list, its file says so afterwards, in the form that it had."""
    live = live_list(found)
    authored = read_list("x.toml", text).document
    said = [comment for item in authored["items"].values() for comment in item["comments"]]
    for item in live.items.values():  # comments only grow
        if item["item_id"] == "i-1":
            item["comments"] = [{"comment": comment} for comment in said] + list(item["comments"])

    result = pulled(live, "x.toml", text, authored)

    assert result.problems == []
    after = result.changes[0].text if result.changes else text
    nothing_left(after, live)
    assert text.partition("\n")[0] in after
    assert ("[[list]]" in after) == ("[[list]]" in text)


@MANY
@given(entries)
def test_when_is_only_said_where_it_gives_the_entries_back(written: list[dict[str, Any]]) -> None:
    """`when_of` is the way back of `when`, or says that there is none."""
    when = when_of(written)

    assert when is None or expanded_item({"item_id": "x", "when": when})["entries"] == written


@MANY
@given(
    st.lists(st.sampled_from(["a", "b,c", 'say "x"', "10.0.0.1", "value", "#tag", "é"]), max_size=5, unique=True),
    st.sampled_from(["v.txt", "v.csv"]),
    st.sampled_from([None, "a\n# remark\n\nb,c", "# type: keyword\r\na\r\n10.0.0.1\r\n"]),
)
def test_value_lists_hold_what_is_live(values: list[str], path: str, text: str | None) -> None:
    """New and patched files hold the values of Kibana, and keep their remarks."""
    file = read_value_list(path, text) if text is not None else None
    authored = {"values": list(file.values)} if file else None
    file = file and type(file)(file.path, file.list_id, "keyword", file.values)
    body = {"id": path, "type": "keyword"}
    result = ListsPulled()

    pull_values([ValueSide(body, tuple(values), file, authored)], lambda _: text or "", lambda name: name, result)

    assert result.problems == []
    after = result.changes[0].text if result.changes else (text or "")
    assert set(read_value_list(path, after).values) == set(values)
    assert text is None or all(line in after for line in text.splitlines() if line.startswith("# "))
