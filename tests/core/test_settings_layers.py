"""The laws of merging: what `extends` and `[space.NAME]` do to tables, lists and single values."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from deployer.core.settings.layers import SECTION_OF, SECTIONS, layered, merge, stack
from deployer.core.settings.nodes import SettingsFile, dotted, node_of

pytestmark = pytest.mark.quick

KEYS = st.sampled_from("abc")
SCALARS = st.one_of(st.integers(0, 3), st.booleans(), st.sampled_from(["x", "y"]))
TABLES = st.recursive(
    st.dictionaries(KEYS, st.one_of(SCALARS, st.lists(SCALARS, max_size=2)), max_size=3),
    lambda inner: st.dictionaries(KEYS, st.one_of(inner, SCALARS, st.lists(SCALARS, max_size=2)), max_size=3),
    max_leaves=6,
)
LEAVES = {"list": st.lists(SCALARS, max_size=2), "scalar": SCALARS, "other": SCALARS}
AGREEING = st.recursive(
    st.fixed_dictionaries({}, optional=LEAVES),
    lambda inner: st.fixed_dictionaries({}, optional={**LEAVES, "table": inner, "second": inner}),
    max_leaves=4,
)


def tree(data, path="environments/x.toml"):
    """Make the tree of one file."""
    return node_of(data, SettingsFile(path, data))


def by_definition(below, above):
    """Say the three sentences of the design in plain Python."""
    if isinstance(below, dict) and isinstance(above, dict):
        return {
            key: by_definition(below[key], above[key]) if key in below and key in above else (above | below)[key]
            for key in below | above
        }
    if isinstance(below, list) and isinstance(above, list):
        return below + above
    return above


@given(TABLES, TABLES)
def test_tables_merge_lists_append_scalars_replace(below, above):
    """The merge of two files is what the design says in one sentence."""
    assert merge(tree(below), tree(above)).plain() == by_definition(below, above)


@given(AGREEING, AGREEING, AGREEING)
def test_merging_is_associative(a, b, c):
    """base + (environment + space) equals (base + environment) + space, where a key is of one kind in all files."""
    left = merge(tree(a), merge(tree(b), tree(c))).plain()
    assert left == merge(merge(tree(a), tree(b)), tree(c)).plain()


@given(TABLES)
def test_an_empty_file_changes_nothing(data):
    """Neither below nor above."""
    assert merge(tree({}), tree(data)).plain() == merge(tree(data), tree({})).plain() == data


@given(TABLES, TABLES)
def test_every_value_keeps_the_file_it_was_written_in(below, above):
    """A Problem of a merged value names the file that the person has to open."""
    merged = merge(tree(below, "below"), tree(above, "above"))

    def leaves(node):
        if isinstance(node.value, dict):
            for item in node.value.values():
                yield from leaves(item)
        elif isinstance(node.value, tuple):
            yield from node.value
        else:
            yield node

    def at(data, keys):
        for key in keys:
            data = data[key]
        return data

    for leaf in leaves(merged):
        assert at(below if leaf.file.path == "below" else above, leaf.keys) == leaf.value


@given(st.lists(TABLES, min_size=1, max_size=4))
def test_a_chain_of_extends_folds_from_the_lowest_file_up(chain):
    """a extends b extends c: c, then b on it, then a; the key itself is gone."""
    files = {}
    for number, data in enumerate(chain):
        extends = {"extends": f"f{number + 1}"} if number + 1 < len(chain) else {}
        files[f"f{number}"] = SettingsFile(f"environments/f{number}.toml", {**data, **extends})
    layers = layered(files, "f0")
    expected = chain[-1]
    for data in reversed(chain[:-1]):
        expected = by_definition(expected, data)
    assert (layers.tree.plain(), layers.problems, layers.whole) == (expected, (), True)


@given(st.integers(1, 5), st.integers(0, 4))
def test_every_cycle_is_found_from_every_file_of_it(length, start):
    """However long, and wherever one begins: one Problem, no endless loop."""
    names = [f"f{number}" for number in range(length)]
    files = {
        name: SettingsFile(f"environments/{name}.toml", {"extends": names[(number + 1) % length]})
        for number, name in enumerate(names)
    }
    layers = layered(files, names[start % length])
    assert [problem.code for problem in layers.problems] == ["extends-cycle"]
    assert not layers.whole


def test_what_is_said_another_way_above_displaces_what_is_below():
    """Only inside [kibana], and only the keys of the same question."""
    below = {"kibana": {"url": "u", "api_key": "k", "read_api_key": "r", "space": "s"}, "limits": {"delete": 1}}
    above = {"kibana": {"cloud_id": "c", "password": "p", "username": "n"}}
    assert stack(tree(below), tree(above)).plain() == {
        "kibana": {"cloud_id": "c", "password": "p", "username": "n", "read_api_key": "r", "space": "s"},
        "limits": {"delete": 1},
    }


def test_no_two_tables_share_a_key():
    """That is what lets `[space.NAME]` use the keys of every table bare."""
    assert len(SECTION_OF) == sum(len(keys) for keys in SECTIONS.values())
    assert not SECTION_OF.keys() & SECTIONS.keys()


def test_ways_are_written_as_toml_writes_them():
    """Quotes only where a bare key could not stand."""
    assert dotted(("override", 0, "set", "threshold.value")) == 'override[0].set."threshold.value"'
    assert dotted(("space", "us-1", "exclude", 2, "match")) == "space.us-1.exclude[2].match"
    assert dotted(()) == ""
