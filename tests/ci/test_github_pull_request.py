"""docs/github/pull-request.yml, carried out step by step, and what a pull request may not do."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.support.detections import HOSTS, Detections, branch, deploy, detections, edit, pull_request, runner
from tests.support.github import REPOSITORY, GitHub
from tests.support.listener import listening
from tests.support.sandbox import ROOT, Sandbox

WORKFLOWS = ROOT / "docs/github"
REASON = "INC-4471"


def test_the_job_of_a_pull_request_reads_with_a_role_that_may_only_read(
    tmp_path: Path, kibana: Sandbox, hub: GitHub
) -> None:
    """Every rule type, lists, value lists and connectors are planned with the read key, and nothing gets a 403."""
    repo = detections(tmp_path, kibana, "dev", "prod")
    deploy(repo, "dev")
    branch(repo)
    edit(repo, "rules/aws/impact_s3_bucket_versioning_suspended.toml", 'severity = "high"', 'severity = "low"')
    repo.commit("Lower a severity")
    kibana.admin("DELETE", "requests")

    done = runner(repo, hub, "pull_request").workflow(WORKFLOWS / "pull-request.yml")["rules"]

    assert not done.failed, done.log
    requests = kibana.admin("GET", "requests")
    assert len(requests) > 10
    assert repo.refused() == []
    assert kibana.writes() == []
    plan = done.steps["plan"].outputs
    assert (plan["has_changes"], plan["updates"], plan["refusal"]) == ("true", "1", "")
    assert int(plan["creates"]) > 5
    assert [one["target"] for one in json.loads(plan["targets"])] == ["dev", "prod"]


def test_the_comment_is_written_once_and_then_kept_up_to_date(tmp_path: Path, kibana: Sandbox, hub: GitHub) -> None:
    """Past a page of other comments, and past somebody who copied our mark into theirs."""
    repo = detections(tmp_path, kibana, "dev", "prod", small=2)
    branch(repo)
    for number in range(120):
        hub.comment(7, f"comment {number}", login="somebody")
    first = runner(repo, hub, "pull_request").workflow(WORKFLOWS / "pull-request.yml")["rules"]
    mine = hub.comments[-1]
    copied = hub.comment(7, mine["body"], login="somebody")["body"]
    repo.project.rule(3)
    repo.commit("One more")
    second = runner(repo, hub, "pull_request").workflow(WORKFLOWS / "pull-request.yml")["rules"]

    assert not first.failed, first.log
    assert not second.failed, second.log
    assert len(hub.comments) == 122
    assert "Rule 3" in mine["body"]
    assert hub.comments[-1]["body"] == copied
    assert [line for line in hub.requests if line.startswith(("POST", "PATCH"))] == [
        f"POST /repos/{REPOSITORY}/issues/7/comments",
        f"PATCH /repos/{REPOSITORY}/issues/comments/{mine['id']}",
    ]


def test_a_token_that_may_only_read_costs_the_comment_and_nothing_else(
    tmp_path: Path, kibana: Sandbox, hub: GitHub
) -> None:
    repo = detections(tmp_path, kibana, "dev", "prod", small=1)
    branch(repo)
    repo.project.rule(2)
    repo.commit("One more")
    hub.may_write = False
    run = runner(repo, hub, "pull_request")
    done = run.workflow(WORKFLOWS / "pull-request.yml")["rules"]

    assert not done.failed, done.log
    assert "::warning::GitHub answered 403" in done.log
    assert "Rule 2" in run.summary


def test_a_pull_request_that_changes_the_url_reaches_nobody(tmp_path: Path, kibana: Sandbox, hub: GitHub) -> None:
    """Exit 4, `refusal = host`, and not one byte for the listener that the changed file points at."""
    repo = detections(tmp_path, kibana, "dev", "prod", small=1)
    branch(repo)
    with listening() as listener:
        edit(repo, "environments/prod.toml", kibana.url, f"http://127.0.0.1:{listener.port}")
        repo.commit("Change url")
        hosts = {"DEPLOYER_HOSTS": kibana.url.removeprefix("http://")}
        done = runner(repo, hub, "pull_request", variables=hosts).workflow(WORKFLOWS / "pull-request.yml")["rules"]
        one = runner(repo, hub, "pull_request", variables=hosts)
        alone = one.action({"mode": "plan", "environment": "prod"}, {**hosts, **one.secrets})

    assert (listener.connections, listener.received) == (0, [])
    assert done.failed
    assert (done.steps["plan"].outputs["refusal"], done.steps["plan"].outputs["has_changes"]) == ("host", "true")
    assert (alone.code, alone.outputs["refusal"]) == (4, "host")
    assert not any(secret in done.log for secret in one.secrets.values())


def test_a_fork_is_validated_and_gets_no_plan(tmp_path: Path, kibana: Sandbox, hub: GitHub) -> None:
    """Also where a runner hands secrets to forks: they are not used."""
    repo = detections(tmp_path, kibana, "dev", "prod", small=1)
    branch(repo)
    kibana.admin("DELETE", "requests")
    run = runner(repo, hub, "pull_request", event=pull_request(head="somebody/detections"))
    done = run.workflow(WORKFLOWS / "pull-request.yml")["rules"]

    assert not done.failed, done.log
    assert "comes from a fork" in run.summary
    assert (kibana.admin("GET", "requests"), hub.comments) == ([], [])


@pytest.mark.parametrize("mode", ["apply", "promote", "rollback", "recover"])
@pytest.mark.parametrize("event", ["pull_request", "pull_request_target", "issue_comment"])
def test_nothing_is_deployed_for_a_pull_request(
    plain: Detections, kibana: Sandbox, hub: GitHub, mode: str, event: str
) -> None:
    run = runner(plain, hub, event, event=pull_request())
    given = {"mode": mode, "environment": "prod", "reason": REASON, "digest": "sha256:" + "0" * 64}
    kibana.admin("DELETE", "requests")
    done = run.action(given, {"DEPLOYER_HOSTS": HOSTS, **plain.keys("", "READ", user="elastic")})

    assert (done.code, done.outputs["refusal"]) == (4, "branch"), done.log
    assert kibana.admin("GET", "requests") == []


@pytest.mark.parametrize("mode", ["validate", "plan", "drift"])
@pytest.mark.parametrize("event", ["pull_request_target", "workflow_run"])
def test_the_rights_of_the_base_are_not_lent_to_a_pull_request(
    plain: Detections, kibana: Sandbox, hub: GitHub, mode: str, event: str
) -> None:
    told = pull_request() if event == "pull_request_target" else {"workflow_run": {"event": "pull_request"}}
    run = runner(plain, hub, event, event=told)
    kibana.admin("DELETE", "requests")
    done = run.action({"mode": mode, "environment": "prod"}, {"DEPLOYER_HOSTS": HOSTS, **run.secrets})

    assert (done.code, done.outputs["refusal"]) == (4, "branch"), done.log
    assert kibana.admin("GET", "requests") == []


@pytest.mark.parametrize("mode", ["plan", "apply", "promote", "drift", "rollback", "recover"])
def test_hosts_must_be_pinned(plain: Detections, kibana: Sandbox, hub: GitHub, mode: str) -> None:
    run = runner(plain, hub)
    kibana.admin("DELETE", "requests")
    done = run.action({"mode": mode, "environment": "prod", "reason": REASON, "digest": "0" * 12}, run.secrets)

    assert (done.code, done.outputs["refusal"]) == (4, "host"), done.log
    assert kibana.admin("GET", "requests") == []
