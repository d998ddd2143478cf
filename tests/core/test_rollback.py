"""Where a rollback goes back to, what holds keep out, and the lock file afterwards: values in, values out."""

from __future__ import annotations

from dataclasses import asdict, replace
from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from deployer.core.behaviour import behaviour_digest
from deployer.core.desired import Desired, DesiredRule
from deployer.core.holds import Hold, against, extra_with, holds_of, judge, keeps_out
from deployer.core.lock_back import lock_patch, locked_back
from deployer.core.lock_file import Locked, LockFile
from deployer.core.record import BACK_TO, Record, Retired, RuleRecord
from deployer.core.rollback import Way, chosen, record_back, record_goal, rule_goal
from deployer.errors import DeployerError, UsageError
from tests.support.planning import rule_file

pytestmark = pytest.mark.quick
TODAY = date(2026, 11, 24)


def entry(content: str, as_of: int, *, retired: bool = False) -> RuleRecord:
    """An entry with this content."""
    gone = Retired("2026-11-24", enabled=True) if retired else None
    return RuleRecord("Rule", "rules/r.toml", content, content, "w", "b", "id", 1, "t", True, as_of, gone, as_of=as_of)


class Log:
    """Records of one target, in order; `at` appends one, its rules carried over."""

    def __init__(self) -> None:
        self.records: dict[int, Record] = {}

    def at(
        self, number: int, *, event: str = "deploy", back_to: int | None = None, **rules: RuleRecord | None
    ) -> Record:
        """Append a deployment that makes these entries; None takes a rule out."""
        last = self.records[max(self.records)] if self.records else None
        entries = dict(last.rules) if last else {}
        for rule_id, one in rules.items():
            entries.pop(rule_id, None)
            entries.update({rule_id: one} if one else {})
        extra = {} if back_to is None else {BACK_TO: back_to}
        record = Record(
            number, event, "s", "default", "u", "p", "t", "d", last.number if last else None,
            changed=dict.fromkeys(rules, "update"), rules=entries, extra=extra,
        )  # fmt: skip
        self.records[number] = record
        return record

    def back(self, rule_id: str, steps: int = 1, hold: Hold | None = None, gone: int = 0) -> str | None:
        """The content to which a rule goes back, None for absence."""
        holds = {rule_id: hold} if hold else {}
        head = self.records[max(self.records)]
        goal = rule_goal(
            [rule_id], head, holds, self.records.__getitem__, steps=steps, gone={rule_id: gone} if gone else {}
        )
        if not goal.ways:
            return "already"
        found = goal.ways[0].back
        return found.fingerprint if found else None


def test_a_rule_goes_back_by_its_own_changes_and_not_by_deployments():
    """Deployments of other rules in between do not count."""
    log = Log()
    log.at(1, r=entry("v1", 1), other=entry("o", 1))
    log.at(2, r=entry("v2", 2))
    log.at(3, other=entry("o2", 3))
    log.at(4, other=entry("o3", 4))

    assert (log.back("r"), log.back("other")) == ("v1", "o2")


def test_before_its_creation_a_rule_was_not_there_and_before_the_first_record_nothing_is_known():
    """A rule that a later deployment created goes back to absence; one of the first has no earlier version."""
    log = Log()
    log.at(1, r=entry("v1", 1))
    log.at(2, new=entry("n1", 2))

    assert log.back("new") is None
    with pytest.raises(DeployerError, match="no earlier version"):
        log.back("r")


def test_no_way_back_leads_to_the_content_that_was_bad():
    """A rollback's entry keeps the deployment it is from; one step further lies before that, not at the bad one."""
    log = Log()
    log.at(1, r=entry("v0", 1))
    log.at(2, r=entry("v1", 2))
    log.at(3, r=entry("bad", 3))
    log.at(4, event="rollback", r=entry("v1", 2))
    hold = Hold("r", "Rule", "file", "file", number=4)

    assert log.back("r", 1, hold) == "already"
    assert log.back("r", 2, hold) == "v0"
    log.at(5, r=entry("fixed", 5))
    assert log.back("r") == "v1"
    assert log.back("r", 2) == "v0"


def test_retired_and_then_deleted_is_one_change():
    """A rule that git removed and that left the record later comes back with what it was."""
    log = Log()
    log.at(1, r=entry("v1", 1), other=entry("o", 1))
    log.at(2, r=entry("v1", 2, retired=True))
    log.at(3, r=None)

    assert log.back("r", gone=3) == "v1"


def test_steps_of_a_target_count_deployments_that_went_forward():
    """Holds, releases and rollbacks are passed over; after a whole rollback the first step is done already."""
    log = Log()
    log.at(1, r=entry("v1", 1))
    log.at(2, r=entry("v2", 2))
    log.at(3, r=entry("v3", 3))
    read = log.records.__getitem__
    assert record_back(log.records[3], read, 1)[0].number == 2
    log.at(4, event="rollback", back_to=2, r=entry("v2", 2))
    log.at(5, event="hold")

    head = log.records[5]

    assert [record_back(head, read, steps)[0].number for steps in (1, 2)] == [2, 1]
    assert (record_back(head, read, 1)[1], record_back(head, read, 2)[1]) == (True, False)
    with pytest.raises(DeployerError, match="no deployment before #1"):
        record_back(head, read, 3)


def test_a_whole_rollback_takes_what_differs_and_leaves_what_is_kept_out():
    """Retired equals absent; what was deleted in Kibana comes back; held content does not."""
    log = Log()
    goal = log.at(1, same=entry("s", 1), old=entry("o", 1), bad=entry("bad", 1))
    head = log.at(2, old=entry("o", 2, retired=True), new=entry("n", 2), bad=entry("good", 2))
    hold = Hold("bad", "Rule", "file", "file", out="bad", number=2)

    found = record_goal(head, {"bad": hold}, goal, missing={"same"})

    assert [way.rule_id for way in found.ways] == ["new", "old", "same"]
    assert list(found.already) == ["bad"]


def test_rules_are_named_by_id_name_or_the_beginning_of_an_id():
    """Exact first, then the name, then at least eight signs of one id."""
    known = {"7c3d5a10-aaaa": "PowerShell", "7c3d5a10-bbbb": "powershell", "deadbeef-1": "Other"}

    assert chosen(["deadbeef", "7c3d5a10-aaaa", "PowerShell", "other"], known) == ("deadbeef-1", "7c3d5a10-aaaa")
    with pytest.raises(UsageError, match="fits 2 rules"):
        chosen(["7c3d5a10"], known)
    with pytest.raises(DeployerError, match="needs 8 signs"):
        chosen(["deadbee"], known)


CONTENTS = st.fixed_dictionaries(
    {"query": st.sampled_from(["a : 1", "b : 1"])},
    optional={"note": st.sampled_from(["x", "y"]), "interval": st.just("9m")},
)


@given(CONTENTS, CONTENTS, CONTENTS)
def test_a_hold_ends_exactly_when_git_behaves_differently(bad, good, git):
    """Law: held while git behaves like what is kept out; where both sides behave alike, while git says the same."""
    sides = [rule_file("r", **fields) for fields in (bad, good, git)]
    hold = against(Hold("r", "Rule", "file", "file"), sides[0].canonical, sides[1].canonical)
    wanted = Desired({"r": DesiredRule(sides[2], sides[2].payload)})
    behaviours = [behaviour_digest(side.canonical) for side in sides]

    alike = behaviours[0] == behaviours[1]
    expected = sides[0].fingerprint == sides[2].fingerprint if alike else behaviours[0] == behaviours[2]

    assert (judge(hold, wanted, TODAY) == "held") is expected
    assert keeps_out(hold, sides[2].fingerprint, behaviours[2]) is expected
    agrees = sides[1].fingerprint == sides[2].fingerprint if alike else behaviours[1] == behaviours[2]
    assert (judge(hold, wanted, TODAY, promoted=True) == "held") is (expected or agrees)


def test_holds_against_absence_and_those_of_people():
    """One against absence ends when git has the rule again; a person's stands whatever git has, until its day."""
    file = rule_file("r")
    there, away = Desired({"r": DesiredRule(file, file.payload)}), Desired({})
    absent = against(Hold("r", "Rule", "file", "absent"), None, file.canonical)
    person = Hold("r", "Rule", "file", until="2026-11-24")

    assert [judge(absent, wanted, TODAY) for wanted in (away, there)] == ["held", "ended"]
    assert judge(absent, there, TODAY, promoted=True) == "held"
    assert [judge(person, wanted, TODAY) for wanted in (away, there)] == ["held", "held"]
    assert judge(person, there, date(2026, 11, 25)) == "expired"
    assert (keeps_out(absent, "", ""), keeps_out(absent, "f", "b"), keeps_out(person, "f", "b")) == (True, False, True)


def test_holds_stand_in_the_record_until_they_are_released():
    """New ones join, released ones go, everything else beside the rules is carried over."""
    first = extra_with({"waivers": 1}, [Hold("a", "A", "file"), Hold("b", "B", "file")], ())
    second = extra_with(first, [Hold("a", "A", "absent")], ["b"])
    record = replace(Log().at(1), extra=second)

    assert (second["waivers"], list(holds_of(record)), holds_of(record)["a"].kind) == (1, ["a"], "absent")
    assert extra_with(second, (), ["a"]) == {"waivers": 1}
    assert Hold(**asdict(Hold("a", "A", "file"))) == Hold("a", "A", "file")


def test_the_lock_file_pins_what_came_back_and_leaves_what_moved_on():
    """A block with the bad content is turned back, added or removed; one that pins something else by now is left."""
    lock = LockFile("prod", "environments/prod.lock.toml", {
        "r": Locked("r", "Rule", "rules/r.toml", "bad", waived=("soak",), reason="urgent"),
        "moved": Locked("moved", "Rule", "rules/m.toml", "newer"),
        "created": Locked("created", "Rule", "rules/c.toml", "noisy"),
    })  # fmt: skip
    ways = [
        Way("r", entry("bad", 2), entry("good", 1)),
        Way("moved", entry("bad", 2), entry("good", 1)),
        Way("created", entry("noisy", 2), None),
        Way("restored", entry("good", 2, retired=True), entry("good", 1)),
    ]

    after = locked_back(lock, ways, {"r": "c" * 40}, "INC-1")

    assert {rule_id: locked.fingerprint for rule_id, locked in after.rules.items()} == {
        "r": "good",
        "moved": "newer",
        "restored": "good",
    }
    assert (after.rules["r"].commit, after.rules["r"].waived, after.rules["r"].reason) == (
        "c" * 40,
        (),
        "rolled back: INC-1",
    )
    assert lock_patch(lock.path, ways[3:]) == ""
    assert '-fingerprint = "bad"\n+fingerprint = "good"' in lock_patch(lock.path, ways[:1])
