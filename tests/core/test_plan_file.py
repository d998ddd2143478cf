"""The plan file: what is written reads back as the same plan, and one changed byte is refused."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from deployer.core.canonical import canonical_bytes, digest_of_bytes
from deployer.core.plan_file import dumps, loads
from deployer.errors import DeployerError, RefusedError
from tests.support.planning import OPEN, World, rule_file, world

pytestmark = pytest.mark.quick


def every_action():
    """A plan with every action, an edit, and a rule that is blocked."""
    made = world(*(rule_file(f"r{number}") for number in range(6)), limits=OPEN)
    made.put("adopted", query="a : 9")
    made.edit("r0", interval="15m")
    made.edit("r5", query="b : 1")
    made.git(
        rule_file("r0", note="n"),
        rule_file("r1", type="eql", language="eql"),
        rule_file("r2", enabled=False),
        rule_file("new", tags=["\u202e", "é"]),
        rule_file("adopted", enabled=True),
        rule_file("r5", query="c : 1"),
    )
    return made.plan(adopt=True, allow={"recreate": 1})


PLAN = every_action()
TEXT = dumps(PLAN)


def test_a_plan_reads_back_as_itself():
    """Nothing is lost: changes, entries, documents, notes and digest."""
    assert {change.action.value for change in PLAN.changes} == {"update", "recreate", "disable", "create", "adopt"}
    assert PLAN.notes.blocked
    assert loads(TEXT, where="x") == PLAN
    assert loads(TEXT, where="x").digest == PLAN.digest


@given(st.integers(0, len(TEXT) - 1), st.sampled_from('x0 "},'))
def test_any_changed_byte_is_refused(place, sign):
    """One other character anywhere is a DeployerError, never another plan."""
    changed = TEXT[:place] + sign.encode() + TEXT[place + 1 :]
    if changed != TEXT:
        with pytest.raises(DeployerError):
            loads(changed, where="x")


def test_an_edit_that_keeps_the_json_valid_is_called_stale():
    """Somebody who changes the plan on purpose is refused with exit 4."""
    with pytest.raises(RefusedError) as refused:
        loads(TEXT.replace(b'"note":"n"', b'"note":"m"'), where="x")

    assert refused.value.exit_code == 4


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"", "is not JSON: Expecting value in line 1"),
        (TEXT[:-40], "is not JSON"),
        (b"\xff" + TEXT, "is not UTF-8"),
        (b'{"plan":' + b"[" * 100_000, "is not"),
        (b"[]", "is not a plan file of deployer"),
        (b'{"plan":{}}', "is not a plan file of deployer"),
        (TEXT.replace(b'"version":1', b'"version":2'), "is plan version 2, this deployer reads 1"),
        (TEXT.replace(b'"plan":{', b'"plan": {'), "was changed after it was made"),
        (TEXT + b"\n", "was changed after it was made"),
    ],
    ids=range(9),
)
def test_what_is_no_plan_file_is_said(data, words):
    with pytest.raises(DeployerError, match=words):
        loads(data, where="x")


def test_a_plan_that_was_forged_is_refused_although_its_seal_is_new():
    """The seal is no signature: who makes it anew still has to keep digest and documents true."""
    inner = TEXT[len(b'{"plan":') : -(len(',"seal":"sha256:"}\n') + 64)].replace(b'"note":"n"', b'"note":"m"')
    forged = b'{"plan":%s,"seal":"%s"}\n' % (inner, digest_of_bytes(inner).encode())
    with pytest.raises(RefusedError, match="was changed"):
        loads(forged, where="x")


def test_a_sealed_plan_with_something_behind_it_is_refused():
    inner = TEXT[len(b'{"plan":') : -(len(',"seal":"sha256:"}\n') + 64)] + b',"more":1'
    with pytest.raises(RefusedError, match="was changed"):
        loads(b'{"plan":%s,"seal":"%s"}\n' % (inner, digest_of_bytes(inner).encode()), where="x")


def test_texts_that_are_kept_are_those_of_the_documents():
    plan = loads(TEXT, where="x")
    assert plan.texts
    assert all(plan.text(name) == canonical_bytes(document) for name, document in plan.documents.items())


def test_reading_many_creates_is_not_quadratic():
    """A document that a create carries is worked out once: the calls grow with the rules, not with their square."""
    from deployer.core import plan_file

    calls = []
    real = plan_file.canonical
    plan_file.canonical = lambda content: calls.append(1) or real(content)
    try:
        made = World()
        made.git(*(rule_file(f"r{number}") for number in range(200)))
        loads(dumps(made.plan()), where="x")
    finally:
        plan_file.canonical = real

    assert len(calls) == 400
