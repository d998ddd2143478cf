"""Where changes come from: laws that hold for every plan, and the cases that a terminal cannot show."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from deployer.core.change import Change
from deployer.core.dependency import Dependency, Kind
from deployer.core.origin import Moving, Origin, Trees, compared, everything, not_now, part, shares
from deployer.core.plan import Plan, Target
from deployer.core.plan_file import dumps, loads
from deployer.core.review import review

pytestmark = pytest.mark.quick

TARGET = Target("prod", "default", "prod", "https://kibana.example.com")


def change(number: int, query: str) -> Change:
    """An update of a rule's query."""
    return Change(f"rule-{number}", "query", {"query": "before"}, {"query": query})


def plan(changes: dict[int, str], lists: dict[int, str] | None = None) -> Plan:
    """A plan that sets these queries, and these values of lists."""
    dependencies = [
        Dependency(Kind.VALUE_LIST, f"list-{number}", None, {"type": "ip", "values": [value]})
        for number, value in sorted((lists or {}).items())
    ]
    return Plan(
        TARGET,
        "tests",
        tuple(change(number, query) for number, query in sorted(changes.items())),
        dependencies=tuple(dependencies),
    )


some = st.dictionaries(st.integers(0, 6), st.sampled_from(["a", "b", "c"]), max_size=7)


@given(some, some, some, some)
def test_every_change_has_one_origin_and_the_plan_stays_what_it_is(
    ours: dict[int, str], theirs: dict[int, str], forked: dict[int, str], lists: dict[int, str]
) -> None:
    """The parts make up the whole, nothing is named twice, and the digest is that of the plain plan."""
    made = plan(ours, lists)
    branch = compared(made, Trees("main", "c", plan(theirs), plan(forked)), None)
    told = replace(made, notes=replace(made.notes, branch=branch))

    parts = [part(told, origin) for origin in Origin]
    assert sorted(c.rule_id for one in parts for c in one.changes) == sorted(c.rule_id for c in made.changes)
    assert sorted(d.key for one in parts for d in one.dependencies) == sorted(d.key for d in made.dependencies)
    assert sum(shares(told).values()) == made.writes
    assert told.digest == made.digest
    reviewed = review(told)
    shown = [c for group in (*reviewed.first, *reviewed.rest) for c in group.changes]
    folded = [c for _, groups in reviewed.elsewhere for group in groups for c in group.changes]
    assert sorted(c.rule_id for c in (*shown, *folded)) == sorted(c.rule_id for c in made.changes)
    for number, query in ours.items():
        expected = "base" if theirs.get(number) == query else "behind" if forked.get(number) == query else "branch"
        assert branch.origins[f"rule-{number}"] == expected
    assert set(branch.undone) == {f"rule-{number}" for number in theirs.keys() - ours.keys()}


@given(some)
def test_compared_with_itself_nothing_is_the_branchs(ours: dict[int, str]) -> None:
    """And with an empty plan, or none, everything is."""
    made = plan(ours)

    assert set(compared(made, Trees("main", "c", made), None).origins.values()) <= {"base"}
    assert set(compared(made, Trees("main", "c", plan({})), None).origins.values()) <= {"branch"}
    assert everything(made, "main", "c", "why").origins.keys() == {f"rule-{number}" for number in ours}


@given(some, some)
def test_a_plan_file_keeps_it(ours: dict[int, str], theirs: dict[int, str]) -> None:
    """What --base found survives -o, and an edit of it is seen like any other."""
    made = plan(ours)
    branch = compared(made, Trees("feature/ü", "c", plan(theirs)), None)
    waiting = not_now([Moving("rule-99", "Ninety-nine", "rules/x.toml")], made, "staging", "24 h")
    told = replace(made, notes=replace(made.notes, branch=replace(branch, waiting=waiting)))

    text = dumps(told)

    assert loads(text, where="plan.json").notes == told.notes
    assert b'"origins"' in text
    assert b'"origins"' not in dumps(made)


def test_fields_that_both_write_are_not_the_branchs() -> None:
    """Of one rule, a field that REF's plan writes alike is named."""
    ours = Change("r", "query", {"query": "q", "severity": "low"}, {"query": "new", "severity": "high"})
    theirs = Change("r", "query", {"severity": "low"}, {"severity": "high"})
    made = Plan(TARGET, "tests", (ours,))

    branch = compared(made, Trees("main", "c", Plan(TARGET, "tests", (theirs,))), None)

    assert branch.origins == {"r": "branch"}
    assert branch.mixed == {"r": ("severity",)}


@pytest.mark.parametrize(
    ("soak", "soaks", "sentence"),
    [
        ("24 h", "", "not now: waits 24 h in staging"),
        ("", "", "not now: waits for staging"),
        ("24 h", "waits 5 h in staging: runs for 19 h of 24 h", "not now: waits 5 h in staging: runs for 19 h of 24 h"),
    ],
)
def test_why_not_now(soak: str, soaks: str, sentence: str) -> None:
    """One sentence per rule of the branch that the plan does not write; a rule that it writes has none."""
    moving = [Moving("rule-1", "One", "rules/1.toml", soaks), Moving("rule-2", "Two", "rules/2.toml")]

    rows = not_now(moving, plan({2: "a"}), "staging", soak)

    assert [(row.rule_id, row.sentence) for row in rows] == [("rule-1", sentence)]
