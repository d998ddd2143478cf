"""Value lists: files, types, and the few values that have to be sent."""

from __future__ import annotations

import pytest

from deployer.core.value_lists import diff_values, read_value_list, typed


@pytest.mark.parametrize(
    ("name", "text", "kind", "values"),
    [
        ("a.txt", "10.0.0.2\n10.0.0.1\n\n# a remark\n10.0.0.2\n", "", ("10.0.0.1", "10.0.0.2")),
        ("a.txt", "# type: ip_range\n10.0.0.0/8\n", "ip_range", ("10.0.0.0/8",)),
        ("a.txt", "#hashtag\na b,c\n", "", ("#hashtag", "a b,c")),
        ("a.csv", 'value,why\n"a,b",quoted\nc,plain\n', "", ("a,b", "c")),
        ("a.csv", "# type: keyword\nc\n", "keyword", ("c",)),
        ("a.txt", "a\r\nb\r\n", "", ("a", "b")),
    ],
)
def test_text_and_csv_are_read(name: str, text: str, kind: str, values: tuple[str, ...]) -> None:
    """Blank lines and remarks are no values; order and repetition mean nothing."""
    found = read_value_list(f"value_lists/{name}", text)
    assert (found.list_id, found.type, found.values) == (name, kind, values)


def test_the_type_is_what_the_items_say() -> None:
    """The items that use a list give its type; two types are a Problem."""
    file = read_value_list("a.txt", "x\n")
    (one,), fine = typed([file], {"a.txt": {"ip"}})
    assert (one.type, fine) == ("ip", [])
    (plain,), _ = typed([file], {})
    assert plain.type == "keyword"
    _, problems = typed([file], {"a.txt": {"ip", "keyword"}})
    assert problems[0].code == "value-list-type"


def test_fifty_thousand_lines_of_which_three_changed_are_six_values() -> None:
    """The change carries what comes and what goes, and nothing else."""
    old = [f"value-{number}" for number in range(50_000)]
    new = [*old[3:], "new-1", "new-2", "new-3"]
    before, wanted = (read_value_list("a.txt", "\n".join(lines)) for lines in (old, new))
    diff = diff_values(wanted, {"type": ""}, before.values, before.document)
    assert diff.change is not None
    assert (len(diff.change.added), len(diff.change.removed)) == (3, 3)


def test_values_of_analysts_stay_and_those_they_took_away_stay_away() -> None:
    """Three sides: what git brought and no longer has goes, what analysts did stays."""
    wanted = read_value_list("a.txt", "a\nb\nnew\n")
    authored = {"values": ["a", "b", "gone"]}
    diff = diff_values(wanted, {"type": ""}, ["a", "gone", "theirs"], authored)
    assert diff.change is not None
    assert (diff.change.added, diff.change.removed) == (("new",), ("gone",))
    assert (diff.foreign, diff.left) == (("theirs",), ("b",))
    two_way = diff_values(wanted, {"type": ""}, ["a", "theirs"], None)
    assert two_way.change is not None
    assert (two_way.change.added, two_way.change.removed) == (("b", "new"), ())
