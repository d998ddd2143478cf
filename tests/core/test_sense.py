"""What fields say together: a wrong and a right rule file for each code, at its line; nothing false on real rules."""

from __future__ import annotations

import re
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from deployer.core.fields import FIELDS, RULE_TYPES
from deployer.core.flaw import Flaw, located
from deployer.core.rule_file import RuleFile, read_rule
from deployer.core.sense import newer_flaws, sense_flaws
from deployer.core.sense.spans import before_now, is_date_math, seconds, shown
from deployer.core.shape import shape_flaws
from deployer.core.toml import locator
from deployer.errors import Problem, Severity
from tests.support.shared import corpus, needs_shared

pytestmark = pytest.mark.quick

CASES = Path(__file__).resolve().parents[1] / "cases" / "sense"
CODES = sorted(path.name for path in CASES.iterdir())
SOURCES = Path(__file__).resolve().parents[2] / "deployer" / "core" / "sense"


def flaws(file: RuleFile, stack: str) -> list[Flaw]:
    """Return what sense finds, with and without a stack."""
    return [*sense_flaws(file.payload), *newer_flaws(file.payload, stack, "prod")]


def problems(path: Path) -> list[Problem]:
    """Return the problems of one case file; the stack is old where the case is about that."""
    stack = "8.19" if path.parent.name == "newer-than-stack" else ""
    text = path.read_text("utf-8")
    file, found = read_rule(path.name, text)
    assert file is not None, found
    return list(located(flaws(file, stack), path.name, lambda _, key: locator(text)(key)))


@pytest.mark.parametrize("code", CODES)
def test_wrong_rule_is_named_at_its_line(code: str) -> None:
    """The wrong file has this one problem, on the line that it marks, with a key and a remedy."""
    path = CASES / code / "wrong.toml"
    marked = [number for number, line in enumerate(path.read_text("utf-8").splitlines(), 1) if "# wrong" in line]
    found = problems(path)
    assert [(problem.code, problem.line) for problem in found] == [(code, marked[0])]
    assert found[0].column >= 1
    assert found[0].key.startswith("rule.")
    assert found[0].remedy


@pytest.mark.parametrize("code", CODES)
def test_right_rule_passes(code: str) -> None:
    """The same rule, mended, has no problem at all, of its single fields neither."""
    path = CASES / code / "right.toml"
    file, _ = read_rule(path.name, path.read_text("utf-8"))
    assert problems(path) == []
    assert file is not None
    assert list(shape_flaws(file.payload)) == []


def test_every_code_has_its_cases() -> None:
    """Each code that the sources of `core.sense` name has a folder with a wrong and a right file."""
    sources = "".join(path.read_text("utf-8") for path in SOURCES.glob("*.py"))
    constructed = set(re.findall(r'"([a-z]+(?:-[a-z]+)+)"', sources)) - {"system-connector-"}
    assert constructed == set(CODES)


@needs_shared
def test_real_rules_have_no_error_and_few_warnings() -> None:
    """0 errors over both corpora; the warnings are the three rules that run less often than they look back."""
    counted: Counter[tuple[str, Severity]] = Counter()
    for date in ("2026-05", "2026-08"):
        for path, text in corpus(date):
            file, _ = read_rule(path, text)
            assert file is not None
            counted.update((flaw.code, flaw.severity) for flaw in sense_flaws(file.payload))
    assert counted == {("lookback-gap", Severity.WARNING): 3}


def test_what_a_stack_does_not_know_is_named_and_what_it_knows_is_not() -> None:
    """A negated entry and a fourth threshold field need 9.2; without a stack nothing is said."""
    mapping = [{"entries": [{"field": "a", "type": "mapping", "value": "b", "negate": False}]}]
    rule = {"type": "threat_match", "threat_mapping": mapping}
    old = list(newer_flaws(rule, "9.1.4", "prod"))
    assert [(flaw.path, flaw.code) for flaw in old] == [
        (("threat_mapping", 0, "entries", 0, "negate"), "newer-than-stack")
    ]
    assert "prod runs 9.1.4" in old[0].message
    assert list(newer_flaws(rule, "9.2.0", "prod")) == []
    assert list(newer_flaws(rule, "", "prod")) == []


@pytest.mark.parametrize("row", [row for row in FIELDS.values() if row.since], ids=lambda row: row.name)
def test_a_field_of_the_table_is_newer_than_an_older_stack(row: Any) -> None:
    """Every `since` of the field table is compared with the stack."""
    found = list(newer_flaws({row.name: "x"}, "8.2", "t"))
    assert [flaw.path for flaw in found] == [(row.name,)]
    assert list(newer_flaws({row.name: "x"}, row.since, "t")) == []


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"interval": "24h", "from": "now-1d"}, ""),
        ({"interval": "25h", "from": "now-1d"}, "lookback-gap"),
        ({"interval": "2h", "from": "now-3h", "to": "now-1h"}, ""),
        ({"interval": "3h", "from": "now-3h", "to": "now-1h"}, "lookback-gap"),
        ({"interval": "24h", "from": "now-1d/d"}, ""),
        ({"interval": "7d", "from": "now-1w-1h"}, ""),
        ({"interval": "6m"}, ""),
        ({"interval": "7m"}, "lookback-gap"),
        ({"from": "now-5m", "to": "now-5m"}, "empty-time-range"),
        ({"from": "now-5m"}, ""),
        ({"from": "now-4m"}, "lookback-gap"),
        ({"from": "2026-01-01T00:00:00Z"}, ""),
        ({"throttle": "no_actions"}, ""),
        ({"query": "*:*"}, "empty-query"),
        ({"query": "*:*", "filters": [{"query": {}}]}, ""),
        ({"query": "", "filters": [{"meta": {"disabled": True}}]}, "empty-query"),
    ],
)
def test_times_and_queries_are_weighed_with_the_defaults(changes: dict[str, Any], code: str) -> None:
    """What a file leaves out counts as what Kibana fills in: every 5 minutes, from 6 minutes ago, to now."""
    rule = {"type": "query", "query": "a: b", "index": ["x"], **changes}
    assert [flaw.code for flaw in sense_flaws(rule)] == ([code] if code else [])


@pytest.mark.parametrize(
    ("text", "back"),
    [("now", 0), ("now-9m", 540), ("now-1h-30m", 5400), ("now+1d", -86400), ("now-2w", 1209600), ("now-1d/d", None)],
)
def test_date_math_is_seconds_before_now(text: str, back: int | None) -> None:
    """Date math adds up; what is rounded depends on the clock and has no answer."""
    assert before_now(text) == back
    assert is_date_math(text)


@pytest.mark.parametrize("text", ["9m", "now-9", "now -9m", "now-9x", "-9m", "now-1h/5m", "yesterday", ""])
def test_what_is_no_time_is_known(text: str) -> None:
    """Nothing else is date math."""
    assert not is_date_math(text)
    assert before_now(text) is None


@pytest.mark.parametrize(("text", "span"), [("90s", 90), ("5m", 300), ("2h", 7200), ("7d", 604800)])
def test_durations_are_seconds_and_are_shown_as_written(text: str, span: int) -> None:
    """A duration is read and shown in the largest unit that divides it."""
    assert seconds(text) == span
    assert shown(span) == text


@pytest.mark.parametrize("text", ["1w", "PT5M", "0m", "5 m", "5", "m", None, 5, ["5m"]])
def test_what_kibana_refuses_is_no_duration(text: Any) -> None:
    """Weeks, ISO 8601, zero and other types are no duration (users.md appendix A)."""
    assert seconds(text) is None


values: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers(-9, 9) | st.sampled_from(["", "now-1m", "5m", "a", "rule_default"]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                ["field", "value", "entries", "negate", "cardinality", "duration", "unit", "list_id", "type"]
            ),
            inner,
            max_size=3,
        )
    ),
    max_leaves=8,
)


@settings(deadline=None, max_examples=300)
@given(st.dictionaries(st.sampled_from(sorted(FIELDS)), values, max_size=12), st.sampled_from(RULE_TYPES))
def test_no_payload_makes_a_check_fail(content: dict[str, Any], rule_type: str) -> None:
    """Whatever stands in a field, shape and sense answer with flaws and never raise."""
    rule = {**content, "type": rule_type}
    for flaw in (*shape_flaws(rule), *sense_flaws(rule), *newer_flaws(rule, "8.0", "t")):
        assert flaw.message
        assert flaw.code
