"""The conformance suite: one runner for every case in `conformance/AREA/*.toml`; adding a case adds no code."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import pytest

from tests.support.conformance import FOLDER, STEP_KEYS, Case, cases, differences, play, suite
from tests.support.sandbox import Sandbox, fresh_space
from tests.support.shared import SHARED

FACTS = SHARED / "kibana" / "facts.md"


def named(case: Case) -> str:
    """`bulk/edits-3-9.3`."""
    return f"{case.area}/{case.file}-{case.number + 1}-{case.stack}"


@pytest.mark.parametrize("case", cases(), ids=named)
def test_the_sandbox_does_what_facts_say(case: Case, sandbox_with: Callable[..., Sandbox]) -> None:
    """Each step of the case is answered as its section of facts.md says."""
    sandbox = sandbox_with(case.stack, **case.options)
    play(case, sandbox, fresh_space(sandbox).name)


def test_the_suite_is_as_large_as_promised() -> None:
    """At least 250 different cases, and some in every area of the issue."""
    distinct = {(case.area, case.file, case.number) for case in cases()}
    assert len(distinct) >= 250
    assert {case.area for case in cases()} == set(suite()["areas"])
    names = [(case.area, case.name) for case in cases() if case.stack == first_stack(case)]
    assert len(names) == len(set(names))


def first_stack(case: Case) -> str:
    """The first stack version that a case names."""
    return next(c.stack for c in cases() if (c.area, c.file, c.number) == (case.area, case.file, case.number))


def test_every_case_names_its_section() -> None:
    """`source` is facts.md and a section of it; a step has only words that the runner knows."""
    for case in cases():
        assert case.source == f"facts.md {case.section}", named(case)
        assert case.section in suite()["sections"], named(case)
        for step in case.steps:
            assert set(step) <= STEP_KEYS, f"{named(case)}: {set(step) - STEP_KEYS}"


def test_the_listed_sections_are_those_of_facts() -> None:
    """The sections in suite.toml are the headings of facts.md, where that is beside the repository."""
    if not FACTS.is_file():
        pytest.skip(f"{FACTS.name} is not beside the repository: its headings cannot be compared")
    headings = re.findall(r"^##+ (\d+(?:\.\d+)?)\.? ", FACTS.read_text("utf-8"), re.MULTILINE)
    assert set(headings) == set(suite()["sections"])


@pytest.mark.parametrize(
    ("expected", "found"),
    [
        ({"a": 1}, {"a": 2}),
        ({"a": 1}, {"a": True}),
        ({"a": "<absent>"}, {"a": None}),
        ({"a": "<any>"}, {}),
        ({"a": "<null>"}, {"a": 0}),
        ({"a": "<uuid>"}, {"a": "x"}),
        ({"a": "<time>"}, {"a": "2026-01-01"}),
        ({"a": "~x.*"}, {"a": "yx"}),
        ({"a": []}, {"a": [1]}),
        ({"a": {"<has>": [{"b": 1}]}}, {"a": [{"b": 2}]}),
        ({"a": {"<length>": 2}}, {"a": [1]}),
        ({"a": {"<not>": 1}}, {"a": 1}),
    ],
)
def test_the_runner_sees_differences(expected: Any, found: Any) -> None:
    """A case that cannot fail would prove nothing: every kind of expectation fails where it should."""
    assert differences(expected, found)


def test_every_file_is_played() -> None:
    """No file of the folder is left out by the pattern."""
    files = {path for path in FOLDER.rglob("*.toml") if path.parent != FOLDER}
    assert files == {FOLDER / case.area / f"{case.file}.toml" for case in cases()}
