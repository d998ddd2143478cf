"""`_find`: the filter language, sorting, paging and the window (facts.md section 5.1)."""

from __future__ import annotations

import time
from typing import Any
from urllib.parse import urlencode

import pytest

from tests.support.sandbox import RULES, Space, query_rule

ATTRIBUTES = "alert.attributes"
SEEDED = (
    query_rule("a-1", name="Suspicious PowerShell download", tags=["OS: Windows", 'say "hi"'], severity="high"),
    query_rule("a-2", name="PowerShell policy change", tags=["OS: Windows", "back\\slash"], enabled=False),
    query_rule("b-1", name="Kernel module load", tags=["OS: Linux"], risk_score=99, interval="1h"),
    query_rule(
        "b-2",
        name="Download by curl",
        tags=["OS: Linux", "a,b"],
        threat=[
            {
                "framework": "MITRE ATT&CK",
                "tactic": {"id": "TA0011", "name": "Command and Control", "reference": "https://example.org"},
                "technique": [{"id": "T1105", "name": "Ingress", "reference": "https://example.org"}],
            }
        ],
        exceptions_list=[{"id": "l", "list_id": "shared", "type": "detection", "namespace_type": "single"}],
    ),
)


def find(space: Space, **query: Any) -> Any:
    """The answer of `_find`."""
    return space.request("GET", f"{RULES}/_find?{urlencode(query, doseq=True)}")


def found(space: Space, condition: str) -> list[str]:
    """The sorted rule_ids that a filter selects."""
    answer = find(space, filter=condition, per_page=100)
    assert answer.status == 200, answer.body
    return sorted(rule["rule_id"] for rule in answer.json["data"])


@pytest.fixture
def seeded(space: Space) -> Space:
    """A space with four rules, no two of one millisecond."""
    for rule in SEEDED:
        space.create(rule)
        time.sleep(0.002)
    return space


@pytest.mark.quick
@pytest.mark.parametrize(
    ("condition", "rule_ids"),
    [
        ("", "a-1 a-2 b-1 b-2"),
        (f'{ATTRIBUTES}.tags: "OS: Windows"', "a-1 a-2"),
        (f'{ATTRIBUTES}.tags: "say \\"hi\\""', "a-1"),
        (f'{ATTRIBUTES}.tags: "back\\\\slash"', "a-2"),
        (f'{ATTRIBUTES}.tags: "OS: windows"', ""),
        (f'{ATTRIBUTES}.tags: ("OS: Linux" or "back\\\\slash")', "a-2 b-1 b-2"),
        (f"{ATTRIBUTES}.tags: OS\\:*", "a-1 a-2 b-1 b-2"),
        (f"{ATTRIBUTES}.tags: *Lin*", "b-1 b-2"),
        (f'{ATTRIBUTES}.tags: "*Lin*"', ""),
        (f'not {ATTRIBUTES}.tags: "OS: Windows"', "b-1 b-2"),
        (f"{ATTRIBUTES}.enabled: false", "a-2"),
        (f"{ATTRIBUTES}.enabled: true and {ATTRIBUTES}.params.riskScore > 50", "b-1"),
        (f"{ATTRIBUTES}.params.riskScore <= 21", "a-1 a-2 b-2"),
        (f'{ATTRIBUTES}.params.ruleId: ("a-1" or "b-2")', "a-1 b-2"),
        (f'{ATTRIBUTES}.params.ruleId: "a-1" OR {ATTRIBUTES}.params.ruleId: "a-2"', "a-1 a-2"),
        (f"{ATTRIBUTES}.params.ruleId: b-*", "b-1 b-2"),
        (f"{ATTRIBUTES}.params.immutable: false", "a-1 a-2 b-1 b-2"),
        (f"{ATTRIBUTES}.params.immutable: true", ""),
        (f"{ATTRIBUTES}.params.severity: high", "a-1"),
        (f'{ATTRIBUTES}.params.type: "query"', "a-1 a-2 b-1 b-2"),
        (f'{ATTRIBUTES}.params.threat.technique.id: "T1105"', "b-2"),
        (f'{ATTRIBUTES}.params.exceptionsList.list_id: "shared"', "b-2"),
        (f"{ATTRIBUTES}.params.ruleSource.type: internal", "a-1 a-2 b-1 b-2"),
        (f'{ATTRIBUTES}.schedule.interval: "1h"', "b-1"),
        (f'{ATTRIBUTES}.createdBy: "elastic"', "a-1 a-2 b-1 b-2"),
        (f'{ATTRIBUTES}.updatedBy: "nobody"', ""),
        (f'{ATTRIBUTES}.name: "powershell"', "a-1 a-2"),
        (f'{ATTRIBUTES}.name: "powershell download"', "a-1"),
        (f'{ATTRIBUTES}.name: "download powershell"', ""),
        (f"{ATTRIBUTES}.name: download", "a-1 b-2"),
        (f"{ATTRIBUTES}.name: kern*", "b-1"),
        (f'{ATTRIBUTES}.name.keyword: "Kernel module load"', "b-1"),
        (
            f'({ATTRIBUTES}.enabled: true and ({ATTRIBUTES}.tags: ("OS: Linux") or {ATTRIBUTES}.name: policy))',
            "b-1 b-2",
        ),
        (f"{ATTRIBUTES}.createdAt >= 2020-01-01 and {ATTRIBUTES}.createdAt < 2021-01-01", ""),
        (f"{ATTRIBUTES}.noSuchAttribute: x", ""),
    ],
)
def test_filters_select(seeded: Space, condition: str, rule_ids: str) -> None:
    """Each filter selects exactly these rules."""
    assert found(seeded, condition) == rule_ids.split()


@pytest.mark.parametrize(
    "condition", ['tags: "open', "(a: b", "a: b)", "a:", "and", "a: b or", "not", "a: {b: c}", "(" * 300]
)
def test_broken_filters_are_refused(space: Space, condition: str) -> None:
    """What is no KQL is a 400 of the detection engine, never a 500."""
    answer = find(space, filter=condition)
    assert answer.status == 400
    assert set(answer.json) == {"message", "status_code"}


def test_pages_and_totals(seeded: Space) -> None:
    """`perPage` is camel case; `per_page=0` counts only; pages together hold every rule once."""
    pages = [find(seeded, page=page, per_page=3, sort_field="name", sort_order="asc").json for page in (1, 2, 3)]
    assert [len(page["data"]) for page in pages] == [3, 1, 0]
    assert {(page["perPage"], page["total"]) for page in pages} == {(3, 4)}
    names = [rule["name"] for page in pages for rule in page["data"]]
    assert names == sorted(names, key=str.casefold)
    assert find(seeded, per_page=0).json == {"page": 1, "perPage": 0, "total": 4, "data": []}


@pytest.mark.parametrize(
    ("field", "first"),
    [("risk_score", "b-1"), ("severity", "a-1"), ("name", "a-1"), ("created_at", "b-2"), ("updatedAt", "b-2")],
)
def test_sorting_downwards(seeded: Space, field: str, first: str) -> None:
    """The greatest comes first."""
    assert find(seeded, sort_field=field, sort_order="desc").json["data"][0]["rule_id"] == first


def test_sorting_by_execution(seeded: Space) -> None:
    """Execution status is sortable, and a rule shows its summary once it has one (section 11)."""
    for rule_id, status in (("a-1", "succeeded"), ("b-1", "failed")):
        seeded.admin("POST", "executions", {"rule_id": rule_id, "status": status})
    answer = find(seeded, sort_field="execution_summary.last_execution.status", sort_order="desc").json["data"]
    assert answer[0]["rule_id"] == "b-1"
    assert answer[0]["execution_summary"]["last_execution"]["status_order"] == 30
    assert "execution_summary" not in seeded.rule("a-2")


def test_sort_field_and_order_go_together(space: Space) -> None:
    """One without the other is a 400 with a list."""
    answer = find(space, sort_field="name")
    assert answer.json["message"] == ['when "sort_order" and "sort_field" must exist together or not at all']
    assert find(space, sort_field="interval", sort_order="asc").json["error"] == "Bad Request"


def test_the_window_ends_at_ten_thousand(space: Space) -> None:
    """page * per_page above 10,000 is refused, exactly 10,000 is not."""
    assert find(space, page=10, per_page=1000).status == 200
    answer = find(space, page=11, per_page=1000)
    assert answer.status == 400
    assert "[10000] but was [11000]" in answer.json["message"]


def test_fields_choose_keys(seeded: Space) -> None:
    """`fields` answers with those keys, and the id always."""
    rule = find(seeded, fields=["name", "params.ruleId"], per_page=1).json["data"][0]
    assert set(rule) == {"id", "name", "rule_id"}


@pytest.mark.parametrize("query", [{"page": 0}, {"page": "x"}, {"per_page": -1}, {"per_page": 1.5}])
def test_page_numbers_are_checked(space: Space, query: dict[str, Any]) -> None:
    """Pages start at 1 and have whole sizes."""
    assert find(space, **query).json["message"].startswith("[request query]: ")
