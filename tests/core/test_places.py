"""What is only in some environments."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from deployer.core.matrix import Cell, Matrix, Row
from deployer.core.places import differing, groups, present

ON = Cell(since=1, fingerprint="sha256:a", enabled=True)
OFF = Cell(since=1, fingerprint="sha256:a", enabled=False)
OTHER = Cell(since=2, fingerprint="sha256:b", enabled=True)
GOING = Cell(since=1, fingerprint="sha256:a", enabled=False, flags=("retired",))
GONE = Cell(since=1, fingerprint="sha256:a", flags=("gone",))
TO_COME = Cell(flags=("behind",))
CELLS = (ON, OFF, OTHER, GOING, GONE, TO_COME, None)


def matrix(*rows: tuple[Cell | None, ...]) -> Matrix:
    """A matrix of these cells."""
    targets = ("dev", "staging", "prod")[: len(rows[0])] if rows else ("dev",)
    return Matrix(targets, tuple(Row(f"r{number}", f"Rule {number}", cells) for number, cells in enumerate(rows)))


def test_what_a_target_has() -> None:
    """A rule that is switched off is there; one that is to come, on its way out or gone from Kibana is not."""
    assert [present(cell) for cell in CELLS] == [True, True, True, False, False, False, False]


def test_rules_are_grouped_by_where_they_are() -> None:
    """What one target alone has comes first; what all have, and what none has yet, is in no group."""
    found = groups(
        matrix(
            (ON, ON, ON), (ON, OFF, None), (ON, None, None), (None, None, ON), (TO_COME, GONE, None), (ON, GOING, GONE)
        )
    )

    assert [(group.where, group.missing, group.rule_ids, group.only) for group in found] == [
        (("dev",), ("staging", "prod"), ("r2", "r5"), True),
        (("prod",), ("dev", "staging"), ("r3",), True),
        (("dev", "staging"), ("prod",), ("r1",), False),
    ]


def test_contents_differ_only_where_two_have_the_rule() -> None:
    """The content of a rule that is on its way out, or to come, is no difference."""
    found = differing(matrix((ON, OTHER), (ON, OFF), (ON, None), (OTHER, GOING)))

    assert [(one.rule_id, one.contents) for one in found] == [("r0", {"dev": "sha256:a", "staging": "sha256:b"})]


@given(st.lists(st.tuples(*[st.sampled_from(CELLS)] * 3), max_size=20))
def test_every_rule_is_in_one_group_or_is_everywhere_or_nowhere(rows: list[tuple[Cell | None, ...]]) -> None:
    """Law: groups share no rule, and say of each of them exactly where it is."""
    found = matrix(*rows)
    grouped = [rule_id for group in groups(found) for rule_id in group.rule_ids]

    assert len(grouped) == len({*grouped})
    for group in groups(found):
        for rule_id in group.rule_ids:
            (row,) = [row for row in found.rows if row.rule_id == rule_id]
            there = [target for target, cell in zip(found.targets, row.cells, strict=True) if present(cell)]
            assert there == [*group.where]
    for row in found.rows:
        assert (row.rule_id in grouped) == (0 < sum(map(present, row.cells)) < 3)
