"""New files: how they look. That nothing is lost is in test_toml_laws."""

from __future__ import annotations

import datetime as dt

import pytest
import tomli

from deployer.core.toml.emit import emit, emit_rule

pytestmark = pytest.mark.quick

TAGS = [
    "Domain: Endpoint",
    "OS: Windows",
    "Use Case: Threat Detection",
    "Tactic: Execution",
    "Data: X",
    "Owner: Acme Corp",
]

RULE = {
    "rule": {
        "type": "eql",
        "threat": [
            {
                "tactic": {"reference": "r", "name": "Execution", "id": "TA0002"},
                "framework": "MITRE ATT&CK",
                "technique": [{"id": "T1", "subtechnique": [{"id": "T1.1"}]}],
            }
        ],
        "query": 'process where process.name : "C:\\x"\n',
        "note": "## Triage\n\n- \\d\n",
        "description": "One.\nTwo.\n",
        "author": ["Acme"],
        "tags": TAGS,
        "filters": [{"meta": {"negate": True}, "query": {"wildcard": {"file.path": {"value": "?:\\\\*"}}}}],
        "false_positives": ["Known\nsoftware."],
        "actions": [],
    },
    "transform": {"osquery": [{"query": "SELECT 1", "label": "One"}]},
    "metadata": {"maturity": "production", "creation_date": "2026/01/01"},
}

RULE_TEXT = r"""[metadata]
creation_date = "2026/01/01"
maturity = "production"

[rule]
actions = []
author = ["Acme"]
description = QQQ
One.
Two.
QQQ
false_positives = [
    QQQ
Known
software.QQQ,
]
note = QQQ## Triage

- \\d
QQQ
tags = [
    "Domain: Endpoint",
    "OS: Windows",
    "Use Case: Threat Detection",
    "Tactic: Execution",
    "Data: X",
    "Owner: Acme Corp",
]
type = "eql"

query = '''
process where process.name : "C:\x"
'''

[[rule.filters]]

[rule.filters.meta]
negate = true

[rule.filters.query.wildcard."file.path"]
value = "?:\\\\*"

[[rule.threat]]
framework = "MITRE ATT&CK"

[[rule.threat.technique]]
id = "T1"

[[rule.threat.technique.subtechnique]]
id = "T1.1"

[rule.threat.tactic]
id = "TA0002"
name = "Execution"
reference = "r"

[transform]

[[transform.osquery]]
label = "One"
query = "SELECT 1"
""".replace("QQQ", '"""')


def test_a_rule_file_looks_like_those_of_detection_rules():
    """Metadata first, keys in order, the query last and literal, threats as arrays of tables, dotted names quoted."""
    assert emit_rule(RULE) == RULE_TEXT
    assert tomli.loads(RULE_TEXT) == RULE


def test_a_lock_file_keeps_its_order_and_its_inline_tables():
    """Keys come as they are given; named keys stay on one line; moments in UTC end with Z."""
    rule = {
        "name": "A",
        "id": "x",
        "proven": {"in": "staging", "since": dt.datetime(2026, 8, 24, 9, 12, tzinfo=dt.UTC)},
        "waived": ["soak"],
    }
    block = """
[[rule]]
name = "A"
id = "x"
proven = { in = "staging", since = 2026-08-24T09:12:00Z }
waived = ["soak"]
"""
    text = emit({"format": 1, "environment": "prod", "rule": [rule, rule]}, inline=("proven",))
    assert text == f'format = 1\nenvironment = "prod"\n{block}{block}'


def test_keys_follow_another_file():
    """With `like`, known keys come in its order, in tables and arrays of tables too; new ones follow."""
    like = {"c": 1, "t": [{"y": 1, "x": 1}], "a": 1}
    data = {"a": 1, "b": 2, "c": 3, "t": [{"x": 1, "y": 2}, {"z": 0, "x": 1, "y": 2}]}
    assert emit(data, like=like) == "c = 3\na = 1\nb = 2\n\n[[t]]\ny = 2\nx = 1\n\n[[t]]\ny = 2\nx = 1\nz = 0\n"


@pytest.mark.parametrize(
    ("data", "text"),
    [
        ({}, ""),
        ({"a": {}}, "[a]\n"),
        ({"a": {"b": {}}}, "[a]\n\n[a.b]\n"),
        ({"a": {"b": {"c": 1}}}, "[a]\n\n[a.b]\nc = 1\n"),
        ({"a": {"b": {"c": {"d": 1}}}}, "[a]\n\n[a.b.c]\nd = 1\n"),
        ({"a": [{}, {"b": [{}]}]}, "[[a]]\n\n[[a]]\n\n[[a.b]]\n"),
        ({"a": [1, {"b": 1}, []]}, "a = [1, { b = 1 }, []]\n"),
        ({"a": {"b": (1, 2.0)}, "": "x"}, '"" = "x"\n\n[a]\nb = [1, 2.0]\n'),
        ({"a": [True, float("inf"), float("-inf"), 1e22, -0.0]}, "a = [true, inf, -inf, 1e+22, -0.0]\n"),
        ({"a": [dt.date(2026, 1, 2), dt.time(1, 2)]}, "a = [2026-01-02, 01:02:00]\n"),
        ({"a": 'x\r\ny"""\\\x00\t\''}, 'a = """\nx\\r\ny""\\"\\\\\\u0000\t\'"""\n'),
        ({"a": 'x\n"'}, 'a = """\nx\n\\""""\n'),
        ({"a": '\r"\\\x1b\x7f\té'}, 'a = "\\r\\"\\\\\\u001B\\u007F\\té"\n'),
        ({"rule": {"query": "a\r\nb"}}, '[rule]\nquery = """\na\\r\nb"""\n'),
        ({"rule": {"query": "\n"}}, '[rule]\nquery = """\n\n"""\n'),
        ({"rule": {"query": "a'"}}, '[rule]\nquery = """\na\'"""\n'),
        ({"rule": {"query": ""}}, '[rule]\nquery = ""\n'),
    ],
    ids=repr,
)
def test_odd_values_have_one_text(data, text):
    """Empty tables, mixed arrays, odd floats, control characters, CR, quotes at the end: text, and back."""
    assert emit(data) == text
    assert emit(tomli.loads(text)) == text


@pytest.mark.parametrize(
    "moment",
    [dt.time(1, 2, tzinfo=dt.UTC), dt.datetime(2026, 1, 1, tzinfo=dt.timezone(dt.timedelta(seconds=61)))],
    ids=repr,
)
def test_moments_that_toml_cannot_write_are_refused(moment):
    """A time with an offset and an offset with seconds are a ValueError, not another moment."""
    with pytest.raises(ValueError, match="TOML cannot write"):
        emit({"a": moment})
