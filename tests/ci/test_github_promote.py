"""docs/github/promote.yml, drift.yml and rollback.yml, carried out step by step."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.deploying import live
from tests.support.detections import HOSTS, Detections, deploy, detections, runner
from tests.support.github import TOKEN, GitHub
from tests.support.sandbox import ROOT, Sandbox
from tests.support.stores import git
from tests.support.workflows import Job, Runner

WORKFLOWS = ROOT / "docs/github"
REASON = "INC-4471"
PROMOTED = '[rules]\nsource = "promoted"\n\n[promotion]\nfrom = "staging"\nrequire = ["deployed"]\n'


def promoting(tmp_path: Path, kibana: Sandbox) -> Detections:
    """A repository whose prod runs what staging proved, with two rules deployed in staging."""
    repo = detections(tmp_path, kibana, "staging", "prod", small=2)
    repo.environment("prod", f'{PROMOTED}soak = "0s"\n')
    repo.commit("Promote")
    deploy(repo, "staging")
    return repo


def test_promotion_is_one_pull_request_that_is_kept_up_to_date(tmp_path: Path, kibana: Sandbox, hub: GitHub) -> None:
    repo = promoting(tmp_path, kibana)
    options = {"event": {}, "secrets": {"PROMOTE_TOKEN": TOKEN, **repo.keys("READ", user="viewer")}}
    first = runner(repo, hub, "schedule", **options).workflow(WORKFLOWS / "promote.yml")["promote"]
    assert not first.failed, first.log
    tip = git(repo.root, "ls-remote", "origin", "refs/heads/deployer/promote-prod")
    assert tip
    git(repo.root, "checkout", "-q", "--", ".")
    git(repo.root, "clean", "-fdq")
    again = runner(repo, hub, "schedule", **options).workflow(WORKFLOWS / "promote.yml")["promote"]
    assert git(repo.root, "ls-remote", "origin", "refs/heads/deployer/promote-prod") == tip
    git(repo.root, "clean", "-fdq")

    repo.project.rule(3)
    repo.commit("A third rule")
    deploy(repo, "staging")
    third = runner(repo, hub, "schedule", **options).workflow(WORKFLOWS / "promote.yml")["promote"]

    assert not again.failed, again.log
    assert not third.failed, third.log
    assert len(hub.pulls) == 1
    assert (hub.pulls[0]["head"], hub.pulls[0]["base"]) == ("deployer/promote-prod", "main")
    assert "Rule 3" in hub.pulls[0]["body"]
    git(repo.root, "fetch", "-q", "origin", "deployer/promote-prod")
    assert "Rule 3" in git(repo.root, "show", "FETCH_HEAD:environments/prod.lock.toml")
    assert git(repo.root, "log", "--format=%an", "origin/main..FETCH_HEAD") == "github-actions[bot]"


def test_nothing_to_promote_closes_the_pull_request(tmp_path: Path, kibana: Sandbox, hub: GitHub) -> None:
    """What waits again may not be merged by mistake."""
    repo = promoting(tmp_path, kibana)
    secrets = {"PROMOTE_TOKEN": TOKEN, **repo.keys("READ", user="viewer")}
    runner(repo, hub, "schedule", secrets=secrets).workflow(WORKFLOWS / "promote.yml")
    git(repo.root, "clean", "-fdq")
    repo.environment("prod", f'{PROMOTED}soak = "24h"\n')
    repo.commit("Soak for a day")
    done = runner(repo, hub, "schedule", secrets=secrets).workflow(WORKFLOWS / "promote.yml")["promote"]

    assert not done.failed, done.log
    assert [(one["state"], one["number"]) for one in hub.pulls] == [("closed", 41)]
    assert hub.comments[-1]["issue"] == 41


def test_what_a_person_committed_to_the_branch_is_not_pushed_away(tmp_path: Path, kibana: Sandbox, hub: GitHub) -> None:
    repo = promoting(tmp_path, kibana)
    secrets = {"PROMOTE_TOKEN": TOKEN, **repo.keys("READ", user="viewer")}
    runner(repo, hub, "schedule", secrets=secrets).workflow(WORKFLOWS / "promote.yml")
    git(repo.root, "clean", "-fdq")
    git(repo.root, "fetch", "-q", "origin", "deployer/promote-prod")
    git(repo.root, "checkout", "-q", "--detach", "FETCH_HEAD")
    git(repo.root, "commit", "-q", "--allow-empty", "-m", "A word of a person")
    git(repo.root, "push", "-q", "origin", "HEAD:refs/heads/deployer/promote-prod")
    tip = git(repo.root, "rev-parse", "HEAD")
    git(repo.root, "checkout", "-q", "main")
    done = runner(repo, hub, "schedule", secrets=secrets).workflow(WORKFLOWS / "promote.yml")["promote"]

    assert done.failed
    assert "tester@localhost committed to deployer/promote-prod" in done.log
    assert git(repo.root, "ls-remote", "origin", "refs/heads/deployer/promote-prod").split()[0] == tip


def test_a_token_that_may_not_open_pull_requests_fails_the_promotion(
    tmp_path: Path, kibana: Sandbox, hub: GitHub
) -> None:
    repo = promoting(tmp_path, kibana)
    hub.may_write = False
    secrets = {"PROMOTE_TOKEN": TOKEN, **repo.keys("READ", user="viewer")}
    done = runner(repo, hub, "schedule", secrets=secrets).workflow(WORKFLOWS / "promote.yml")["promote"]

    assert done.failed
    assert "::error::GitHub answered 403" in done.log


# Drift


def test_drift_makes_the_nightly_job_red_and_says_who_did_what(tmp_path: Path, kibana: Sandbox, hub: GitHub) -> None:
    """A name that an analyst chose does nothing to the summary."""
    repo = detections(tmp_path, kibana, "prod", small=2)
    deploy(repo, "prod")
    secrets = repo.keys("READ", user="viewer")
    quiet = runner(repo, hub, "schedule", secrets=secrets).workflow(WORKFLOWS / "drift.yml")["drift"]
    hostile = "<img src=x> @everyone `|` **x**\n::error::x"
    change = {"rule_id": "00000000-0000-4000-8000-000000000001", "note": hostile}
    path = f"/s/{repo.spaces['prod']}/api/detection_engine/rules"
    assert kibana.request("PATCH", path, change, user="soc-day").status == 200
    run = runner(repo, hub, "schedule", secrets=secrets)
    done = run.workflow(WORKFLOWS / "drift.yml")["drift"]

    assert not quiet.failed, quiet.log
    assert (done.our().code, done.our().outputs["has_drift"]) == (3, "true")
    row = next(line for line in run.summary.splitlines() if "`note`" in line)
    assert row.startswith("| `Rule 1` | `changed` | `note` |")
    assert "| `` <img src=x> @everyone `\\|` **x**\\n::error::x `` |" in row
    assert "`soc-day`" in row


# The way back


def rolled_back(repo: Detections, hub: GitHub, **inputs: str) -> tuple[Runner, Job]:
    """Press the button of rollback.yml."""
    given = {"mode": "rollback", "environment": "prod", "rule": "", "to": "", "reason": REASON, **inputs}
    run = runner(repo, hub, "workflow_dispatch", inputs=given)
    return run, run.workflow(WORKFLOWS / "rollback.yml")["back"]


def test_a_rollback_takes_a_form_and_leaves_a_pull_request(tmp_path: Path, kibana: Sandbox, hub: GitHub) -> None:
    """Kibana has the old rule at once; the lock file of a promoted environment follows as a pull request."""
    repo = promoting(tmp_path, kibana)
    keys = repo.keys("", "READ", user="elastic")
    for query in ("event.action : one", "event.action : two"):
        repo.project.rule(1, query=query)
        repo.commit(query)
        deploy(repo, "staging")
        ran = repo.project.run("promote", "--to", "prod", DEPLOYER_HOSTS=HOSTS, **keys)
        assert ran.code == 0, ran.err
        repo.commit("Promote")
        deploy(repo, "prod")
    run, done = rolled_back(repo, hub, rule="Rule 1")

    assert not done.failed, done.log
    assert done.our().outputs["deployment"] == "3"
    queries = {rule["name"]: rule["query"] for rule in live(kibana, repo.spaces["prod"])}
    assert queries["Rule 1"].strip() == "event.action : one"
    assert [(one["head"], one["state"]) for one in hub.pulls] == [("deployer/rollback-prod", "open")]
    assert "#3" in run.summary


@pytest.mark.parametrize("fields", [("rule", "to", "reason"), ("environment",)], ids="-".join)
def test_whatever_is_typed_into_the_form_is_a_value_and_never_a_command(
    tmp_path: Path, kibana: Sandbox, hub: GitHub, fields: tuple[str, ...]
) -> None:
    repo = detections(tmp_path, kibana, "prod", small=1)
    deploy(repo, "prod")
    trap = tmp_path / "trap"
    for text in (f'"; touch {trap}; "', f"$(touch {trap})", f"`touch {trap}`", "--yes --project=/ ${{ github.token }}"):
        run, done = rolled_back(repo, hub, **dict.fromkeys(fields, text))
        assert not trap.exists()
        assert done.our().inner["run"].code in (0, 1, 2, 4), done.log
        assert TOKEN not in done.log + run.summary


def test_a_rollback_needs_a_reason(tmp_path: Path, kibana: Sandbox, hub: GitHub) -> None:
    repo = detections(tmp_path, kibana, "prod", small=1)
    _, done = rolled_back(repo, hub, reason="")
    assert (done.our().code, done.failed) == (2, True)
    assert "needs the input reason" in done.log
