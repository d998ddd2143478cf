"""Laws: no text raises or hangs, positions lie inside it, and right queries stay right when they are combined."""

from __future__ import annotations

import pytest
import tomli
from hypothesis import given, settings
from hypothesis import strategies as st

from deployer.queries import LANGUAGES, Checked, check
from tests.support.queries import CASES, cases, errors

PIECES = tomli.loads((CASES / "pieces.toml").read_text("utf-8"))

unhurried = settings(deadline=None)  # the machine may be busy
languages = st.sampled_from(LANGUAGES)


def texts(language: str) -> st.SearchStrategy[str]:
    """Return texts that look like the language, and texts that look like nothing."""
    pieces = st.lists(st.sampled_from(PIECES[language]), max_size=40)
    joined = st.tuples(pieces, st.sampled_from(["", " ", "\n"])).map(lambda drawn: drawn[1].join(drawn[0]))
    real = st.sampled_from([case["query"] for kind in ("valid", "invalid") for case in cases(language, kind)])
    spliced = st.tuples(real, real, st.integers(0, 60), st.integers(0, 60)).map(
        lambda drawn: drawn[0][: drawn[2]] + drawn[1][drawn[3] :]
    )
    return joined | spliced | st.text(max_size=80)


def assert_sound(text: str, checked: Checked) -> None:
    """Assert that every finding lies inside the text and its line and column say the same as its offset."""
    assert list(checked.findings) == sorted(checked.findings)
    for found in checked.findings:
        before = text[: found.offset]
        assert found.line == before.count("\n") + 1
        assert found.column == found.offset - (before.rfind("\n") + 1) + 1
        assert (0 < found.length <= len(text) - found.offset) or (text == "" and found.length == 0)
        assert found.message.strip()
        assert found.code.startswith(("kql-", "eql-", "lucene-", "esql-"))


@pytest.mark.quick
@unhurried
@given(st.data(), languages)
def test_no_text_raises(data: st.DataObject, language: str) -> None:
    """Any text in any language gets an answer whose positions lie inside the text, with and without the libraries."""
    text = data.draw(texts(language))
    light = check(language, text, full=False)
    assert_sound(text, light)
    full = check(language, text)
    assert_sound(text, full)
    assert bool(errors(full)) >= bool(errors(light))


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize(
    "unit",
    [
        *(
            '"',
            "'",
            "`",
            "\\",
            "(",
            ")",
            "[",
            "]",
            "{",
            "}",
            ":",
            ",",
            "|",
            "/",
            "/*",
            "*/",
            '"""',
            "//",
            "-",
            "!",
            "~",
        ),
        *(
            "\n",
            " ",
            "\xa0",
            "a",
            "a.",
            "a ",
            "1",
            "not ",
            "NOT ",
            "a:",
            "a: ",
            "(a ",
            '("a",',
            '"a" ',
            "a == ",
            "é",
            "\x00",
        ),
        *("\\\\", "\\u", "[1 TO ", "![", "a and ", "a AND ", "f(", "FROM ", "| ", ", ", "?", "@", "*"),
    ],
)
@pytest.mark.parametrize("count", [4_000, pytest.param(20_000, marks=pytest.mark.torture)])
def test_no_repetition_hangs(language: str, unit: str, count: int) -> None:
    """Thousands of repetitions of anything that could make a pattern backtrack are read in one pass."""
    prefix = {"eql": "process where ", "esql": "FROM a | WHERE "}.get(language, "")
    text = prefix + unit * count
    assert_sound(text, check(language, text, full=False))
    assert_sound(text, check(language, unit * count, full=False))


kql_names = st.sampled_from(["a", "user.name", '"b c"', "d*", "x\\:y"])
kql_values = st.sampled_from(["1", "foo bar", '"a and b"', "*", "a*c", "caf\\u00e9", "\\(x\\)", "notepad", "日本"])


def kql_queries() -> st.SearchStrategy[str]:
    """Return right KQL queries of any shape."""
    lists = st.recursive(
        kql_values,
        lambda inner: (
            st.tuples(inner, st.sampled_from([" or ", " AND ", " and not "]), inner).map("".join)
            | inner.map(lambda text: f"( {text})")
        ),
        max_leaves=4,
    )
    clauses = (
        st.tuples(kql_names, kql_values).map(": ".join)
        | st.tuples(kql_names, lists).map(lambda drawn: f"{drawn[0]}:({drawn[1]})")
        | st.tuples(kql_names, st.sampled_from(["<", ">="]), kql_values).map(" ".join)
        | kql_values
    )
    return st.recursive(
        clauses,
        lambda inner: (
            st.tuples(inner, st.sampled_from([" and ", "\nOR\n", "\xa0and\xa0"]), inner).map("".join)
            | inner.map(lambda text: f"({text})")
            | inner.map(lambda text: f"not ({text})")
            | inner.map(lambda text: f"nested: {{ {text} }}")
        ),
        max_leaves=8,
    )


@unhurried
@given(kql_queries())
def test_right_kql_of_any_shape_is_accepted(query: str) -> None:
    """Clauses, lists, ranges, brackets, negations and nested objects combine freely."""
    assert errors(check("kuery", query)) == ()


@unhurried
@given(kql_queries(), kql_queries())
def test_kql_names_the_fields_of_both_sides(left: str, right: str) -> None:
    """Two queries in brackets joined by `or` name the fields of both."""
    together = check("kuery", f"({left}) or ({right})")
    assert together.fields == check("kuery", left).fields | check("kuery", right).fields


@unhurried
@given(kql_queries(), st.sampled_from("(){}"), st.data())
def test_one_bracket_more_is_always_wrong(query: str, bracket: str, data: st.DataObject) -> None:
    """An additional bracket anywhere outside quotes and escapes makes any query wrong."""
    free = [
        place
        for place in range(len(query) + 1)
        if query[:place].count('"') % 2 == 0 and not query[:place].endswith("\\")
    ]
    place = data.draw(st.sampled_from(free))
    assert errors(check("kuery", query[:place] + bracket + query[place:]))


eql_values = st.sampled_from(['"x"', '"a \\" b"', '"""raw \\ string"""', '"é"'])


def eql_conditions() -> st.SearchStrategy[str]:
    """Return right EQL conditions of any shape."""
    fields = st.sampled_from(["process.name", "?user.id", "`my-field`", "process.args[0]", "event.sequence"])
    numbers = st.sampled_from(["5", "-1", "1.5", "process.pid", "length(process.name)", "process.pid % 2"])
    comparisons = (
        st.tuples(fields, st.sampled_from([" == ", " != ", " : ", " like~ ", " regex "]), eql_values).map("".join)
        | st.tuples(
            fields, st.sampled_from([" in ", " not in~ ", " : "]), st.lists(eql_values, min_size=1, max_size=3)
        ).map(lambda drawn: f"{drawn[0]}{drawn[1]}({', '.join(drawn[2])})")
        | st.tuples(numbers, st.sampled_from([" > ", "<="]), st.sampled_from(["5", "-2.5"])).map("".join)
        | st.tuples(st.sampled_from(["startsWith", "endsWith~", "stringcontains"]), fields, eql_values).map(
            lambda drawn: f"{drawn[0]}({drawn[1]}, {drawn[2]})"
        )
        | st.just("true")
    )
    return st.recursive(
        comparisons,
        lambda inner: (
            st.tuples(inner, st.sampled_from([" and ", "\n  or ", " and not "]), inner).map("".join)
            | inner.map(lambda text: f"({text}) // note\n")
            | inner.map(lambda text: f"not {text}")
        ),
        max_leaves=8,
    )


@unhurried
@given(eql_conditions())
def test_right_eql_condition_of_any_shape_is_accepted(condition: str) -> None:
    """Comparisons, lookups, calls, brackets and negations combine freely, in events, sequences and samples."""
    assert check("eql", f"any where {condition}").findings == ()
    assert check("eql", f"any where not ({condition})").findings == ()
    assert check("eql", f"sequence [any where {condition}] with runs=2").findings == ()
    assert check("eql", f"sample by a [b where true] [any where {condition}]").findings == ()
