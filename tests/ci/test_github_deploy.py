"""docs/github/deploy.yml, carried out step by step: what was looked at is what is applied."""

from __future__ import annotations

import json
import signal
import subprocess
import threading
from pathlib import Path

from tests.support.deploying import live, until
from tests.support.detections import HOSTS, deploy, detections, edit, runner
from tests.support.github import GitHub
from tests.support.listener import listening
from tests.support.sandbox import ROOT, Sandbox, running

WORKFLOWS = ROOT / "docs/github"
REASON = "INC-4471"


def test_what_is_merged_is_planned_and_the_plan_that_was_seen_is_applied(
    tmp_path: Path, kibana: Sandbox, hub: GitHub
) -> None:
    repo = detections(tmp_path, kibana, "prod", small=3)
    done = runner(repo, hub).workflow(WORKFLOWS / "deploy.yml")

    assert not done["plan"].failed, done["plan"].log
    assert not done["apply (0)"].failed, done["apply (0)"].log
    assert done["apply (0)"].our().outputs["deployment"] == "1"
    assert len(live(kibana, repo.spaces["prod"])) == 3
    again = runner(repo, hub).workflow(WORKFLOWS / "deploy.yml")
    assert (again["plan"].outputs["has_changes"], again["apply"].skipped) == ("false", True)


def test_every_space_with_changes_is_a_job_of_its_own(tmp_path: Path, kibana: Sandbox, hub: GitHub) -> None:
    repo = detections(tmp_path, kibana, "office", "plant", small=2)
    spaces = [repo.spaces.pop(name) for name in ("office", "plant")]
    for name in ("office", "plant"):
        (repo.root / f"environments/{name}.toml").unlink()
    repo.spaces["prod"] = spaces[0]
    repo.environment("prod")
    edit(repo, "environments/prod.toml", f'space = "{spaces[0]}"', f"spaces = {json.dumps(spaces)}")
    repo.commit("Two spaces")
    done = runner(repo, hub).workflow(WORKFLOWS / "deploy.yml")

    assert [name for name, job in done.items() if not job.failed and not job.skipped] == [
        "plan", "apply (0)", "apply (1)",
    ]  # fmt: skip
    assert [len(live(kibana, space)) for space in spaces] == [2, 2]


def test_another_plan_than_the_one_that_was_seen_is_refused(tmp_path: Path, kibana: Sandbox, hub: GitHub) -> None:
    repo = detections(tmp_path, kibana, "prod", small=1)
    run = runner(repo, hub)
    environ = {"DEPLOYER_HOSTS": HOSTS, **run.secrets}
    plan = run.action({"mode": "plan", "environment": "prod", "plan-file": "plan.json"}, environ)
    repo.project.rule(2)
    repo.commit("More than was seen")
    given = {"mode": "apply", "environment": "prod", "digest": plan.outputs["digest"]}
    done = run.action(given, environ)

    assert Path(plan.outputs["plan_path"]) == repo.root / "plan.json"
    assert (done.code, done.outputs["refusal"]) == (4, "stale"), done.log
    assert live(kibana, repo.spaces["prod"]) == []


def test_a_plan_that_would_be_refused_is_not_offered_for_approval(tmp_path: Path, kibana: Sandbox, hub: GitHub) -> None:
    """Twelve rules go, ten may: the apply job is skipped, until somebody names the number."""
    repo = detections(tmp_path, kibana, "prod", small=12)
    deploy(repo, "prod")
    for number in range(2, 13):
        (repo.root / f"rules/rule_{number}.toml").unlink()
    repo.commit("Remove eleven")
    refused = runner(repo, hub).workflow(WORKFLOWS / "deploy.yml")
    given = {"allow": "disable=11", "reason": REASON}
    allowed = runner(repo, hub, "workflow_dispatch", inputs=given).workflow(WORKFLOWS / "deploy.yml")

    assert (refused["plan"].outputs["refusal"], refused["apply"].skipped) == ("guard", True)
    assert not allowed["apply (0)"].failed, allowed["apply (0)"].log
    assert sum(rule["enabled"] for rule in live(kibana, repo.spaces["prod"])) == 1


def test_a_store_inside_the_checkout_is_refused(tmp_path: Path, kibana: Sandbox, hub: GitHub) -> None:
    """It would vanish with the runner. The Kibana of this test is not on loopback, and nothing reaches its proxy."""
    repo = detections(tmp_path, kibana, "prod", small=1)
    with listening() as listener:
        edit(repo, "environments/prod.toml", kibana.url, "https://kibana.example.com")
        edit(repo, "environments/prod.toml", "[kibana]", f'[kibana]\nproxy = "http://127.0.0.1:{listener.port}"')
        repo.project.write("deployer.toml", 'project = "tests"\nstate = "file:.deployer"\n')
        repo.commit("A store that vanishes")
        run = runner(repo, hub)
        environ = {"DEPLOYER_HOSTS": f"kibana.example.com,{HOSTS}", **run.secrets}
        done = run.action({"mode": "apply", "environment": "prod", "digest": "0" * 12}, environ)

    assert done.code == 1, done.log
    assert "would vanish" in done.log
    assert listener.connections == 0


def test_the_step_is_deployer_itself_so_that_a_cancelled_job_ends_its_transaction(tmp_path: Path, hub: GitHub) -> None:
    """SIGINT to the step's process, as the runner sends it: undone or never begun, exit 130, no lock, no leftover."""
    with running(tmp_path / "slow.sqlite3", latency_ms=30) as slow:
        repo = detections(tmp_path, slow, "prod", small=60)
        stop: list[threading.Thread] = []

        def started(name: str, process: subprocess.Popen[str]) -> None:
            if name == "run":
                stop.append(threading.Thread(target=interrupt, args=(process,)))
                stop[0].start()

        def interrupt(process: subprocess.Popen[str]) -> None:
            until(lambda: int(slow.admin("GET", "counters")["wrote"]) >= 10, "ten writes")
            process.send_signal(signal.SIGINT)

        run = runner(repo, hub)
        environ = {"DEPLOYER_HOSTS": HOSTS, **run.secrets}
        plan = run.action({"mode": "plan", "environment": "prod"}, environ)
        run.started = started
        given = {"mode": "apply", "environment": "prod", "digest": plan.outputs["digest"]}
        done = run.action(given, environ)
        stop[0].join(30)
        run.started = None
        after = run.action({"mode": "recover", "environment": "prod", "reason": REASON}, environ)

        assert done.code == 130, done.log
        assert after.code == 0, after.log
        assert live(slow, repo.spaces["prod"]) == []
