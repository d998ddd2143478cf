"""ci/gitlab/deployer.gitlab-ci.yml in the pipeline of docs/gitlab, carried out job by job."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.support.deploying import live
from tests.support.detections import HOSTS, Detections, branch, deploy, detections, edit
from tests.support.gitlab import Pipeline, resolved
from tests.support.listener import listening
from tests.support.sandbox import Sandbox
from tests.support.stores import git

REASON = "INC-4471"


def pipeline(repo: Detections, source: str = "push", *, write: bool = False, **variables: str) -> Pipeline:
    """A pipeline with DEPLOYER_HOSTS and the keys that such a job sees."""
    keys = {**repo.keys("READ", user="viewer"), **(repo.keys("", user="elastic") if write else {})}
    return Pipeline(repo.root, source, variables={"DEPLOYER_HOSTS": HOSTS, **keys, **variables})


def test_what_runs_when() -> None:
    """Nothing deploys for a merge request or from a schedule; a person's pipeline does what its variables say."""

    def jobs(source: str, branch: str = "main", **variables: str) -> set[str]:
        return set(Pipeline(Path(), source, branch, variables).jobs())

    reviewed = {"validate", "plan dev", "plan prod"}
    assert jobs("merge_request_event") == reviewed
    assert jobs("push") == reviewed | {"apply dev", "apply prod"}
    assert jobs("push", "feature") == reviewed
    assert jobs("schedule", DEPLOYER_ACTION="drift") == {"drift prod"}
    assert jobs("schedule", DEPLOYER_ACTION="promote") == {"promote to prod"}
    assert jobs("web", DEPLOYER_ACTION="rollback", DEPLOYER_TARGET="prod") == {"rollback prod"}
    assert jobs("web", DEPLOYER_ACTION="recover", DEPLOYER_TARGET="prod") == {"recover prod"}
    assert jobs("web", "feature", DEPLOYER_ACTION="rollback", DEPLOYER_TARGET="prod") == set()


def test_what_writes_waits_for_its_turn_and_is_never_cut_off() -> None:
    """One at a time for each environment, in GitLab too, and no newer pipeline cancels it."""
    for name, job in resolved().items():
        if job["variables"].get("DEPLOYER_READONLY") == "0" and not name.startswith("."):
            assert job["resource_group"], name
            assert job["interruptible"] is False, name


def test_the_jobs_of_a_merge_request_read_with_a_role_that_may_only_read(tmp_path: Path, kibana: Sandbox) -> None:
    """The numbers of the merge request's widget, the plan as Markdown, code quality and JUnit; no 403, no write."""
    repo = detections(tmp_path, kibana, "dev", "prod")
    deploy(repo, "prod")
    branch(repo)
    edit(repo, "rules/aws/impact_s3_bucket_versioning_suspended.toml", 'severity = "high"', 'severity = "low"')
    repo.commit("Lower a severity")
    kibana.admin("DELETE", "requests")
    request = pipeline(repo, "merge_request_event")
    checked, planned = request.run("validate"), request.run("plan prod")

    assert (checked.code, planned.code) == (0, 0), checked.log + planned.log
    assert json.loads((repo.root / "code-quality.json").read_text("utf-8")) is not None
    assert json.loads((repo.root / "terraform.json").read_text("utf-8")) == {"create": 0, "update": 1, "delete": 0}
    assert "severity" in (repo.root / "plan.md").read_text("utf-8")
    assert len(kibana.admin("GET", "requests")) > 5
    assert (repo.refused(), kibana.writes()) == ([], [])


def test_a_merge_request_that_changes_the_url_reaches_nobody(tmp_path: Path, kibana: Sandbox) -> None:
    repo = detections(tmp_path, kibana, "dev", "prod", small=1)
    branch(repo)
    with listening() as listener:
        edit(repo, "environments/prod.toml", kibana.url, f"http://127.0.0.1:{listener.port}")
        repo.commit("Change url")
        hosts = kibana.url.removeprefix("http://")
        done = pipeline(repo, "merge_request_event", DEPLOYER_HOSTS=hosts).run("plan prod")

    assert (done.code, listener.received) == (4, []), done.log


def test_a_fork_gets_no_plan_and_nothing_is_deployed_for_a_merge_request(tmp_path: Path, kibana: Sandbox) -> None:
    """Also where somebody gave the job other rules."""
    repo = detections(tmp_path, kibana, "dev", "prod", small=1)
    kibana.admin("DELETE", "requests")
    fork = pipeline(repo, "merge_request_event", CI_MERGE_REQUEST_SOURCE_PROJECT_ID="2").run("plan prod")
    request = pipeline(repo, "merge_request_event", write=True)
    names = ("apply prod", "promote to prod", "rollback prod", "recover prod")
    codes = [request.run(name, whatever_rules_say=True).code for name in names]

    assert (fork.code, codes) == (0, [4, 4, 4, 4]), fork.log
    assert kibana.admin("GET", "requests") == []


@pytest.mark.parametrize("name", ["plan prod", "apply prod", "drift prod", "promote to prod", "rollback prod"])
def test_hosts_must_be_pinned(plain: Detections, kibana: Sandbox, name: str) -> None:
    kibana.admin("DELETE", "requests")
    unpinned = pipeline(plain, write=True)
    del unpinned.variables["DEPLOYER_HOSTS"]
    done = unpinned.run(name, whatever_rules_say=True)

    assert (done.code, "DEPLOYER_HOSTS is not set" in done.log) == (4, True), done.log
    assert kibana.admin("GET", "requests") == []


def test_the_plan_that_was_seen_is_applied_and_the_way_back_takes_a_form(tmp_path: Path, kibana: Sandbox) -> None:
    repo = detections(tmp_path, kibana, "dev", "prod", small=1)
    codes = [pipeline(repo).run("plan prod").code, pipeline(repo, write=True).run("apply prod").code]
    repo.project.rule(1, query="event.action : two")
    (repo.root / "plan.json").unlink()
    repo.commit("Change the query")
    codes += [pipeline(repo).run("plan prod").code, pipeline(repo, write=True).run("apply prod").code]
    changed = live(kibana, repo.spaces["prod"])[0]["query"]
    form = {"DEPLOYER_ACTION": "rollback", "DEPLOYER_TARGET": "prod", "DEPLOYER_RULE": "Rule 1"}
    back = pipeline(repo, "web", write=True, DEPLOYER_REASON=REASON, **form).run("rollback prod")

    assert codes == [0, 0, 0, 0]
    assert changed.strip() == "event.action : two"
    assert back.code == 0, back.log
    assert live(kibana, repo.spaces["prod"])[0]["query"].strip() == "event.action : *"


def test_a_plan_that_no_longer_fits_is_refused(tmp_path: Path, kibana: Sandbox) -> None:
    """Between the plan and the press of the button an analyst changed the same field."""
    repo = detections(tmp_path, kibana, "dev", "prod", small=1)
    deploy(repo, "prod")
    repo.project.rule(1, query="event.action : two")
    repo.commit("Change the query")
    planned = pipeline(repo).run("plan prod")
    change = {"rule_id": "00000000-0000-4000-8000-000000000001", "query": "event.action : three"}
    path = f"/s/{repo.spaces['prod']}/api/detection_engine/rules"
    assert kibana.request("PATCH", path, change, user="soc-day").status == 200
    done = pipeline(repo, write=True).run("apply prod")

    assert (planned.code, done.code) == (0, 4), done.log
    assert live(kibana, repo.spaces["prod"])[0]["query"] == "event.action : three"


def test_whatever_is_typed_into_the_form_is_a_value_and_never_a_command(tmp_path: Path, kibana: Sandbox) -> None:
    repo = detections(tmp_path, kibana, "dev", "prod", small=1)
    deploy(repo, "prod")
    trap = tmp_path / "trap"
    for text in (f'"; touch {trap}; "', f"$(touch {trap})", f"`touch {trap}`", "x --project=/"):
        form = {"DEPLOYER_ACTION": "rollback", "DEPLOYER_TARGET": "prod", "DEPLOYER_REASON": REASON}
        done = pipeline(repo, "web", write=True, **form, DEPLOYER_RULE=text, DEPLOYER_ALLOW=text).run("rollback prod")
        assert (done.code in (1, 2), trap.exists()) == (True, False), done.log


def test_promotion_is_one_merge_request(tmp_path: Path, kibana: Sandbox) -> None:
    """The push asks GitLab for it; a second run leaves the branch as it is; nothing left to promote takes it away."""
    repo = detections(tmp_path, kibana, "staging", "prod", small=1)
    promoted = '[rules]\nsource = "promoted"\n\n[promotion]\nfrom = "staging"\nrequire = ["deployed"]\nsoak = "{}"\n'
    repo.environment("prod", promoted.format("0s"))
    repo.commit("Promote")
    deploy(repo, "staging")
    git(repo.root.parent / "remote.git", "config", "receive.advertisePushOptions", "true")

    def run() -> tuple[int, str]:
        done = pipeline(repo, "schedule", DEPLOYER_ACTION="promote").run("promote to prod")
        git(repo.root, "reset", "-q", "--hard", "origin/main")
        tip = git(repo.root, "ls-remote", "origin", "refs/heads/deployer/promote-prod")
        assert done.code == 0, done.log
        return done.code, tip

    first, second = run(), run()
    repo.environment("prod", promoted.format("24h"))
    repo.commit("Soak for a day")
    git(repo.root, "fetch", "-q", "origin")
    last = run()

    assert first[1]
    assert (second, last) == (first, (0, ""))


def test_drift_makes_the_scheduled_job_red(tmp_path: Path, kibana: Sandbox) -> None:
    repo = detections(tmp_path, kibana, "dev", "prod", small=1)
    deploy(repo, "prod")
    quiet = pipeline(repo, "schedule", DEPLOYER_ACTION="drift").run("drift prod")
    change = {"rule_id": "00000000-0000-4000-8000-000000000001", "severity": "critical", "risk_score": 99}
    path = f"/s/{repo.spaces['prod']}/api/detection_engine/rules"
    assert kibana.request("PATCH", path, change, user="soc-day").status == 200
    done = pipeline(repo, "schedule", DEPLOYER_ACTION="drift").run("drift prod")

    assert (quiet.code, done.code) == (0, 3), done.log
    assert "soc-day" in done.log
