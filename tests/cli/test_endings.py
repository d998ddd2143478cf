"""How applies and recoveries end, as a user meets it: exit code, what is live, the lock, the next command, the log."""

from __future__ import annotations

import json
import shlex
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from deployer.adapters.kibana import KibanaReader
from tests.support.deploying import SECRET, against, hint, live, until, wrote
from tests.support.project import ProjectFolder, Ran
from tests.support.sandbox import RULES, Sandbox, running
from tests.support.uploads import form

QUICK = {**SECRET, "DEPLOYER_HORIZON": "1"}


@pytest.fixture
def kibana(tmp_path: Path) -> Iterator[Sandbox]:
    """A sandbox in a process of its own."""
    with running(tmp_path / "kibana.sqlite3") as server:
        yield server


@pytest.fixture
def project(tmp_path: Path, kibana: Sandbox) -> ProjectFolder:
    """Three live rules, whose files ask for another query."""
    made = against(tmp_path / "p", kibana.url)
    made.rules(3)
    assert made.run("apply", "-e", "s", "--yes", **SECRET).code == 0
    made.rules(3, query="event.action : changed")
    return made


def rule_id(number: int) -> str:
    """The id of a rule of the project."""
    return f"00000000-0000-4000-8000-{number:012d}"


def queries(kibana: Sandbox) -> list[str]:
    """The queries of the three rules, in their order."""
    return [body["query"].strip() for body in sorted(live(kibana), key=lambda body: str(body["rule_id"]))]


def noted(kibana: Sandbox, number: int) -> None:
    """Write a note into a rule, as an analyst does."""
    change = {"rule_id": rule_id(number), "type": "query", "max_signals": 100, "note": "theirs"}
    assert kibana.request("PATCH", RULES, change, user="soc-day").status == 200


def lock(project: ProjectFolder) -> str:
    """The state of the lock."""
    path = project.root / ".deployer/targets/s/default/lock.json"
    return str(json.loads(path.read_text("utf-8"))["state"])


def events(project: ProjectFolder) -> list[dict[str, Any]]:
    """The log of the environment."""
    folder = project.root / ".deployer/environments/s/events"
    return [json.loads(path.read_text("utf-8")) for path in sorted(folder.iterdir())]


def typed(project: ProjectFolder, command: str, **environ: str) -> Ran:
    """Type a command as it was printed."""
    program, *words = shlex.split(command)
    assert program == "deployer"
    return project.run(*words, **QUICK, **environ)


def interrupted(project: ProjectFolder, kibana: Sandbox) -> None:
    """Kill an apply after it has written its first rule, while the second one waits."""
    before = wrote(kibana)
    kibana.fault(f"delay:method=PUT,rule_id={rule_id(2)},seconds=30,times=1")
    kibana.fault(f"delay:method=PUT,rule_id={rule_id(3)},seconds=30,times=1")
    process = project.start("apply", "-e", "s", "--yes", **SECRET)
    until(lambda: wrote(kibana) > before, "the first write")
    process.kill()
    process.communicate()
    kibana.admin("DELETE", "faults")


def test_done_and_nothing_to_do_are_0(project: ProjectFolder, kibana: Sandbox) -> None:
    """An apply commits and says its number; the next one has nothing to do and writes nothing."""
    done = project.run("apply", "-e", "s", "--yes", **SECRET)
    before = wrote(kibana)
    again = project.run("apply", "-e", "s", "--yes", **SECRET)

    assert (done.code, again.code) == (0, 0)
    assert "#2" in done.out
    assert (wrote(kibana), lock(project)) == (before, "free")


def test_undone_is_5_and_everything_is_as_before(project: ProjectFolder, kibana: Sandbox) -> None:
    """A refused write takes the others back; the log has the attempt, why it failed, and each rule's fate."""
    kibana.fault(f"refuse:method=PUT,rule_id={rule_id(2)},status=403,times=1")

    ran = project.run("apply", "-e", "s", "--yes", "--reason", "CHG-1", **SECRET)

    assert ran.code == 5, ran.err
    assert "Everything it did was undone" in ran.err
    assert queries(kibana) == ["event.action : *"] * 3
    assert lock(project) == "free"
    last = events(project)[-1]
    assert (last["event"], last["reason"]) == ("undone", "CHG-1")
    assert "Rule 2" in last["why"]
    assert project.run("apply", "-e", "s", "--yes", **SECRET).code == 0


def incomplete(project: ProjectFolder, kibana: Sandbox) -> Ran:
    """Apply; while the second rule's write waits to be refused, an analyst edits the first, which we have written."""
    before = wrote(kibana)
    kibana.fault(f"delay:method=PUT,rule_id={rule_id(2)},seconds=2,times=1")
    process = project.start("apply", "-e", "s", "--yes", **SECRET)
    until(lambda: wrote(kibana) >= before + 2, "the writes of the first and the third")
    noted(kibana, 1)
    kibana.request("DELETE", f"{RULES}?rule_id={rule_id(2)}", user="soc-day")
    out, err = process.communicate(timeout=60)
    return Ran(process.returncode, out, err)


def test_an_edit_that_was_kept_is_6_and_the_printed_line_says_it_again(project: ProjectFolder, kibana: Sandbox) -> None:
    """Every other rule is as before, the edit is there, the lock stays, and recovering overwrites nothing."""
    ran = incomplete(project, kibana)

    assert ran.code == 6, ran.err
    assert "theirs" in [body.get("note") for body in live(kibana)]
    assert lock(project) == "needs_recovery"
    assert hint(ran) == "deployer recover -e s"
    assert events(project)[-1]["event"] == "incomplete"
    again = typed(project, hint(ran))
    assert again.code == 6, again.err
    assert "soc-day" in again.err
    assert "theirs" in [body.get("note") for body in live(kibana)]


def test_the_before_images_are_a_file_that_kibanas_import_takes(project: ProjectFolder, kibana: Sandbox) -> None:
    """The NDJSON names the file it is in, and a fresh space has the rules as they were after importing it."""
    ran = incomplete(project, kibana)

    path = project.root / ".deployer/before-images/s.ndjson"
    assert str(path.relative_to(project.root)) in ran.err
    assert kibana.request("POST", "/api/spaces/space", {"id": "by-hand", "name": "by hand"}).status == 200
    content, headers = form(path.read_bytes())
    answer = kibana.request("POST", f"/s/by-hand{RULES}/_import", content, headers=headers)
    assert answer.json["success"] is True, answer.body
    assert {body["rule_id"] for body in live(kibana, "by-hand")} >= {rule_id(1), rule_id(3)}
    assert {body["query"].strip() for body in live(kibana, "by-hand")} == {"event.action : *"}


def test_accept_live_signs_one_rule_off_and_then_all(project: ProjectFolder, kibana: Sandbox) -> None:
    """One rule accepted still leaves the other to a person; all accepted frees the lock; the log has who said why."""
    interrupted(project, kibana)
    noted(kibana, 1)
    assert typed(project, "deployer recover -e s").code == 6

    other = typed(project, f"deployer recover -e s --accept-live --rule {rule_id(3)} --yes")
    every = typed(project, "deployer recover -e s --accept-live --yes --reason 'INC-7: looked at it'")

    assert other.code == 6, other.err
    assert every.code == 0, every.err
    assert (queries(kibana)[0], lock(project)) == ("event.action : changed", "free")
    last = events(project)[-1]
    assert (last["event"], last["reason"]) == ("accept-live", "INC-7: looked at it")
    assert project.run("plan", "-e", "s", **SECRET).code == 0


def test_accept_live_of_the_edited_rule_undoes_the_others(project: ProjectFolder, kibana: Sandbox) -> None:
    """`--rule` with the rule that a person looked at settles the whole."""
    interrupted(project, kibana)
    noted(kibana, 1)

    ran = typed(project, f"deployer recover -e s --accept-live --rule {rule_id(1)} --yes")

    assert ran.code == 0, ran.err
    assert queries(kibana) == ["event.action : changed", "event.action : *", "event.action : *"]
    assert lock(project) == "free"


def test_force_undo_overwrites_what_was_kept(project: ProjectFolder, kibana: Sandbox) -> None:
    """A person says so: all as before, the note is gone, the lock is free."""
    interrupted(project, kibana)
    noted(kibana, 1)
    assert typed(project, "deployer recover -e s").code == 6

    ran = typed(project, "deployer recover -e s --force-undo --yes --reason INC-8")

    assert ran.code == 0, ran.err
    assert queries(kibana) == ["event.action : *"] * 3
    assert not any(body.get("note") for body in live(kibana))
    assert lock(project) == "free"
    assert (events(project)[-1]["event"], events(project)[-1]["reason"]) == ("recover", "INC-8")


def test_without_yes_nobody_signs_off_unasked(project: ProjectFolder, kibana: Sandbox) -> None:
    """Without a terminal and without --yes an answer is missing: nothing is changed."""
    interrupted(project, kibana)

    ran = project.run("recover", "-e", "s", "--accept-live", **QUICK)

    assert ran.code == 0
    assert "Nothing was changed" in ran.out
    assert lock(project) == "held"


def test_apply_with_recover_undoes_first_and_applies_then(project: ProjectFolder, kibana: Sandbox) -> None:
    """Without it exit 4 (recovery), naming who was interrupted and the line; with it one command does both."""
    interrupted(project, kibana)

    refused = project.run("apply", "-e", "s", "--yes", "--json", **QUICK)
    line = hint(refused)
    done = project.run("apply", "-e", "s", "--yes", "--recover", **QUICK)

    assert (refused.code, refused.document["refusal"]) == (4, "recovery")
    assert line.endswith(" recover -e s")
    assert done.code == 0, done.err
    assert queries(kibana) == ["event.action : changed"] * 3
    assert [event["event"] for event in events(project)[-2:]] == ["recover", "deploy"]


def test_a_lost_update_is_7(project: ProjectFolder, kibana: Sandbox) -> None:
    """An edit between our read and our write is gone: committed, and said with the rule."""
    kibana.fault(f"delay:method=PUT,rule_id={rule_id(2)},seconds=2,times=1")
    before = wrote(kibana)
    process = project.start("apply", "-e", "s", "--yes", **SECRET)
    until(lambda: wrote(kibana) >= before + 2, "the other writes")
    noted(kibana, 2)

    out, err = process.communicate(timeout=60)

    assert process.returncode == 7, err + out
    assert "Rule 2" in err
    assert "that edit is gone" in err
    assert queries(kibana) == ["event.action : changed"] * 3
    assert lock(project) == "free"


@pytest.mark.parametrize(
    ("command", "reason"), [("recover", ""), ("unlock", ""), ("recover", "CHG-2"), ("unlock", "CHG-2")]
)
def test_recover_and_unlock_of_a_lock_without_writes_free_it(
    project: ProjectFolder, kibana: Sandbox, command: str, reason: str
) -> None:
    """A run that died before it sent anything leaves a lock and no more; the log has who freed it and why."""
    kibana.fault("delay:path=*rules/_find,seconds=20,skip=1,times=1")
    project.run("plan", "-e", "s", "-o", str(project.root / "plan.json"), **SECRET)
    process = project.start("apply", "plan.json", **SECRET)
    until(lambda: lock(project) == "held", "the lock")
    process.kill()
    process.communicate()
    kibana.admin("DELETE", "faults")

    ran = project.run(command, "-e", "s", "--yes", "--reason", reason, **QUICK)

    assert ran.code == 0, ran.err
    assert lock(project) == "free"
    assert (events(project)[-1]["event"], events(project)[-1]["reason"]) == ("unlock", reason)
    assert queries(kibana) == ["event.action : *"] * 3


def test_unlock_without_a_reason_is_refused_where_one_is_needed(
    tmp_path: Path, project: ProjectFolder, kibana: Sandbox
) -> None:
    """`[deploy] reason = ["unlock"]`: exit 4, and the line with --reason works."""
    against(project.root, kibana.url, more='[deploy]\nreason = ["unlock"]\n')

    refused = project.run("unlock", "-e", "s", **QUICK)
    done = typed(project, hint(refused).replace("…", "CHG-3"))

    assert (refused.code, done.code) == (4, 0)
    assert project.run("recover", "-e", "s", **QUICK).code == 0


def test_a_printed_line_names_the_project_where_it_was_named(project: ProjectFolder, kibana: Sandbox) -> None:
    """Run from elsewhere with --project, the printed command has it too, so that it works where it is read."""
    interrupted(project, kibana)

    refused = project.run("--project", str(project.root), "apply", "-e", "s", "--yes", **QUICK)

    assert hint(refused) == f"deployer --project {project.root} recover -e s"
    assert typed(project, hint(refused)).code == 0


Breaking = Callable[[Path], None]


def _swap(path: str, old: str, new: str) -> Breaking:
    def change(store: Path) -> None:
        for found in store.glob(path):
            found.write_text(found.read_text("utf-8").replace(old, new, 1))

    return change


def _cut_short(path: str) -> Breaking:
    def change(store: Path) -> None:
        for found in store.glob(path):
            found.write_bytes(found.read_bytes()[:20])

    return change


BROKEN = {
    "damaged lock": (_cut_short("targets/s/default/lock.json"), "is damaged"),
    "newer lock": (_swap("targets/s/default/lock.json", '"version":1', '"version":2'), "upgrade"),
    "foreign lock": (_swap("targets/s/default/lock.json", "deployer-lock", "other-lock"), "is not a deployer-lock"),
    "damaged record": (_cut_short("targets/s/default/records/*.json"), "is damaged"),
    "newer record": (_swap("targets/s/default/records/*.json", '"version":1', '"version":99'), "upgrade"),
    "lost record": (lambda store: next(store.glob("targets/s/default/records/*.json")).unlink(), "is missing"),
    "another url": (_swap("targets/s/default/records/*.json", "http://127.0.0.1", "http://127.0.0.2"), "was made for"),
    "another space": (_swap("targets/s/default/records/*.json", '"space":"default"', '"space":"soc"'), "was made for"),
    "another project": (_swap("format.json", '"tests"', '"strangers"'), "belongs to project"),
    "newer store": (_swap("format.json", '"format":1', '"format":2'), "newer deployer"),
    "damaged store": (_cut_short("format.json"), "is damaged"),
    "stranger": (lambda store: (store / "format.json").unlink(), "is not a state store"),
}


@pytest.mark.parametrize("what", BROKEN)
def test_a_store_that_is_not_as_it_should_be_is_refused_with_a_sentence(
    project: ProjectFolder, kibana: Sandbox, what: str
) -> None:
    """Damaged, foreign, newer, or made for another target: exit 1 for plan and apply, and nothing is written."""
    breaking, words = BROKEN[what]
    store = project.root / ".deployer"
    breaking(store)
    files = {path: path.read_bytes() for path in store.rglob("*.json")}
    before = wrote(kibana)

    ran = [project.run(*verb, "-e", "s", **SECRET) for verb in (("plan",), ("apply", "--yes"))]

    for one in ran:
        assert one.code == 1, one.err
        assert words in one.err
        assert "Traceback" not in one.err
    assert wrote(kibana) == before
    assert {path: path.read_bytes() for path in store.rglob("*.json")} == files


def test_rules_are_not_switched_on_where_kibana_has_no_encryption_key(
    project: ProjectFolder, kibana: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A Kibana that cannot keep the rules' API keys is refused before anything is sent; a content change is not."""
    answer = {"username": "elastic", "has_encryption_key": False}
    monkeypatch.setattr(KibanaReader, "privileges", lambda self: answer)
    project.rule(4)
    before = wrote(kibana)

    refused = project.run("apply", "-e", "s", "--yes", **SECRET)
    (project.root / "rules/rule_4.toml").unlink()
    done = project.run("apply", "-e", "s", "--yes", **SECRET)

    assert (refused.code, done.code) == (1, 0), refused.err + done.err
    assert "no encryption key" in refused.err
    assert wrote(kibana) == before + 3
