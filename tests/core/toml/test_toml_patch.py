"""Patches: cases as a file, what is refused, and what is never written."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from deployer.core.toml.amend import LostDataError, amend, check_written
from deployer.core.toml.assemble import Edit, assembled
from deployer.core.toml.patch import Insert, Put, Remove, patch
from deployer.core.toml.place import TomlError

pytestmark = pytest.mark.quick

CASES = (Path(__file__).parent / "cases" / "patch.txt").read_text("utf-8").split("\n=== ")[1:]


def parsed(case):
    """Return the changes of a case, its text before, and the text afterwards."""
    head, before, after = re.split(r"^---(?=\n|\|)", case, flags=re.MULTILINE)
    changes = [change(*line.split(" ", 1)) for line in head.splitlines()[1:]]
    before = before.removeprefix("| ").removesuffix("\n") if before.startswith("|") else before.removeprefix("\n")
    return changes, before, after.strip("\n") + "\n"


def change(verb, rest):
    """Make a change of its line in a case."""
    path, end = json.JSONDecoder().raw_decode(rest)
    if verb == "remove":
        return Remove(tuple(path))
    return {"put": Put, "insert": Insert}[verb](tuple(path), json.loads(rest[end:]))


def name(case):
    """Return the name of a case."""
    return case.partition("\n")[0]


@pytest.mark.parametrize("case", CASES, ids=name)
def test_patch_writes_what_a_person_would(case):
    """Each case of cases/patch.txt: the text afterwards is exactly the expected one."""
    changes, before, after = parsed(case)
    assert patch(before, changes) == after


@pytest.mark.parametrize("case", [case for case in CASES if "\n---|" not in case], ids=name)
def test_patch_keeps_windows_newlines(case):
    """The same cases with CRLF give the same texts with CRLF."""
    changes, before, after = parsed(case)
    assert patch(before.replace("\n", "\r\n"), changes) == after.replace("\n", "\r\n")


def test_patch_without_a_difference_returns_the_text():
    """Putting what is there already changes no byte, and neither does no change at all."""
    text = "a = 0x10 # hex\nb  =  1.50"
    assert patch(text, [Put(("a",), 16), Put(("b",), 1.5)]) == text
    assert patch(text, []) == text


@pytest.mark.parametrize(
    "bad",
    [
        Remove(("a", "x")),
        Remove(("b", 2)),
        Remove(()),
        Insert(("a",), 1),
        Insert(("b", 3), 1),
        Insert(("c", "x"), 1),
        Put(("b", 3), 1),
        Put(("b", -1), 1),
        Put(("b", "x"), 1),
        Put(("c", "x", "y"), 1),
        Put(("b", 0, "x"), 1),
        Put(("new", 1), 1),
    ],
    ids=repr,
)
def test_a_path_that_leads_nowhere_is_refused(bad):
    """An edit of something that is not there is a LookupError that names the path; nothing is written."""
    with pytest.raises(LookupError, match=r"leads nowhere|does not exist|whole document"):
        patch('b = ["x", "y"]\nc = 1\n[a]\n', [bad])


def test_data_that_toml_cannot_hold_is_refused_with_its_path():
    """Null, keys that are no text and a lone surrogate are refused before anything is written."""
    with pytest.raises(TypeError, match=r"cannot hold NoneType at rule\.threat\[0\]\.id"):
        patch("", [Put(("rule",), {"threat": [{"id": None}]})])
    with pytest.raises(TypeError, match="keys are text, not int, at a"):
        amend("", {"a": {1: 2}})
    with pytest.raises(ValueError, match=r"surrogate U\+D800"):
        amend("a = 1", {"a": "\ud800"})


def test_a_text_that_is_not_toml_is_refused():
    """A broken file is never patched."""
    with pytest.raises(TomlError):
        patch("a = ", [Put(("a",), 1)])


def test_a_text_that_lost_data_is_a_bug_and_not_returned():
    """What was written is compared with what should have been: a difference, or no TOML, is a LostDataError."""
    check_written("a = 1\n", {"a": 1})
    for text in ("a = true\n", "a = 1.0\n", "", "a = \n"):
        with pytest.raises(LostDataError):
            check_written(text, {"a": 1})


def test_new_tables_are_inline_where_the_caller_says_so():
    """`inline` names keys whose tables and arrays of tables stay on the line of their key, as in lock files."""
    text = '[[rule]]\nid = "x"\n'
    proven = {"in": "staging", "deployment": 212}
    assert patch(text, [Put(("rule", 0, "proven"), proven)], inline=("proven",)) == (
        '[[rule]]\nid = "x"\nproven = { in = "staging", deployment = 212 }\n'
    )


def test_edits_inside_a_removal_are_swallowed_and_insertions_kept():
    """`assembled` carries edits out in any order; a removal takes the edits inside it along, but no insertion."""
    edits = [Edit(4, 5, "!"), Edit(2, 6), Edit(3, 4), Edit(3, 3, "+"), Edit(0, 1, "A"), Edit(0, 0, ">")]
    assert assembled("abcdefgh", edits) == ">Ab+gh"
