"""From dev to prod: gates, the lock file, what prod then runs; real git, real processes, a clock that is moved."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.support.project import ProjectFolder, Ran, new_project
from tests.support.sandbox import Sandbox, running

SECRETS = {"PASSWORD": "changeme", "DEPLOYER_HOSTS": "127.0.0.1"}
TARGET = '[kibana]\nurl = "{url}"\nspace = "{name}"\nusername = "elastic"\npassword = "env:PASSWORD"\n'
PROMOTED = '[rules]\nsource = "promoted"\n[promotion]\nfrom = "dev"\nsoak = "24h"\n'
DAY = 86400


def rule_id(number: int) -> str:
    """The id of a rule that `ProjectFolder.rule` wrote."""
    return f"00000000-0000-4000-8000-{number:012d}"


@dataclass
class Works:
    """A repository with dev and prod in two spaces of one Kibana, whose clock can be moved."""

    kibana: Sandbox
    project: ProjectFolder
    offset: float = 0.0

    def run(self, *words: str) -> Ran:
        """Run the program with the credentials."""
        return self.project.run(*words, **SECRETS)

    def ok(self, *words: str) -> Ran:
        """Run the program, which must succeed."""
        ran = self.run(*words)
        assert ran.code == 0, ran.err + ran.out
        return ran

    def pass_time(self, seconds: float) -> None:
        """Move Kibana's clock."""
        self.offset += seconds
        self.kibana.admin("POST", "clock", {"offset": self.offset})

    def commit(self, message: str) -> str:
        """Commit everything; return the commit."""
        for words in (["add", "-A"], ["commit", "-q", "-m", message]):
            subprocess.run(["git", *words], cwd=self.project.root, check=True, capture_output=True)
        done = subprocess.run(
            ["git", "rev-parse", "HEAD"], cwd=self.project.root, check=True, capture_output=True, text=True
        )
        return done.stdout.strip()

    def lock(self) -> str:
        """The text of prod's lock file."""
        return (self.project.root / "environments/prod.lock.toml").read_text("utf-8")

    def query(self, number: int, space: str = "prod") -> str:
        """What a rule searches for in a space."""
        return str(self.kibana.rule(rule_id(number), space=space)["query"]).strip()


@pytest.fixture
def works(tmp_path: Path) -> Iterator[Works]:
    """Three rules, committed, applied to dev."""
    with running(tmp_path / "kibana.sqlite3") as kibana:
        for space in ("dev", "prod"):
            kibana.request("POST", "/api/spaces/space", {"id": space, "name": space})
        root = tmp_path / "repository"
        root.mkdir()
        project = new_project(root)
        (root / "environments/s.toml").unlink()
        project.write(".gitignore", ".deployer/\n")
        project.write("environments/dev.toml", TARGET.format(url=kibana.url, name="dev"))
        project.write("environments/prod.toml", TARGET.format(url=kibana.url, name="prod") + PROMOTED)
        for number in (1, 2, 3):
            project.rule(number, query=f"a : {number}")
        subprocess.run(["git", "init", "-q", "-b", "main"], cwd=root, check=True)
        subprocess.run(["git", "config", "user.email", "tests@example.com"], cwd=root, check=True)
        subprocess.run(["git", "config", "user.name", "tests"], cwd=root, check=True)
        made = Works(kibana, project)
        made.commit("three rules")
        made.ok("apply", "-e", "dev", "--yes")
        yield made


def test_promoted_without_a_lock_file_is_an_error_and_never_an_empty_plan(works: Works) -> None:
    """`source = "promoted"` without lock file: exit 1 with the command that writes it."""
    ran = works.run("plan", "-e", "prod")

    assert ran.code == 1
    assert "environments/prod.lock.toml is missing" in ran.err
    assert "deployer promote --from dev --to prod" in ran.err


def test_soak_holds_back_and_then_lets_through(works: Works) -> None:
    """Before the soak nothing is pinned and exit is 0; after it all is, and prod runs it."""
    early = works.ok("promote", "--from", "dev", "--to", "prod")
    works.pass_time(DAY + 60)
    late = works.ok("promote", "--from", "dev", "--to", "prod")
    applied = works.ok("apply", "-e", "prod", "--yes")
    again = works.ok("plan", "-e", "prod", "--detailed-exitcode")

    assert "0 pinned, 0 removed, 3 waiting" in early.out
    assert "waits 24 h in dev" in early.out
    assert "3 pinned, 0 removed, 0 waiting" in late.out
    assert "3 changes" in applied.out
    assert "Nothing to do" in again.out
    assert works.lock().count("[[rule]]") == 3


def test_prod_runs_what_is_pinned_while_dev_goes_on(works: Works) -> None:
    """A change in git reaches prod only through its lock file; the diff of that file is one block."""
    works.pass_time(DAY + 60)
    works.ok("promote", "--to", "prod")
    works.ok("apply", "-e", "prod", "--yes")
    before = works.lock()
    works.project.rule(2, query="a : 22")
    works.commit("rule 2 finds more")
    works.ok("apply", "-e", "dev", "--yes")

    unchanged = works.ok("plan", "-e", "prod", "--detailed-exitcode")
    waiting = works.ok("promote", "--to", "prod")
    works.pass_time(DAY + 60)
    works.ok("promote", "--to", "prod")
    works.ok("apply", "-e", "prod", "--yes")
    changed = [line for line in works.lock().splitlines() if line not in before.splitlines()]

    assert "Nothing to do" in unchanged.out
    assert "1 waiting, 2 as before" in waiting.out
    assert works.query(2) == "a : 22"
    assert [line.split(" = ")[0] for line in changed] == ["fingerprint", "commit", "proven"]


def test_words_need_no_soak(works: Works) -> None:
    """A change of a note alone is promoted at once."""
    works.pass_time(DAY + 60)
    works.ok("promote", "--to", "prod")
    path = works.project.root / "rules/rule_1.toml"
    path.write_text(
        path.read_text("utf-8").replace('language = "kuery"', 'language = "kuery"\nnote = "Call."'), "utf-8"
    )
    works.commit("a note")
    works.ok("apply", "-e", "dev", "--yes")

    ran = works.ok("promote", "--to", "prod")

    assert "1 pinned" in ran.out


def test_removal_is_promoted_after_the_soak(works: Works) -> None:
    """A rule that left dev keeps its block for the soak, then loses it, and prod retires it."""
    works.pass_time(DAY + 60)
    works.ok("promote", "--to", "prod")
    works.ok("apply", "-e", "prod", "--yes")
    (works.project.root / "rules/rule_3.toml").unlink()
    works.commit("without rule 3")
    works.ok("apply", "-e", "dev", "--yes")

    early = works.ok("promote", "--to", "prod")
    still = works.ok("plan", "-e", "prod", "--detailed-exitcode")
    works.pass_time(DAY + 60)
    late = works.ok("promote", "--to", "prod")
    works.ok("apply", "-e", "prod", "--yes")

    assert "0 removed, 1 waiting" in early.out
    assert "Nothing to do" in still.out
    assert "1 removed, 0 waiting" in late.out
    assert works.kibana.rule(rule_id(3), space="prod")["enabled"] is False


def test_a_rule_named_by_only_that_fails_a_gate_is_refused(works: Works) -> None:
    """Exit 4 with the gate's sentence, nothing written; --waive with a reason stands in the block and in history."""
    only = f"id:{rule_id(1)}"
    refused = works.run("promote", "--to", "prod", "--only", only)
    without_reason = works.run("promote", "--to", "prod", "--only", only, "--waive", "soak")
    waived = works.ok("promote", "--to", "prod", "--only", only, "--waive", "soak", "--reason", "exploited now")

    assert refused.code == 4
    assert "waits 24 h" in refused.err
    assert without_reason.code == 2
    assert "1 pinned" in waived.out
    assert 'waived = ["soak"]\nreason = "exploited now"' in works.lock()
    assert works.lock().count("[[rule]]") == 1


def test_healthy_asks_for_a_success_after_the_deployment(works: Works) -> None:
    """A rule that has not run, failed, or found no index waits; a success or an allowed reason lets it through."""
    policy = PROMOTED.replace('soak = "24h"', 'soak = "0s"\nrequire = ["deployed", "healthy"]')
    works.project.write("environments/prod.toml", TARGET.format(url=works.kibana.url, name="prod") + policy)
    first = works.ok("promote", "--to", "prod")
    works.pass_time(60)
    for number, status, message in (
        (1, "succeeded", ""),
        (2, "failed", "boom"),
        (3, "partial failure", "no such index"),
    ):
        body = {"space": "dev", "rule_id": rule_id(number), "status": status, "message": message}
        works.kibana.admin("POST", "executions", body)
    second = works.ok("promote", "--to", "prod")
    allowing = policy + 'healthy_allows = ["missing-index"]\n'
    works.project.write("environments/prod.toml", TARGET.format(url=works.kibana.url, name="prod") + allowing)
    third = works.ok("promote", "--to", "prod")

    assert "has not run yet in dev" in first.out
    assert "1 pinned, 0 removed, 2 waiting" in second.out
    assert "failed in dev" in second.out
    assert "missing-index in dev" in second.out
    assert "1 pinned, 0 removed, 1 waiting, 1 as before" in third.out
    assert 'health = "missing-index"' in works.lock()


def test_content_is_found_in_the_store_and_in_git_and_else_is_an_error(works: Works) -> None:
    """The work tree moved on: prod still plans its pins, from the store; without store from git; else exit 1."""
    works.pass_time(DAY + 60)
    works.ok("promote", "--to", "prod")
    works.project.rule(1, query="a : 111")
    from_store = works.ok("plan", "-e", "prod", "--json")
    (works.project.root / ".deployer").rename(works.project.root.parent / "lost")
    from_git = works.ok("plan", "-e", "prod", "--json")
    text = works.lock()
    cut = "\n".join(line for line in text.splitlines() if not line.startswith("commit"))
    works.project.write("environments/prod.lock.toml", cut + "\n")
    lost = works.run("plan", "-e", "prod")

    for ran in (from_store, from_git):
        (change,) = [c for c in ran.document["plans"][0]["changes"] if c["rule_id"] == rule_id(1)]
        assert change["after"]["query"].strip() == "a : 1"
    assert lost.code == 1
    assert "environments/prod.lock.toml:" in lost.err
    assert "is nowhere" in lost.err


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ('fingerprint = "sha256:', 'fingerprint = "sha257:', "is not a fingerprint"),
        ("format = 1", "format = 2", "upgrade deployer"),
        ('environment = "prod"', 'environment = "dev"', "by its name"),
        ("deployment = 1", "deployment = 0", "between 1"),
        ('path = "rules/', 'path = "../rules/', "inside the project"),
        ("[[rule]]\n", "[[rule]]\nquery = 1\n", "not a key"),
    ],
)
def test_a_lock_file_edited_by_hand_is_a_problem_with_its_line(works: Works, old: str, new: str, said: str) -> None:
    """What cannot be is said with file and line, and nothing is planned."""
    works.pass_time(DAY + 60)
    works.ok("promote", "--to", "prod")
    works.project.write("environments/prod.lock.toml", works.lock().replace(old, new, 1))

    ran = works.run("plan", "-e", "prod")

    assert ran.code == 1
    assert said in ran.err
    assert "environments/prod.lock.toml:" in ran.err


def test_two_branches_that_promote_different_rules_merge(works: Works) -> None:
    """The lock file has no line that every promotion changes: git merges two of them without a conflict."""
    works.pass_time(DAY + 60)
    works.ok("promote", "--to", "prod")
    works.commit("the first promotion")
    for number in (1, 3):
        works.project.rule(number, query=f"b : {number}")
        works.commit(f"rule {number}")
    works.ok("apply", "-e", "dev", "--yes")
    works.pass_time(DAY + 60)
    for branch, number in (("one", 1), ("three", 3)):
        subprocess.run(["git", "checkout", "-q", "-b", branch, "main"], cwd=works.project.root, check=True)
        works.ok("promote", "--to", "prod", "--only", f"id:{rule_id(number)}")
        works.commit(f"promote {number}")

    merged = subprocess.run(["git", "merge", "-q", "one", "-m", "merge"], cwd=works.project.root, capture_output=True)

    assert merged.returncode == 0, merged.stderr
    plan = works.ok("plan", "-e", "prod", "--json").document["plans"][0]
    queries = {change["rule_id"]: change["after"]["query"].strip() for change in plan["changes"]}
    assert queries == {rule_id(1): "b : 1", rule_id(2): "a : 2", rule_id(3): "b : 3"}


def test_status_says_what_waits_for_promotion_and_why(works: Works) -> None:
    """The matrix has the gate's sentence beside the rule, in the environment that it waits for."""
    works.pass_time(DAY + 60)
    works.ok("promote", "--to", "prod")
    works.ok("apply", "-e", "prod", "--yes")
    works.project.rule(2, query="a : 22")
    works.commit("rule 2 finds more")
    works.ok("apply", "-e", "dev", "--yes")

    ran = works.ok("status", "-e", "dev", "-e", "prod")
    found = works.ok("status", "-e", "prod", "--json").document

    (cell,) = [row["cells"][0] for row in found["rows"] if row["rule_id"] == rule_id(2)]
    assert cell["flags"] == ["waiting"]
    assert cell["why"].startswith("waits 24 h in dev")
    assert "1 waiting" in ran.out
    assert "2 rules the same everywhere" in ran.out


def test_an_override_reaches_prod_at_once_and_is_labelled_environment(works: Works) -> None:
    """Overlays come from the work tree: the plan says that the pinned content did not move."""
    works.pass_time(DAY + 60)
    works.ok("promote", "--to", "prod")
    works.ok("apply", "-e", "prod", "--yes")
    path = works.project.root / "environments/prod.toml"
    override = '\n[[override]]\nname = "slower here"\nmatch = ["*"]\nset = { interval = "10m", from = "now-20m" }\n'
    path.write_text(path.read_text("utf-8") + override, "utf-8")

    ran = works.ok("plan", "-e", "prod")
    waiting = works.ok("promote", "--to", "prod")

    assert ran.out.count("environment: overlays or connectors changed") == 3
    assert "3 as before" in waiting.out
