"""`[notify]`: who is told what after which command, and that a chat that is down fails nothing."""

from __future__ import annotations

import contextlib
import json
import re
import socket
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.support.deploying import SECRET, against, until, wrote
from tests.support.project import ProjectFolder, Ran, new_project
from tests.support.sandbox import ROOT, RULES, running
from tests.support.webhook import SECRET_PATH, answering, dripping, hanging, webhook
from tests.support.where import Where

TOKEN = SECRET_PATH.rpartition("/")[2]
RULE_1 = "00000000-0000-4000-8000-000000000001"
KEYS = {
    *("format", "version", "text", "ok", "time", "project", "actor", "commit", "branch", "run"),
    *("targets", "more_targets"),
}
TARGET_KEYS = {
    *("event", "target", "url", "result", "exit_code", "deployment", "digest", "reason", "counts", "rules"),
    *("more_rules", "error", "next"),
}


@pytest.fixture
def project(tmp_path: Path) -> ProjectFolder:
    """A project with two rules in the embedded sandbox."""
    project = new_project(tmp_path / "p") if (tmp_path / "p").mkdir() is None else None
    assert project is not None
    project.rules(2)
    return project


def told(project: ProjectFolder, *words: str, **environ: str) -> tuple[Ran, list[dict[str, Any]]]:
    """Run the program with a webhook; return what it did and what was told."""
    with webhook() as hook:
        ran = project.run(*words, DEPLOYER_WEBHOOK=hook.url, **environ)
    assert TOKEN not in ran.out + ran.err
    return ran, hook.bodies


def test_an_apply_is_told_in_text_and_for_programs(project: ProjectFolder) -> None:
    """One message: who, where, what, which number; its keys are those that docs/notifications.md promises."""
    ran, bodies = told(project, "apply", "-e", "s", "--yes", "--reason", "first light")

    assert ran.code == 0, ran.err
    body = bodies[0]
    assert len(bodies) == 1
    assert set(body) == KEYS
    assert (body["format"], body["version"], body["ok"], body["project"]) == ("deployer-notification", 1, True, "tests")
    target = body["targets"][0]
    assert set(target) == TARGET_KEYS
    assert (target["event"], target["target"], target["result"], target["deployment"]) == ("apply", "s", "applied", 1)
    assert target["counts"] == {"create": 2}
    assert target["rules"][0] == {"rule_id": RULE_1, "name": "Rule 1", "what": "create"}
    assert body["text"].startswith("Deployed s #1: 2 create - Rule 1, Rule 2 (first light)\n")


def test_nothing_is_told_where_nothing_was_done(project: ProjectFolder) -> None:
    """Plan, a refused apply and an apply without changes are nobody's news."""
    assert told(project, "plan", "-e", "s")[1] == []
    assert told(project, "apply", "-e", "s", "--yes", "--expect", "0" * 12)[1] == []
    assert len(told(project, "apply", "-e", "s", "--yes")[1]) == 1
    assert told(project, "apply", "-e", "s", "--yes")[1] == []
    assert told(project, "drift", "-e", "s")[1] == []


def test_rollback_hold_release_and_drift_are_told(project: ProjectFolder) -> None:
    """Each names its event; drift comes with the command that shows it."""
    assert project.run("apply", "-e", "s", "--yes").code == 0
    project.rule(1, query="other : *")
    assert project.run("apply", "-e", "s", "--yes").code == 0
    found: dict[str, Any] = {}
    for words in (
        ("rollback", "-e", "s", "--rule", RULE_1, "--yes", "--reason", "INC-1"),
        ("release", "-e", "s", "--rule", RULE_1, "--yes"),
        ("hold", "-e", "s", "--rule", "Rule 2", "--yes"),
    ):
        ran, bodies = told(project, *words)
        assert ran.code == 0, ran.err
        found[words[0]] = bodies[0]
    Where().edit(project, 1, severity="high")
    ran, bodies = told(project, "drift", "-e", "s", "--detailed-exitcode")
    assert ran.code == 3, ran.err

    for name, body in found.items():
        assert [target["event"] for target in body["targets"]] == [name]
    assert found["rollback"]["targets"][0]["reason"] == "INC-1"
    assert "Rolled back s #3: 1 update - Rule 1 (INC-1)" in found["rollback"]["text"]
    assert bodies[0]["targets"][0]["rules"] == [{"rule_id": RULE_1, "name": "Rule 1", "what": "severity"}]
    assert not bodies[0]["ok"]
    assert bodies[0]["text"].startswith("Drift in s: 1 rule changed in Kibana - Rule 1\ndeployer drift -e s\n")


def test_several_targets_are_one_message(project: ProjectFolder) -> None:
    """A run over several targets ends in one message, those that need a person first."""
    project.write("environments/t.toml", '[kibana]\nurl = "sandbox"\n')

    ran, bodies = told(project, "apply", "-e", "*", "--yes")

    assert ran.code == 0, ran.err
    assert [[target["target"] for target in body["targets"]] for body in bodies] == [["s", "t"]]


def test_a_failed_apply_and_a_failed_recovery_are_told(tmp_path: Path) -> None:
    """Undone is told as undone; what cannot be undone names recover; a recovery that fails is told again."""
    with running(tmp_path / "kibana.sqlite3") as kibana:
        project = against(tmp_path / "p", kibana.url)
        project.rules(3)
        quick = {**SECRET, "DEPLOYER_HORIZON": "1", "DEPLOYER_HOSTS": "127.0.0.1"}
        assert project.run("apply", "-e", "s", "--yes", **quick).code == 0
        project.rules(3, query="event.action : changed")
        kibana.fault(f"refuse:method=PUT,rule_id={RULE_1[:-1]}3,status=400,times=1")
        undone, first = told(project, "apply", "-e", "s", "--yes", **quick)
        before = wrote(kibana)
        kibana.fault(f"delay:method=PUT,rule_id={RULE_1[:-1]}2,seconds=2,times=1")
        with webhook() as hook:
            process = project.start("apply", "-e", "s", "--yes", DEPLOYER_WEBHOOK=hook.url, **quick)
            until(lambda: wrote(kibana) >= before + 2, "the writes of the first and the third")
            change = {"rule_id": RULE_1, "type": "query", "max_signals": 100, "note": "theirs"}
            kibana.request("PATCH", RULES, change, user="soc-day")
            kibana.request("DELETE", f"{RULES}?rule_id={RULE_1[:-1]}2", user="soc-day")
            out, err = process.communicate(timeout=60)
        stuck, second = Ran(process.returncode, out, err), hook.bodies
        again, third = told(project, "recover", "-e", "s", **quick)

    assert (undone.code, stuck.code, again.code) == (5, 6, 6), (undone.err, stuck.err, again.err)
    results = [(body["targets"][0]["event"], body["targets"][0]["result"]) for body in (*first, *second, *third)]
    assert results == [("apply", "undone"), ("apply", "incomplete"), ("recovery", "incomplete")]
    assert "apply of s failed and was undone" in first[0]["text"]
    assert "NOT everything could be undone" in second[0]["text"]
    assert second[0]["targets"][0]["next"].startswith("deployer recover")
    assert not any(body["ok"] for body in (*first, *second, *third))


@pytest.mark.parametrize(
    ("answer", "says"),
    [
        (answering(500), "it answered 500"),
        (answering(404), "it answered 404"),
        (answering(302, Location=f"http://127.0.0.1:9{SECRET_PATH}"), "it answered 302; a redirect is not followed"),
        (hanging(20), "it did not answer within 5 s"),
        pytest.param(dripping(20), "it did not answer within 5 s", marks=pytest.mark.torture),
    ],
    ids=["500", "404", "redirect", "hanging", "dripping"],
)
def test_a_webhook_that_misbehaves_fails_no_deployment(
    project: ProjectFolder, answer: Callable[..., None], says: str
) -> None:
    """Exit 0, the rules are there, a warning names the reference and never the address."""
    with webhook(answer) as hook:
        ran = project.run("apply", "-e", "s", "--yes", DEPLOYER_WEBHOOK=hook.url)

    assert ran.code == 0, ran.err
    assert f"warning: the webhook env:DEPLOYER_WEBHOOK was not told: {says}" in ran.err
    assert "Deployment #1" in ran.out
    assert TOKEN not in ran.out + ran.err
    assert "127.0.0.1" not in ran.out + ran.err
    assert len(hook.paths) == 1, "neither sent again nor sent on"


def test_a_hanging_webhook_takes_five_seconds_and_not_more(project: ProjectFolder) -> None:
    """The time that a run loses is bounded, also where bytes trickle in."""
    quick = time.monotonic()
    assert project.run("apply", "-e", "s", "--yes").code == 0
    quick = time.monotonic() - quick
    project.rules(2, query="other : *")
    with webhook(dripping(30)) as hook:
        began = time.monotonic()
        ran = project.run("apply", "-e", "s", "--yes", DEPLOYER_WEBHOOK=hook.url)
        lost = time.monotonic() - began - quick

    assert ran.code == 0, ran.err
    assert lost < 20, "the server would have gone on for 30 s"


def test_a_refused_connection_is_a_warning(project: ProjectFolder) -> None:
    """Nobody listens: exit 0 and one sentence."""
    with contextlib.closing(socket.create_server(("127.0.0.1", 0))) as server:
        port = server.getsockname()[1]
    ran = project.run("apply", "-e", "s", "--yes", DEPLOYER_WEBHOOK=f"http://127.0.0.1:{port}{SECRET_PATH}")

    assert ran.code == 0, ran.err
    assert "the webhook env:DEPLOYER_WEBHOOK was not told: it could not be reached" in ran.err
    assert TOKEN not in ran.out + ran.err


@pytest.mark.parametrize(
    ("address", "says"),
    [
        ("http://hooks.example.com/very-secret-token", "its address is plain http; use https"),
        ("very-secret-token", "what the reference stands for is not an https URL"),
        ("file:///etc/passwd?very-secret-token", "what the reference stands for is not an https URL"),
        ("https://[very-secret-token", "what the reference stands for is not an https URL"),
        ("https://hooks.example.com\r\nX: very-secret-token", "what the reference stands for is not an https URL"),
    ],
)
def test_what_is_no_address_is_not_repeated(project: ProjectFolder, address: str, says: str) -> None:
    """A reference to the wrong variable must not print what is in it: it may be a key."""
    ran = project.run("apply", "-e", "s", "--yes", DEPLOYER_WEBHOOK=address)

    assert ran.code == 0, ran.err
    assert says in ran.err
    assert TOKEN not in ran.out + ran.err


def test_hosts_can_be_pinned_and_deployer_hosts_does_not_open_them(project: ProjectFolder) -> None:
    """DEPLOYER_NOTIFY_HOSTS is a list of its own: another host receives nothing, DEPLOYER_HOSTS plays no part."""
    with webhook() as hook:
        environ = {"DEPLOYER_WEBHOOK": hook.url}
        kept = project.run("apply", "-e", "s", "--yes", DEPLOYER_NOTIFY_HOSTS="hooks.example.com", **environ)
        project.rules(2, query="other : *")
        sent = project.run(
            *("apply", "-e", "s", "--yes"), DEPLOYER_NOTIFY_HOSTS="127.0.0.1", DEPLOYER_HOSTS="x.example.com", **environ
        )

    assert (kept.code, sent.code) == (0, 0), kept.err + sent.err
    assert "its host is not in DEPLOYER_NOTIFY_HOSTS" in kept.err
    assert len(hook.bodies) == 1


def test_settings_name_a_reference_and_the_events(project: ProjectFolder) -> None:
    """`[notify]` in deployer.toml: another variable, only some events; a literal address is refused."""
    project.write("deployer.toml", 'project = "tests"\n[notify]\nwebhook = "env:CHAT"\non = ["rollback", "drift"]\n')
    with webhook() as hook:
        silent = project.run("apply", "-e", "s", "--yes", CHAT=hook.url)
        Where().edit(project, 1, severity="high")
        drift = project.run("drift", "-e", "s", CHAT=hook.url)
        unset = project.run("drift", "-e", "s")
    project.write("deployer.toml", f'project = "tests"\n[notify]\nwebhook = "https://hooks.example.com/{TOKEN}"\n')
    literal = project.run("plan", "-e", "s")

    assert (silent.code, drift.code, unset.code) == (0, 0, 0), silent.err + drift.err + unset.err
    assert hook.only["targets"][0]["event"] == "drift"
    assert "takes a secret from env:CHAT, and CHAT is not set" in unset.err
    assert literal.code == 1
    assert "deployer.toml:3" in literal.err
    assert TOKEN not in literal.out + literal.err


def test_a_receiver_that_takes_only_text_gets_only_text(project: ProjectFolder) -> None:
    """`body = "text"`: one key."""
    project.write("deployer.toml", 'project = "tests"\n[notify]\nbody = "text"\n')

    ran, bodies = told(project, "apply", "-e", "s", "--yes")

    assert ran.code == 0, ran.err
    assert [list(body) for body in bodies] == [["text"]]


def test_a_rule_cannot_ping_anybody_and_nothing_secret_is_sent(project: ProjectFolder) -> None:
    """Slack's markup in names is escaped, control characters are written out, and no credential is in the message."""
    project.rule(1, name="<!channel> <https://evil.example|click> \\u202e& co")
    ran, bodies = told(project, "apply", "-e", "s", "--yes", "--reason", "<!here>", OTHER_SECRET="another-secret")

    assert ran.code == 0, ran.err
    text = bodies[0]["text"]
    assert "&lt;!channel&gt;" in text
    assert "&lt;!here&gt;" in text
    assert not re.search("[<>\u202e]", text)
    raw = json.dumps(bodies[0])
    assert "another-secret" not in raw
    assert TOKEN not in raw


def test_nothing_of_the_address_stays_on_disk(project: ProjectFolder) -> None:
    """Neither state store nor plan file nor journal has it."""
    ran, _ = told(project, "plan", "-e", "s", "-o", "plan.json")
    assert ran.code == 0
    assert told(project, "apply", "plan.json")[0].code == 0

    files = [path for path in project.root.rglob("*") if path.is_file()]
    assert len(files) > 5
    assert not [path for path in files if TOKEN.encode() in path.read_bytes()]


def test_pull_requests_tell_nobody(project: ProjectFolder) -> None:
    """A pull request's drift is not sent: its rule names are whatever its author likes."""
    assert project.run("apply", "-e", "s", "--yes").code == 0
    Where().edit(project, 1, severity="high")

    ran, bodies = told(project, "drift", "-e", "s", CI="true", GITHUB_EVENT_NAME="pull_request")

    assert ran.code == 0, ran.err
    assert bodies == []


def test_the_message_is_documented_key_by_key() -> None:
    """docs/notifications.md names every key of the message, the version and the variables."""
    page = (ROOT / "docs/notifications.md").read_text("utf-8")

    for key in KEYS | TARGET_KEYS | {"DEPLOYER_WEBHOOK", "DEPLOYER_NOTIFY_HOSTS", "deployer-notification"}:
        assert f"`{key}`" in page or f'"{key}"' in page, key


def test_no_network_module_is_imported_without_a_webhook(project: ProjectFolder) -> None:
    """Whoever has no webhook pays nothing for it."""
    code = (
        "import sys; from deployer.cli import app; "
        "app(['apply', '-e', 's', '--yes'], standalone_mode=False); "
        "print('deployer.adapters.webhook' in sys.modules, file=sys.stderr)"
    )
    import sys

    done = subprocess.run(
        [sys.executable, "-c", code], cwd=project.root, capture_output=True, text=True, check=True, timeout=120
    )

    assert done.stderr.strip().endswith("False")
