"""Rollback and holds as a team uses them: real processes, a sandbox, git, runners that are thrown away."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.support.project import ProjectFolder, Ran, new_project
from tests.support.sandbox import Sandbox, running

ONE = "00000000-0000-4000-8000-000000000001"
TWO = "00000000-0000-4000-8000-000000000002"


@pytest.fixture
def kibana(tmp_path: Path):
    """A sandbox of its own, which tests look into."""
    with running(tmp_path / "kibana.sqlite3") as server:
        yield server


class Team:
    """A repository with rules and deployer.toml, a Kibana, and a state store beside both."""

    def __init__(self, root: Path, kibana: Sandbox) -> None:
        self.root = root
        self.kibana = kibana
        self.environment = f'[kibana]\nurl = "{kibana.url}"\nusername = "elastic"\npassword = "env:PASSWORD"\n'
        (root / "repo").mkdir()
        self.project = new_project(root / "repo", environment=self.environment)
        self.project.write("deployer.toml", f'project = "tests"\nstate = "file:{root / "store"}"\n')

    def run(self, *words: str, at: ProjectFolder | None = None) -> Ran:
        """Run the program where there is a password, without a terminal."""
        return (at or self.project).run(*words, PASSWORD="changeme", DEPLOYER_HOSTS="127.0.0.1")

    def ok(self, *words: str, at: ProjectFolder | None = None) -> Ran:
        """Run something that must exit 0."""
        ran = self.run(*words, at=at)
        assert ran.code == 0, ran.out + ran.err
        return ran

    def runner(self, name: str, *, rules: bool) -> ProjectFolder:
        """A bare CI runner: a fresh copy of the settings, with the rule files or without."""
        folder = self.root / name
        folder.mkdir()
        shutil.copy(self.project.root / "deployer.toml", folder)
        shutil.copytree(self.project.root / "environments", folder / "environments")
        if rules:
            shutil.copytree(self.project.root / "rules", folder / "rules")
        return ProjectFolder(folder)

    def query(self, rule_id: str = ONE) -> str:
        """The query that runs."""
        return str(self.kibana.rule(rule_id)["query"]).strip()


@pytest.fixture
def team(tmp_path: Path, kibana: Sandbox) -> Team:
    """A team."""
    return Team(tmp_path, kibana)


def bad_query(team: Team) -> None:
    """Deploy a good rule, then a bad one."""
    team.project.rule(1, query="good : 1")
    team.project.rule(2)
    team.ok("apply", "-e", "s", "--yes")
    team.project.rule(1, query="bad : 1")
    team.ok("apply", "-e", "s", "--yes")


def deleted_file(team: Team) -> None:
    """Deploy a good rule, then delete its file."""
    path = team.project.rule(1, query="good : 1")
    team.project.rule(2)
    team.ok("apply", "-e", "s", "--yes")
    path.unlink()
    team.ok("apply", "-e", "s", "--yes")


def bad_override(team: Team) -> None:
    """Deploy a good rule, then an override that breaks it."""
    team.project.rule(1, query="good : 1")
    team.project.rule(2)
    team.ok("apply", "-e", "s", "--yes")
    override = f'\n[[override]]\nname = "oops"\nmatch = ["id:{ONE}"]\nset = {{ query = "bad : 1" }}\n'
    team.project.write("environments/s.toml", team.environment + override)
    team.ok("apply", "-e", "s", "--yes")


@pytest.mark.parametrize("breaking", [bad_query, deleted_file, bad_override])
def test_a_rollback_stays_though_git_did_not_change(team: Team, breaking: Callable[[Team], None]) -> None:
    """Rolled back on a bare runner that is thrown away, the rule stays good through the applies of others."""
    breaking(team)
    runner = team.runner("runner", rules=False)
    team.ok("rollback", "-e", "s", "--rule", ONE, "--yes", "--reason", "INC-1", at=runner)
    shutil.rmtree(runner.root)
    good = team.kibana.rule(ONE)

    team.project.rule(2, query="other : 1")
    applied = team.ok("apply", "-e", "s", "--yes")
    again = team.ok("apply", "-e", "s", "--yes", at=team.runner("another", rules=True))
    planned = team.ok("plan", "-e", "s", "--detailed-exitcode")

    assert (team.query(), good["enabled"]) == ("good : 1", True)
    assert team.kibana.rule(ONE) == good
    assert "held H3" in applied.out
    assert "held H3" in again.out
    assert "INC-1" in planned.out


def test_only_another_behaviour_in_git_ends_the_hold(team: Team) -> None:
    """A corrected note does not bring the bad query back; a changed query is deployed, and stands on top."""
    bad_query(team)
    team.ok("rollback", "-e", "s", "--rule", "Rule 1", "--yes")
    path = team.project.rule(1, query="bad : 1")
    path.write_text(path.read_text("utf-8").replace("severity =", 'note = "look twice"\nseverity ='), "utf-8")

    noted = team.ok("apply", "-e", "s", "--yes")
    after_note = team.query()
    team.project.rule(1, query="fixed : 1")
    planned = team.run("plan", "-e", "s")
    team.ok("apply", "-e", "s", "--yes")
    settled = team.ok("plan", "-e", "s", "--detailed-exitcode")

    assert ("held H3" in noted.out, after_note) == (True, "good : 1")
    assert "LOOK AT THESE FIRST\n\n !  H3 ends   Rule 1: git behaves differently now" in planned.out
    assert team.query() == "fixed : 1"
    assert "H3" not in settled.out


def test_rolled_back_twice_equals_once(team: Team) -> None:
    """The second run says which one did it, changes nothing, and never goes on to the content that is held."""
    bad_query(team)
    team.ok("rollback", "-e", "s", "--rule", ONE, "--rule", TWO, "--yes", "--to", "1")
    before = team.kibana.rule(ONE)

    again = team.ok("rollback", "-e", "s", "--rule", ONE, "--yes")
    further = team.run("rollback", "-e", "s", "--rule", ONE, "--yes", "--steps", "2")

    assert "was rolled back in #3" in again.out
    assert team.kibana.rule(ONE) == before
    assert further.code == 1
    assert "no earlier version" in further.err


def test_two_steps_lead_past_what_was_bad(team: Team) -> None:
    """After a rollback one version further is the one before the good one, not the bad one."""
    for query in ("first : 1", "good : 1", "bad : 1"):
        team.project.rule(1, query=query)
        team.ok("apply", "-e", "s", "--yes")
    team.ok("rollback", "-e", "s", "--rule", ONE, "--yes")
    assert team.query() == "good : 1"

    team.ok("rollback", "-e", "s", "--rule", ONE, "--yes", "--steps", "2")

    assert team.query() == "first : 1"


def test_what_was_switched_off_in_kibana_stays_off(team: Team) -> None:
    """A rollback brings git's content back, not the switch of the analyst, and says who switched it."""
    bad_query(team)
    team.kibana.request("PATCH", "/api/detection_engine/rules", {"rule_id": ONE, "enabled": False}, user="soc-night")

    ran = team.ok("rollback", "-e", "s", "--rule", ONE, "--yes")

    assert (team.query(), team.kibana.rule(ONE)["enabled"]) == ("good : 1", False)
    assert "switched off by soc-night" in ran.out


def test_merged_and_live_values_of_analysts_stay(team: Team) -> None:
    """An exception and a tag that were added in Kibana after the bad deployment survive the rollback."""
    bad_query(team)
    team.kibana.request(
        "PATCH", "/api/detection_engine/rules", {"rule_id": ONE, "tags": ["analyst", "deployer:tests"]}, user="soc-day"
    )
    team.kibana.request("PATCH", "/api/detection_engine/rules", {"rule_id": ONE, "interval": "9m"}, user="soc-day")

    team.ok("rollback", "-e", "s", "--rule", ONE, "--yes")

    rule = team.kibana.rule(ONE)
    assert (team.query(), rule["tags"], rule["interval"]) == ("good : 1", ["analyst", "deployer:tests"], "9m")


def test_a_rule_gone_from_git_and_from_kibana_comes_back(team: Team) -> None:
    """Its file deleted, its rule deleted: the rollback creates it again, and a later apply leaves it there."""
    deleted_file(team)
    team.kibana.request("DELETE", f"/api/detection_engine/rules?rule_id={ONE}")

    team.ok("rollback", "-e", "s", "--rule", "Rule 1", "--yes")
    held = team.ok("apply", "-e", "s", "--yes")

    assert (team.query(), team.kibana.rule(ONE)["enabled"]) == ("good : 1", True)
    assert "git does not have it" in held.out


def test_a_rule_that_left_the_record_too_comes_back_by_its_id_or_name(team: Team) -> None:
    """Deleted in Kibana before another apply, the record forgot it; history did not."""
    deleted_file(team)
    team.kibana.request("DELETE", f"/api/detection_engine/rules?rule_id={ONE}")
    team.project.rule(2, query="other : 1")
    team.ok("apply", "-e", "s", "--yes")

    team.ok("rollback", "-e", "s", "--rule", "Rule 1", "--yes")

    assert team.query() == "good : 1"


def test_the_file_of_a_deleted_rule_comes_back_to_the_same_object(team: Team) -> None:
    """Reverting the commit that deleted a file enables the same saved object again."""
    path = team.project.rule(1, query="good : 1")
    team.project.rule(2)
    git(team.project.root, "init", "-q", "-b", "main")
    commit(team.project.root, "both")
    team.ok("apply", "-e", "s", "--yes")
    first = team.kibana.rule(ONE)
    path.unlink()
    commit(team.project.root, "delete it")
    team.ok("apply", "-e", "s", "--yes")
    off = team.kibana.rule(ONE)["enabled"]

    git(team.project.root, "revert", "--no-edit", "HEAD")
    team.ok("apply", "-e", "s", "--yes")

    again = team.kibana.rule(ONE)
    assert (first["id"], off, again["enabled"]) == (again["id"], False, True)


def test_a_rolled_back_creation_stays_away_until_git_changes_it(team: Team) -> None:
    """A new rule that was bad is switched off again; its unchanged file does not bring it back, a changed one does."""
    team.project.rule(2)
    team.ok("apply", "-e", "s", "--yes")
    team.project.rule(1, query="noisy : 1")
    team.ok("apply", "-e", "s", "--yes")

    team.ok("rollback", "-e", "s", "--rule", ONE, "--yes")
    team.ok("apply", "-e", "s", "--yes")
    away = team.kibana.rule(ONE)["enabled"]
    team.project.rule(1, query="quiet : 1")
    team.ok("apply", "-e", "s", "--yes")

    assert (away, team.kibana.rule(ONE)["enabled"], team.query()) == (False, True, "quiet : 1")


def test_a_whole_target_goes_back_to_a_deployment(team: Team) -> None:
    """Changed, deleted and new rules go back at once; a second run has nothing to do, and git does not undo it."""
    team.project.rule(1, query="good : 1")
    path = team.project.rule(2)
    team.ok("apply", "-e", "s", "--yes")
    team.project.rule(1, query="bad : 1")
    team.project.rule(3)
    path.unlink()
    team.ok("apply", "-e", "s", "--yes")

    team.ok("rollback", "-e", "s", "--yes")
    again = team.ok("rollback", "-e", "s", "--yes")
    to = team.ok("rollback", "-e", "s", "--to", "1", "--yes", "--json")
    planned = team.ok("plan", "-e", "s", "--detailed-exitcode")

    three = team.kibana.rule("00000000-0000-4000-8000-000000000003")
    assert (team.query(), team.kibana.rule(TWO)["enabled"], three["enabled"]) == ("good : 1", True, False)
    assert "Nothing to do: rolled back in #3" in again.out
    assert to.document["targets"][0]["counts"] == {}
    assert planned.out.count("held H3") == 3


def test_a_stale_plan_does_not_run_over_a_hold(team: Team) -> None:
    """A plan saved before the bad content was deployed and rolled back matches every before, and is refused."""
    team.project.rule(1, query="good : 1")
    team.ok("apply", "-e", "s", "--yes")
    team.project.rule(1, query="bad : 1")
    team.ok("plan", "-e", "s", "-o", "plan.json")
    team.ok("apply", "-e", "s", "--yes")
    team.ok("rollback", "-e", "s", "--rule", ONE, "--yes")

    ran = team.run("apply", "plan.json")

    assert (ran.code, team.query()) == (4, "good : 1")
    assert "H3" in ran.err


def test_names_that_fit_several_rules_are_listed_and_refused(team: Team) -> None:
    """A beginning of an id or a name that two rules share is wrong usage; an unknown one is an error."""
    team.project.rule(1, name="Same")
    team.project.rule(2, name="Same")
    team.ok("apply", "-e", "s", "--yes")

    name = team.run("rollback", "-e", "s", "--rule", "same", "--yes")
    start = team.run("rollback", "-e", "s", "--rule", ONE[:8], "--yes")
    unknown = team.run("rollback", "-e", "s", "--rule", "nothing", "--yes")
    short = team.run("rollback", "-e", "s", "--rule", "0000", "--yes")

    assert [name.code, start.code, unknown.code, short.code] == [2, 2, 1, 1]
    assert (ONE in name.err, TWO in start.err, "8 signs" in short.err) == (True, True, True)


def test_the_search_for_the_alerts_of_the_bad_content_is_printed(team: Team) -> None:
    """KQL for the rule and the time in which the bad content ran."""
    bad_query(team)
    started = json.loads(next((team.root / "store").glob("targets/s/default/records/000002.json")).read_text())["time"]

    ran = team.ok("rollback", "-e", "s", "--rule", ONE, "--yes")

    assert f'kibana.alert.rule.rule_id: "{ONE}"' in ran.out
    since, until = re.findall(r'@timestamp [<>]=? "([^"]+)"', ran.out)
    assert since <= started < until
    assert (since[-4:], until[-4:]) == (":00Z", ":00Z")


def test_rollback_reads_no_rule_file_and_asks_kibana_little(team: Team) -> None:
    """Broken files in git do not stop it, and one rule costs a dozen requests at most."""
    bad_query(team)
    team.project.write("rules/broken.toml", "this is not TOML")
    team.kibana.admin("DELETE", "requests")

    team.ok("rollback", "-e", "s", "--rule", ONE, "--yes")

    assert team.query() == "good : 1"
    assert len(team.kibana.admin("GET", "requests")) <= 12


def test_deploy_settings_do_not_stand_in_the_way_but_ask_for_a_reason(team: Team) -> None:
    """`[deploy]` refuses applies from a laptop; a rollback it only asks for its reason."""
    bad_query(team)
    team.project.write(
        "environments/s.toml",
        team.environment + '\n[deploy]\nbranch = "main"\nci_only = true\nreason = ["rollback"]\n',
    )

    without = team.run("rollback", "-e", "s", "--rule", ONE, "--yes")
    with_it = team.run("rollback", "-e", "s", "--rule", ONE, "--yes", "--reason", "INC-1")

    assert (without.code, with_it.code) == (4, 0)
    assert "--reason" in without.err
    assert team.query() == "good : 1"


def test_a_hold_stops_a_rule_and_release_lets_it_go_on(team: Team) -> None:
    """`hold --disable` keeps a rule off through applies and changes in git; `release` switches it on again."""
    team.project.rule(1, query="good : 1")
    team.project.rule(2)
    team.ok("apply", "-e", "s", "--yes")

    team.ok("hold", "-e", "s", "--rule", "rule 1", "--disable", "--yes", "--reason", "noisy")
    team.project.rule(1, query="other : 1")
    waits = team.ok("apply", "-e", "s", "--yes")
    stopped = team.kibana.rule(ONE)
    team.ok("release", "-e", "s", "H2", "--yes")
    released = team.kibana.rule(ONE)
    team.ok("apply", "-e", "s", "--yes")

    assert (stopped["enabled"], stopped["query"].strip()) == (False, "good : 1")
    assert "deployer release H2 lets it in" in waits.out
    assert (released["enabled"], released["query"].strip()) == (True, "good : 1")
    assert team.query() == "other : 1"


def test_a_hold_ends_after_its_day(team: Team) -> None:
    """`--until` names the last day; one that has passed is refused, and a plan after it says that the hold ends."""
    team.project.rule(1)
    team.ok("apply", "-e", "s", "--yes")
    past = team.run("hold", "-e", "s", "--rule", ONE, "--yes", "--until", "2020-01-01")
    nonsense = team.run("hold", "-e", "s", "--rule", ONE, "--yes", "--until", "soon")
    team.ok("hold", "-e", "s", "--rule", ONE, "--disable", "--yes", "--until", "2999-12-31")
    record = next((team.root / "store").glob("targets/s/default/records/000002.json"))
    record.chmod(0o600)
    record.write_text(record.read_text().replace("2999-12-31", "2020-12-31"))

    planned = team.run("plan", "-e", "s")

    assert (past.code, nonsense.code) == (2, 2)
    assert "H2 ends   Rule 1: its last day was 2020-12-31" in planned.out
    assert "enabled   false -> true" in planned.out


def test_release_names_what_there_is(team: Team) -> None:
    """A hold that is not there is an error that lists the others."""
    bad_query(team)
    team.ok("rollback", "-e", "s", "--rule", ONE, "--yes")

    ran = team.run("release", "-e", "s", "H99", "--yes")

    assert ran.code == 1
    assert "H3 (Rule 1)" in ran.err


def test_without_a_record_there_is_nothing_to_roll_back_to(team: Team) -> None:
    """A lost store is named; nothing is guessed."""
    team.project.rule(1)

    ran = team.run("rollback", "-e", "s", "--yes")

    assert ran.code == 1
    assert str(team.root / "store") in ran.err


def test_an_analysts_switch_is_named_three_applies_later(team: Team) -> None:
    """Each plan names who switched the rule off and when, though every apply wrote to it since."""
    team.project.rule(1, query="a : 1")
    team.project.rule(2)
    team.ok("apply", "-e", "s", "--yes")
    team.kibana.request("PATCH", "/api/detection_engine/rules", {"rule_id": ONE, "enabled": False}, user="soc-night")
    named = []
    for number in (2, 3, 4):
        team.project.rule(1, query=f"a : {number}")
        team.project.rule(2, query=f"b : {number}")
        (edit,) = team.ok("plan", "-e", "s", "--json").document["plans"][0]["notes"]["edits"]
        named.append((edit["field"], edit["kind"], edit["by"], edit["at"]))
        team.ok("apply", "-e", "s", "--yes")

    assert team.kibana.rule(ONE)["enabled"] is False
    assert team.query() == "a : 4"
    assert len(set(named)) == 1
    assert named[0][:3] == ("enabled", "left", "soc-night")

    team.project.write("environments/s.toml", team.environment + '\n[ownership.fields]\nenabled = "git"\n')
    back = team.ok("apply", "-e", "s", "--yes")

    assert "CHANGED IN KIBANA, PUT BACK" in back.out
    assert "soc-night" in back.out
    assert team.kibana.rule(ONE)["enabled"] is True


def test_both_changed_needs_a_decision(team: Team) -> None:
    """An analyst's edit of what git changed too is a conflict; --take git or --take live decides."""
    bad_query(team)
    patch = {"rule_id": ONE, "type": "query", "query": "analyst : 1"}
    assert team.kibana.request("PATCH", "/api/detection_engine/rules", patch, user="soc-day").status == 200

    refused = team.run("rollback", "-e", "s", "--rule", ONE, "--yes")
    live = team.ok("rollback", "-e", "s", "--rule", ONE, "--yes", "--take", "live")

    assert refused.code == 4
    assert "--take git brings git's value back over it" in refused.err
    assert (team.query(), live.code) == ("analyst : 1", 0)


def test_an_adopted_rule_is_not_rolled_back_to_nothing(team: Team) -> None:
    """What ran before an adoption is not recorded: one rule is refused, a whole target leaves it as it is."""
    team.project.rule(1)
    team.ok("apply", "-e", "s", "--yes")
    team.kibana.create({"rule_id": TWO, "name": "Rule 2", "description": "d", "risk_score": 1, "severity": "low",
                        "type": "query", "query": "theirs : 1", "enabled": True})  # fmt: skip
    team.project.rule(2, query="ours : 1")
    team.project.rule(1, query="bad : 1")
    team.ok("apply", "-e", "s", "--yes", "--adopt")
    adopted = team.kibana.rule(TWO)

    one = team.run("rollback", "-e", "s", "--rule", TWO, "--yes")
    team.ok("rollback", "-e", "s", "--yes")

    assert (one.code, "was adopted in #2" in one.err) == (1, True)
    assert team.query() == "event.action : *"
    assert team.kibana.rule(TWO) == adopted


def test_two_spaces_go_back_in_one_run_under_one_hold(team: Team) -> None:
    """Both spaces of an environment share deployment and hold; `--space` narrows to one; a table ends it."""
    for space in ("emea", "amer"):
        team.kibana.request("POST", "/api/spaces/space", {"id": space, "name": space})
    team.project.write("environments/s.toml", team.environment + 'spaces = ["emea", "amer"]\n')
    for query in ("good : 1", "bad : 1", "worse : 1"):
        team.project.rule(1, query=query)
        team.ok("apply", "-e", "s", "--yes")

    ran = team.ok("rollback", "-e", "s", "--rule", ONE, "--yes")
    both = [str(team.kibana.rule(ONE, space=space)["query"]).strip() for space in ("emea", "amer")]
    team.ok("rollback", "-e", "s", "--space", "amer", "--rule", ONE, "--yes", "--steps", "2")
    split = [str(team.kibana.rule(ONE, space=space)["query"]).strip() for space in ("emea", "amer")]
    held = team.ok("apply", "-e", "s", "--yes")

    assert both == ["bad : 1", "bad : 1"]
    assert split == ["bad : 1", "good : 1"]
    assert ran.out.count("Deployment #4") == 2
    assert ("held H4" in held.out, "held H5" in held.out) == (True, True)


def git(folder: Path, *words: str) -> None:
    """Run git as nobody in particular."""
    who = ["-c", "user.name=tests", "-c", "user.email=tests@example.invalid"]
    subprocess.run(["git", *who, *words], cwd=folder, check=True, capture_output=True, timeout=60)


def commit(folder: Path, message: str) -> None:
    """Commit everything."""
    git(folder, "add", "-A")
    git(folder, "commit", "-q", "-m", message)
