"""From `[rule]` to the API payload: equal to what detection-rules sends, but for the differences that are meant."""

from __future__ import annotations

from typing import Any

import pytest

from deployer.core.payload import payload, split_setup, squeeze, with_placeholders
from tests.support.shared import needs_shared, rule_pairs, tables

pytestmark = pytest.mark.quick

GENERATED = {"related_integrations", "required_fields"}


def differences(ours: Any, theirs: Any, path: str = "") -> dict[str, tuple[Any, Any]]:
    """Every place where two payloads differ, by dotted path."""
    if isinstance(ours, dict) and isinstance(theirs, dict):
        found: dict[str, tuple[Any, Any]] = {}
        for key in ours.keys() | theirs.keys():
            found |= differences(ours.get(key, "<absent>"), theirs.get(key, "<absent>"), f"{path}.{key}".lstrip("."))
        return found
    if isinstance(ours, list) and isinstance(theirs, list) and len(ours) == len(theirs):
        found = {}
        for number, (a, b) in enumerate(zip(ours, theirs, strict=True)):
            found |= differences(a, b, f"{path}[{number}]")
        return found
    return {} if ours == theirs and type(ours) is type(theirs) else {path: (ours, theirs)}


@needs_shared
@pytest.mark.parametrize("name", sorted(rule_pairs()))
def test_every_pair_renders_to_its_payload(name: str) -> None:
    """Every pair renders to its payload; what is generated there is left out, and syn_01 differs where it is meant."""
    pair = rule_pairs()[name]
    data = tables(pair)

    ours = payload(data["rule"], data.get("transform"))

    found = differences(ours, pair["api_payload"])
    generated = {path for path in found if path.split("[")[0].split(".")[0] in GENERATED}
    assert all(found[path][0] == "<absent>" for path in generated)
    meant = MEANT.get(name, {})
    assert {path: found[path][0] for path in found.keys() - generated} == meant


MEANT: dict[str, dict[str, Any]] = {
    "syn_01_query_full": {
        # bodies of actions keep their newlines
        "actions[0].params.body": '{\n  "text": "line1\nline2"\n}',
        # no `frequency: {"throttle": null}` stubs
        "actions[0].frequency.throttle": "<absent>",
        "actions[1].frequency": "<absent>",
        # the Setup section moves verbatim, and always leaves the note
        "setup": "Install the agent.\n\n- step one\n- step `two`\n\n```\nsudo thing\n```",
        "note": (
            "## Triage and analysis\n\n### Investigating\n\n"
            '- !{osquery{"ecs_mapping":{"host.os.type":{"value":"windows"}},"label":"Services",'
            '"query":"SELECT name, path FROM services\\nWHERE name = \'{{host.name}}\'"}}\n'
            '- !{investigate{"description":"","label":"Events of the same user","providers":[[{"excluded":false,'
            '"field":"user.name","queryType":"phrase","value":"{{user.name}}","valueType":"string"}]],'
            '"relativeFrom":"now-48h/h","relativeTo":"now"}}\n'
            "- price $5 and $literal and $unknown_1\n\n## Related rules\n\nNone."
        ),
    }
}


def test_setup_section_ends_at_the_next_heading_of_its_level() -> None:
    """Deeper headings and headings inside code fences belong to the Setup section."""
    note = "## Triage\n\nLook.\n\n## Setup\n\n### Agent\n\n```\n## not a heading\n```\n\n## Related\n\nNone.\n"

    rest, setup = split_setup(note)

    assert setup == "### Agent\n\n```\n## not a heading\n```"
    assert rest == "## Triage\n\nLook.\n\n## Related\n\nNone."


def test_a_note_without_setup_is_left_alone() -> None:
    """Without a Setup heading the note keeps its white space, and there is no setup."""
    assert split_setup("## Triage\n\nSetup is easy.\n") == ("## Triage\n\nSetup is easy.\n", None)


def test_an_authored_setup_field_wins_over_the_section() -> None:
    """A rule that has a setup field keeps its note whole."""
    ours = payload({"note": "## Setup\n\nx\n", "setup": "y"})

    assert ours == {"note": "## Setup\n\nx\n", "setup": "y"}


def test_placeholders_that_nobody_defines_stay() -> None:
    """Unknown placeholders and Kibana's own mustache survive."""
    assert with_placeholders("$osquery_0 $other {{context}}", {"osquery": [{"a": 1}]}) == (
        '!{osquery{"a":1}} $other {{context}}'
    )


@pytest.mark.parametrize(
    ("text", "expected"),
    [("  a\n   b  ", "a b"), ("a\n\nb\n", "a  b"), ("a  b", "a  b"), ("", ""), ("\n", "")],
)
def test_squeeze_puts_a_text_on_one_line(text: str, expected: str) -> None:
    """Lines are stripped and joined by one space; a blank line becomes two."""
    assert squeeze(text) == expected


def test_what_stands_under_query_is_never_rewritten() -> None:
    """Filters keep the text of their queries, and lose newlines elsewhere."""
    ours = payload({"filters": [{"meta": {"alias": "a\nb"}, "query": {"match": {"x": "  a\n b "}}}]})

    assert ours == {"filters": [{"meta": {"alias": "a b"}, "query": {"match": {"x": "  a\n b "}}}]}


def test_nested_new_terms_become_flat() -> None:
    """The nested table of detection-rules becomes the two fields of the API."""
    nested = {
        "field": "new_terms_fields",
        "value": ["a"],
        "history_window_start": [{"field": "history_window_start", "value": "now-7d"}],
    }

    assert payload({"new_terms": nested}) == {"new_terms_fields": ["a"], "history_window_start": "now-7d"}
