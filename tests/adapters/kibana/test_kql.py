"""The filters that we send: whatever an id contains, it stays one literal."""

from __future__ import annotations

from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from deployer.adapters.kibana import kql

pytestmark = pytest.mark.quick


def literal(text: str) -> tuple[str, str]:
    """Read one KQL string literal as Kibana's grammar does; return its value and the rest."""
    assert text[0] == '"'
    value, index = "", 1
    while text[index] != '"':
        if text[index] == "\\" and text[index + 1] in '\\"':
            index += 1
        value += text[index]
        index += 1
    return value, text[index + 1 :]


@given(st.lists(st.text(alphabet=st.one_of(st.sampled_from('"\\ ()*:'), st.characters())), min_size=1, max_size=5))
def test_values_come_out_of_a_filter_as_they_went_in(values: list[str]) -> None:
    """No value ends its literal, joins the next one or becomes an operator."""
    text = kql.any_of("f", values)
    assert text.startswith("f: (")
    rest, read = text.removeprefix("f: ("), []
    while rest != ")":
        value, rest = literal(rest)
        read.append(value)
        rest = rest.removeprefix(" or ")
    assert read == values


@given(st.lists(st.text(max_size=120), max_size=300))
def test_batches_lose_nothing_and_fit(values: list[str]) -> None:
    """At most 50 values, and short enough for a URL unless one value alone is longer."""
    lots = list(kql.batches(values))
    assert [value for lot in lots for value in lot] == values
    for lot in lots:
        assert 1 <= len(lot) <= 50
        assert len(lot) == 1 or len(quote(kql.any_of("", lot), safe="")) <= kql.LONGEST + 30


def test_uuids_are_batched_by_fifty() -> None:
    """The usual case is the designed one."""
    lots = list(kql.batches(f"5c8a1b1e-0d44-4bd6-9a0c-{number:012d}" for number in range(120)))
    assert [len(lot) for lot in lots] == [50, 50, 20]


@pytest.mark.parametrize(("rule_id", "breaks"), [("a-b c", False), ('a"b', True), ("a\\b", True), ("ü*:()", False)])
def test_ids_that_kibana_itself_would_misread(rule_id: str, breaks: bool) -> None:
    """A quote or a backslash."""
    assert kql.breaks_lookups(rule_id) is breaks
