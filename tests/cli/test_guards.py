"""Guards: each one under, at and over its limit, with the right and a wrong `--allow`; a refusal writes nothing."""

from __future__ import annotations

import itertools
import json
import subprocess
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from tests.support.deploying import SECRET, against, live
from tests.support.project import ProjectFolder, Ran
from tests.support.sandbox import Sandbox, running

CONCERNED = 2  # rules that the guard is about
RULES = 5
SPACES = itertools.count(1)
TODAY = datetime.now(UTC).date()

Step = Callable[[ProjectFolder], None]


@pytest.fixture(scope="module")
def kibana(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sandbox]:
    """One server for all cases; each has a space of its own."""
    with running(tmp_path_factory.mktemp("guards") / "kibana.sqlite3") as server:
        yield server


def fields(project: ProjectFolder, **values: object) -> None:
    """Give the rules that are concerned further fields, as TOML literals; a field that is there is replaced."""
    for number in range(1, CONCERNED + 1):
        path = project.root / f"rules/rule_{number}.toml"
        kept = [line for line in path.read_text("utf-8").splitlines() if line.partition(" =")[0] not in values]
        path.write_text("\n".join([*kept, *(f"{name} = {value}" for name, value in values.items())]) + "\n")


def removed(project: ProjectFolder) -> None:
    """Take the rules that are concerned out of git."""
    for number in range(1, CONCERNED + 1):
        (project.root / f"rules/rule_{number}.toml").unlink()


def added(project: ProjectFolder) -> None:
    """Add as many rules."""
    for number in range(RULES + 1, RULES + CONCERNED + 1):
        project.rule(number)


def armed(project: ProjectFolder) -> None:
    """Let the rules that are concerned isolate hosts."""
    action = '{ action_type_id = ".endpoint", params = { command = "isolate" } }'
    fields(project, response_actions=f"[{action}]")


def nothing(project: ProjectFolder) -> None:
    """Leave the project as it is."""


PROTECTED = ", ".join(f'"id:00000000-0000-4000-8000-{number:012d}"' for number in range(1, CONCERNED + 1))


@dataclass(frozen=True)
class Guard:
    """A guard: what is deployed first, what is asked for then, and how its limit is written."""

    name: str
    before: Step
    after: Step
    limit: Callable[[int], str] | None = None
    fixed: str = ""  # settings of a guard without a number: it refuses any

    def settings(self, limit: int | None) -> str:
        """The environment's settings with this limit."""
        if self.limit is None or limit is None:
            return self.fixed
        return f"{self.fixed}\n[limits]\n{self.name} = {self.limit(limit)}\n"


def _off(project: ProjectFolder) -> None:
    fields(project, enabled="false")


def _on(project: ProjectFolder) -> None:
    fields(project, enabled="true")


def _severe(project: ProjectFolder) -> None:
    fields(project, severity='"critical"')


def _mild(project: ProjectFolder) -> None:
    fields(project, severity='"low"')


def _retyped(project: ProjectFolder) -> None:
    fields(project, type='"eql"', language='"eql"')
    for number in range(1, CONCERNED + 1):
        path = project.root / f"rules/rule_{number}.toml"
        path.write_text(path.read_text("utf-8").replace("event.action : *", "any where true"))


GUARDS = [
    Guard("create", nothing, added, str),
    Guard("update", nothing, lambda project: fields(project, interval='"7m"'), str),
    Guard("enable", _off, _on, str),
    Guard("disable", nothing, removed, str),
    Guard("recreate", nothing, _retyped, str),
    Guard("weaken", _severe, _mild, str),
    Guard("protected", nothing, removed, fixed=f"[limits]\nprotected = [{PROTECTED}]\n"),
    Guard("response_actions", nothing, armed),
]
COUNTED = [guard for guard in GUARDS if guard.limit]
BY_NAME = {guard.name: guard for guard in GUARDS}

CASES = [
    *((guard.name, "under", CONCERNED + 1, "", 0) for guard in COUNTED),
    *((guard.name, "at", CONCERNED, "", 0) for guard in COUNTED),
    *((guard.name, "over", CONCERNED - 1, "", 4) for guard in GUARDS),
    *((guard.name, "right", CONCERNED - 1, f"{guard.name}={CONCERNED}", 0) for guard in GUARDS),
    *((guard.name, "one too few", CONCERNED - 1, f"{guard.name}={CONCERNED - 1}", 4) for guard in GUARDS),
    *((guard.name, "one too many", CONCERNED - 1, f"{guard.name}={CONCERNED + 1}", 4) for guard in GUARDS),
    *((guard.name, "another guard", CONCERNED - 1, f"delete={CONCERNED}", 4) for guard in GUARDS),
]


def deployed(tmp_path: Path, kibana: Sandbox, first: Step = nothing, rules: int = RULES) -> tuple[ProjectFolder, str]:
    """A project whose rules are live in a space of its own, without any limit; and the space."""
    space = f"guards-{next(SPACES)}"
    assert kibana.request("POST", "/api/spaces/space", {"id": space, "name": space}).status == 200
    project = against(tmp_path / "p", kibana.url, space=space)
    project.rules(rules)
    first(project)
    assert project.run("apply", "-e", "s", "--yes", **SECRET).code == 0
    return project, space


def limited(project: ProjectFolder, kibana: Sandbox, space: str, settings: str) -> None:
    """Give the environment these settings."""
    against(project.root, kibana.url, space=space, more=settings)


def writes(kibana: Sandbox) -> int:
    """How many requests could have changed something."""
    return int(kibana.admin("GET", "counters")["writes"])


def applied(project: ProjectFolder, kibana: Sandbox, *words: str, **environ: str) -> tuple[Ran, int]:
    """Apply; return how that ended, and how many writes the sandbox saw."""
    before = writes(kibana)
    ran = project.run("apply", "-e", "s", "--yes", "--json", *words, **SECRET, **environ)
    return ran, writes(kibana) - before


@pytest.mark.parametrize(("name", "case", "limit", "allow", "code"), CASES, ids=lambda value: str(value))
def test_a_guard_lets_through_what_its_limit_or_its_number_covers(
    tmp_path: Path, kibana: Sandbox, name: str, case: str, limit: int, allow: str, code: int
) -> None:
    """Under and at the limit, or with exactly its number: exit 0; else exit 4 (guard) with no write at all."""
    guard = BY_NAME[name]
    project, space = deployed(tmp_path, kibana, guard.before)
    limited(project, kibana, space, guard.settings(limit))
    guard.after(project)

    ran, count = applied(project, kibana, *(["--allow", allow] if allow else []))

    assert ran.code == code, ran.err
    assert (count == 0) is (code == 4)
    if code == 4:
        assert ran.document["refusal"] == "guard"
        assert name.replace("_", " ") in ran.err


SHARES = [(4, "10%", 0), (5, "25%", 0), (5, "24%", 4), (6, "25%", 4)]


@pytest.mark.parametrize(("gone", "share", "code"), SHARES)
def test_a_share_counts_managed_rules_and_never_refuses_fewer_than_five(
    tmp_path: Path, kibana: Sandbox, gone: int, share: str, code: int
) -> None:
    """Of twenty rules: four always pass, five at 25 % do, five at 24 % and six at 25 % do not."""
    project, space = deployed(tmp_path, kibana, rules=20)
    limited(project, kibana, space, f'[limits]\ndisable = "{share}"\n')
    for number in range(1, gone + 1):
        (project.root / f"rules/rule_{number}.toml").unlink()

    ran, count = applied(project, kibana)

    assert ran.code == code, ran.err
    assert (count == 0) is (code == 4)


@pytest.mark.parametrize(("allow", "code", "left"), [("", 0, 2), ("delete=2", 0, 0), ("delete=1", 4, 2)])
def test_a_delete_that_is_due_is_left_out_above_its_limit_and_never_blocks(
    tmp_path: Path, kibana: Sandbox, allow: str, code: int, left: int
) -> None:
    """Time alone makes it due, so without `--allow` it waits, and a wrong number is refused like any other."""
    project, space = deployed(tmp_path, kibana)
    ownership = '[ownership]\nremoved = "delete"\ndelete_after = "1s"\n'
    limited(project, kibana, space, ownership)
    removed(project)
    assert applied(project, kibana)[0].code == 0
    kibana.admin("POST", "clock", {"offset": 86_400})
    project.rule(RULES, query="event.action : other")

    ran, count = applied(project, kibana, *(["--allow", allow] if allow else []))
    kibana.admin("POST", "clock", {"offset": 0})

    assert ran.code == code, ran.err
    assert (count == 0) is (code == 4)
    ids = {int(body["rule_id"][-12:]) for body in live(kibana, space)}
    assert len(ids & {1, 2}) == left


@pytest.mark.parametrize("allow", ["", f"disable={RULES}"])
def test_retiring_every_rule_is_refused_whatever_is_allowed(tmp_path: Path, kibana: Sandbox, allow: str) -> None:
    """No number lets a plan through that would leave nothing of what is managed."""
    project, space = deployed(tmp_path, kibana)
    limited(project, kibana, space, '[limits]\ndisable = "unlimited"\n')
    for number in range(1, RULES + 1):
        (project.root / f"rules/rule_{number}.toml").unlink()
    project.rule(99)

    ran, count = applied(project, kibana, *(["--allow", allow] if allow else []))

    assert (ran.code, count) == (4, 0)
    assert f"all {RULES} managed rules would be retired" in ran.err


def _git(project: ProjectFolder, *words: str) -> None:
    identity = ["-c", "user.name=tester", "-c", "user.email=tester@localhost"]
    subprocess.run(["git", *identity, *words], cwd=project.root, check=True, capture_output=True)


def _committed(project: ProjectFolder, branch: str) -> None:
    project.write(".gitignore", ".deployer\n")
    _git(project, "init", "-q", "-b", branch)
    _git(project, "add", "-A")
    _git(project, "commit", "-q", "-m", "rules")


def _span(start: int, end: int) -> str:
    first, last = TODAY + timedelta(days=start), TODAY + timedelta(days=end)
    return f'freeze = [{{ from = {first}, until = {last}, reason = "year-end" }}]'


ALLOWED = ("--allow", f"create={CONCERNED}")
RUNS = [
    ("branch", 'branch = "main"', "main", (), {}, ""),
    ("another branch", 'branch = "main"', "feature", (), {}, "branch"),
    ("no branch", 'branch = "main"', "", (), {}, "branch"),
    ("uncommitted", 'branch = "main"', "main, edited", (), {}, "branch"),
    ("ci", "ci_only = true", "", (), {"CI": "true"}, ""),
    ("no ci", "ci_only = true", "", (), {}, "branch"),
    ("reason", 'reason = ["allow"]', "", (*ALLOWED, "--reason", "CHG-1"), {}, ""),
    ("no reason", 'reason = ["allow"]', "", ALLOWED, {}, "guard"),
    ("nothing to give a reason for", 'reason = ["allow"]', "", (), {}, ""),
    ("frozen", _span(-1, 1), "", (), {}, "freeze"),
    ("first day", _span(0, 3), "", (), {}, "freeze"),
    ("last day", _span(-3, 0), "", (), {}, "freeze"),
    ("thawed", _span(-5, -2), "", (), {}, ""),
    ("not yet", _span(2, 5), "", (), {}, ""),
]


@pytest.mark.parametrize(
    ("setting", "branch", "words", "environ", "refusal"), [run[1:] for run in RUNS], ids=[r[0] for r in RUNS]
)
def test_deploy_says_from_where_and_when(
    tmp_path: Path,
    kibana: Sandbox,
    setting: str,
    branch: str,
    words: tuple[str, ...],
    environ: dict[str, str],
    refusal: str,
) -> None:
    """Branch, clean inputs, CI, reason and freeze: what is refused has its word for programs, and writes nothing."""
    project, space = deployed(tmp_path, kibana)
    limited(project, kibana, space, f"[deploy]\n{setting}\n")
    added(project)
    if branch:
        _committed(project, branch.partition(",")[0])
    if "edited" in branch:
        project.rule(1, query="event.action : edited")

    ran, count = applied(project, kibana, *words, **environ)

    assert ran.code == (4 if refusal else 0), ran.err
    assert (count == 0) is bool(refusal)
    assert ran.document.get("refusal", "") == refusal


@pytest.mark.parametrize(
    ("made", "carried", "code"), [({"CI": "1"}, {}, 4), ({}, {"CI": "1"}, 0)], ids=["on a laptop", "in CI"]
)
def test_a_plan_file_is_judged_where_it_is_carried_out(
    tmp_path: Path, kibana: Sandbox, made: dict[str, str], carried: dict[str, str], code: int
) -> None:
    """`ci_only`: what CI planned is not for a laptop, and what a laptop planned CI may carry out."""
    project, space = deployed(tmp_path, kibana)
    limited(project, kibana, space, "[deploy]\nci_only = true\n")
    added(project)
    path = str(tmp_path / "plan.json")
    assert project.run("plan", "-e", "s", "-o", path, **SECRET, **made).code == 0
    before = writes(kibana)

    ran = project.run("apply", path, **SECRET, **carried)

    assert ran.code == code, ran.err
    assert (writes(kibana) == before) is (code == 4)


def test_a_plan_shows_what_apply_will_refuse(tmp_path: Path, kibana: Sandbox) -> None:
    """The plan names guard, count, limit and the words that let it pass; the JSON has the verdict."""
    project, space = deployed(tmp_path, kibana)
    limited(project, kibana, space, "[limits]\ndisable = 1\n")
    removed(project)

    shown = project.run("plan", "-e", "s", **SECRET).out
    document = json.loads(project.run("plan", "-e", "s", "--json", **SECRET).out)

    assert "disable 2, limit 1" in shown
    assert "--allow disable=2" in shown
    verdicts = document["plans"][0]["notes"]["verdicts"]
    assert [verdict["guard"] for verdict in verdicts if not verdict["ok"]] == ["disable"]
