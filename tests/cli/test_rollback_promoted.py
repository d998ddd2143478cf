"""A rollback in an environment that runs what its lock file pins: it stays, dev goes on, and the fix is promoted."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.support.project import ProjectFolder, Ran, new_project
from tests.support.sandbox import Sandbox, running

ONE = "00000000-0000-4000-8000-000000000001"
DAY = 86400
TARGET = '[kibana]\nurl = "{url}"\nspace = "{name}"\nusername = "elastic"\npassword = "env:PASSWORD"\n'
PROMOTED = '[rules]\nsource = "promoted"\n[promotion]\nfrom = "dev"\nsoak = "24h"\n'


@dataclass
class Firm:
    """A git repository with dev and a promoted prod; one rule went bad in prod."""

    root: Path
    kibana: Sandbox
    project: ProjectFolder
    offset: float = 0.0

    def ok(self, *words: str, at: ProjectFolder | None = None) -> Ran:
        """Run the program, which must succeed."""
        ran = (at or self.project).run(*words, PASSWORD="changeme", DEPLOYER_HOSTS="127.0.0.1")
        assert ran.code == 0, ran.out + ran.err
        return ran

    def a_day_later(self) -> None:
        """Move Kibana's clock past the soak."""
        self.offset += DAY + 60
        self.kibana.admin("POST", "clock", {"offset": self.offset})

    def commit(self) -> None:
        """Commit everything."""
        for words in (["add", "-A"], ["commit", "-q", "-m", "on", "--allow-empty"]):
            subprocess.run(["git", *words], cwd=self.project.root, check=True, capture_output=True, timeout=60)

    def through_dev(self, query: str) -> None:
        """Change the rule, and bring it to dev and on to prod."""
        self.project.rule(1, query=query)
        self.commit()
        self.ok("apply", "-e", "dev", "--yes")
        self.a_day_later()
        self.ok("promote", "--to", "prod")
        self.commit()
        self.ok("apply", "-e", "prod", "--yes")

    def runner(self, name: str) -> ProjectFolder:
        """A bare CI runner: settings without rules and lock files."""
        folder = self.root / name
        (folder / "environments").mkdir(parents=True)
        for path in ("deployer.toml", "environments/dev.toml", "environments/prod.toml"):
            shutil.copy(self.project.root / path, folder / path)
        return ProjectFolder(folder)

    def checkout(self, name: str) -> ProjectFolder:
        """A shallow clone of what is committed, as CI has it."""
        folder = self.root / name
        words = ["git", "clone", "-q", "--depth", "1", f"file://{self.project.root}", str(folder)]
        subprocess.run(words, check=True, capture_output=True, timeout=60)
        return ProjectFolder(folder)

    def lock(self) -> str:
        """The text of prod's lock file."""
        return (self.project.root / "environments/prod.lock.toml").read_text("utf-8")

    def query(self, space: str = "prod") -> str:
        """What the rule searches for."""
        return str(self.kibana.rule(ONE, space=space)["query"]).strip()


@pytest.fixture
def firm(tmp_path: Path) -> Iterator[Firm]:
    """Good, then bad, both promoted to prod."""
    with running(tmp_path / "kibana.sqlite3") as kibana:
        for space in ("dev", "prod"):
            kibana.request("POST", "/api/spaces/space", {"id": space, "name": space})
        root = tmp_path / "repository"
        root.mkdir()
        project = new_project(root)
        (root / "environments/s.toml").unlink()
        project.write("deployer.toml", f'project = "tests"\nstate = "file:{tmp_path / "store"}"\n')
        project.write("environments/dev.toml", TARGET.format(url=kibana.url, name="dev"))
        project.write("environments/prod.toml", TARGET.format(url=kibana.url, name="prod") + PROMOTED)
        project.rule(2)
        for words in (
            ["init", "-q", "-b", "main"],
            ["config", "user.email", "t@example.com"],
            ["config", "user.name", "t"],
        ):
            subprocess.run(["git", *words], cwd=root, check=True, capture_output=True, timeout=60)
        made = Firm(tmp_path, kibana, project)
        made.through_dev("good : 1")
        made.through_dev("bad : 1")
        assert made.query() == "bad : 1"
        yield made


def test_it_stays_though_lock_file_and_dev_did_not_change_until_the_fix_comes(firm: Firm) -> None:
    """From a bare runner that is thrown away; apply and promote leave the good version; the fix goes the usual way."""
    runner = firm.runner("runner")
    back = firm.ok("rollback", "-e", "prod", "--rule", ONE, "--yes", "--reason", "INC-1", at=runner)
    shutil.rmtree(runner.root)
    applied = firm.ok("apply", "-e", "prod", "--yes", at=firm.checkout("ci"))
    promoted = firm.ok("promote", "--to", "prod")
    again = firm.ok("apply", "-e", "prod", "--yes")
    stayed = (firm.query("prod"), firm.query("dev"))

    firm.through_dev("fixed : 1")

    assert stayed == ("good : 1", "bad : 1")
    assert "held H3" in applied.out
    assert "held H3" in again.out
    assert "0 pinned, 0 removed" in promoted.out
    assert "is not here" in back.out
    assert firm.query("prod") == "fixed : 1"


def test_the_patch_of_a_bare_runner_applies_to_the_lock_file(firm: Firm) -> None:
    """What is printed where the file is not, `git apply` takes where it is; apply then has nothing to do."""
    ran = firm.ok("rollback", "-e", "prod", "--rule", ONE, "--yes", "--json", at=firm.runner("runner"))
    patch = firm.project.write("../the.patch", ran.document["lock_files"][0]["patch"])
    subprocess.run(
        ["git", "apply", "--unidiff-zero", str(patch)],
        cwd=firm.project.root,
        check=True,
        capture_output=True,
        timeout=60,
    )

    planned = firm.ok("plan", "-e", "prod", "--detailed-exitcode")

    assert firm.query() == "good : 1"
    assert "H3" in planned.out


def test_a_work_tree_has_its_lock_file_rewritten(firm: Firm) -> None:
    """The block pins the good content again, with the reason and the commit that has it; nothing else moves."""
    before = firm.lock()

    ran = firm.ok("rollback", "-e", "prod", "--rule", ONE, "--yes", "--reason", "INC-1")
    after = firm.lock()
    firm.ok("apply", "-e", "prod", "--yes")
    firm.a_day_later()
    promoted = firm.ok("promote", "--to", "prod")
    planned = firm.ok("plan", "-e", "prod", "--detailed-exitcode")

    assert "environments/prod.lock.toml rewritten here" in ran.out
    assert "H3 keeps it out" in promoted.out
    assert firm.lock() == after
    assert 'reason = "rolled back: INC-1"' in after
    blocks = [text.split("[[rule]]") for text in (before, after)]
    assert [old == new for old, new in zip(*blocks, strict=True)].count(False) == 1
    assert "Nothing to do" in planned.out


def test_in_one_space_the_lock_file_stays(firm: Firm) -> None:
    """`--space` acts there only; the file pins for all spaces."""
    before = firm.lock()

    firm.ok("rollback", "-e", "prod", "--space", "prod", "--rule", ONE, "--yes")

    assert (firm.query(), firm.lock()) == ("good : 1", before)


def test_a_file_deleted_from_git_stays_back_though_dev_has_no_such_rule(firm: Firm) -> None:
    """The removal was wrong: the rollback brings the rule back, and neither apply nor promote ends that."""
    (firm.project.root / "rules/rule_1.toml").unlink()
    firm.commit()
    firm.ok("apply", "-e", "dev", "--yes")
    firm.a_day_later()
    firm.ok("promote", "--to", "prod")
    firm.commit()
    firm.ok("apply", "-e", "prod", "--yes")
    gone = firm.kibana.rule(ONE, space="prod")["enabled"]

    runner = firm.runner("runner")
    firm.ok("rollback", "-e", "prod", "--rule", ONE, "--yes", "--reason", "INC-2", at=runner)
    shutil.rmtree(runner.root)
    applied = firm.ok("apply", "-e", "prod", "--yes", at=firm.checkout("ci"))
    firm.a_day_later()
    firm.ok("promote", "--to", "prod")
    firm.ok("apply", "-e", "prod", "--yes")

    back = firm.kibana.rule(ONE, space="prod")
    assert (gone, back["enabled"], back["query"].strip()) == (False, True, "bad : 1")
    assert "held H4" in applied.out


def test_a_bad_override_of_a_promoted_environment_stays_out(firm: Firm) -> None:
    """An overlay is no part of what is pinned; rolled back, it stays out until the environment file changes again."""
    path = firm.project.root / "environments/prod.toml"
    plain = path.read_text("utf-8")
    override = f'[[override]]\nname = "oops"\nmatch = ["id:{ONE}"]\nset = {{ query = "%s : 1" }}\n'
    path.write_text(plain + override % "worse", "utf-8")
    firm.commit()
    firm.ok("apply", "-e", "prod", "--yes")
    worse = firm.query()

    runner = firm.runner("runner")
    firm.ok("rollback", "-e", "prod", "--rule", ONE, "--yes", at=runner)
    shutil.rmtree(runner.root)
    firm.ok("apply", "-e", "prod", "--yes", at=firm.checkout("ci"))
    firm.ok("promote", "--to", "prod")
    firm.ok("apply", "-e", "prod", "--yes")
    stayed = firm.query()
    path.write_text(plain + override % "better", "utf-8")
    firm.ok("apply", "-e", "prod", "--yes")

    assert (worse, stayed, firm.query()) == ("worse : 1", "bad : 1", "better : 1")


def test_a_commit_that_touches_only_the_note_brings_nothing_bad_back(firm: Firm) -> None:
    """The corrected note goes to dev and is offered to prod; the rule that was rolled back there keeps what it has."""
    firm.ok("rollback", "-e", "prod", "--rule", ONE, "--yes")
    path = firm.project.rule(1, query="bad : 1")
    path.write_text(path.read_text("utf-8").replace("severity =", 'note = "look twice"\nseverity ='), "utf-8")
    firm.commit()
    firm.ok("apply", "-e", "dev", "--yes")
    firm.a_day_later()

    promoted = firm.ok("promote", "--to", "prod")
    firm.ok("apply", "-e", "prod", "--yes")

    assert "H3 keeps it out" in promoted.out
    assert (firm.query("dev"), firm.query("prod")) == ("bad : 1", "good : 1")


def test_rolled_back_twice_equals_once(firm: Firm) -> None:
    """The second rollback of one rule writes neither to Kibana nor to the lock file."""
    firm.ok("rollback", "-e", "prod", "--rule", ONE, "--yes")
    rule, lock = firm.kibana.rule(ONE, space="prod"), firm.lock()

    firm.ok("rollback", "-e", "prod", "--rule", ONE, "--yes")

    assert (firm.kibana.rule(ONE, space="prod"), firm.lock()) == (rule, lock)


def test_what_was_switched_off_before_the_rollback_stays_off(firm: Firm) -> None:
    """The analyst's switch is not git's to take back, in a promoted environment either."""
    firm.kibana.request("PATCH", "/s/prod/api/detection_engine/rules", {"rule_id": ONE, "enabled": False})

    firm.ok("rollback", "-e", "prod", "--rule", ONE, "--yes")
    firm.ok("apply", "-e", "prod", "--yes")

    assert (firm.query(), firm.kibana.rule(ONE, space="prod")["enabled"]) == ("good : 1", False)


def test_status_names_the_hold(firm: Firm) -> None:
    """A real hold stands in the matrix, in the cell of its rule and nowhere else."""
    firm.ok("rollback", "-e", "prod", "--rule", ONE, "--yes", "--reason", "INC-1")

    document = firm.ok("status", "-e", "dev", "-e", "prod", "--json").document
    text = firm.ok("status", "-e", "dev", "-e", "prod").out
    flags = {
        (row["name"], target): cell["flags"]
        for row in document["rows"]
        for target, cell in zip(document["targets"], row["cells"], strict=True)
    }

    assert "held" in flags["Rule 1", "prod"]
    assert [key for key, found in flags.items() if "held" in found] == [("Rule 1", "prod")]
    assert "1 held" in text
