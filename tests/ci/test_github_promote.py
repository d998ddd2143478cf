"""docs/github/promote.yml, drift.yml and rollback.yml, carried out step by step."""

from __future__ import annotations

from pathlib import Path

from tests.support.detections import Detections, deploy, detections, runner
from tests.support.github import TOKEN, GitHub
from tests.support.sandbox import ROOT, Sandbox
from tests.support.stores import git

WORKFLOWS = ROOT / "docs/github"
REASON = "INC-4471"


def promoting(tmp_path: Path, kibana: Sandbox) -> Detections:
    """A repository whose prod runs what staging proved, with two rules deployed in staging."""
    repo = detections(tmp_path, kibana, "staging", "prod", small=2)
    more = '[rules]\nsource = "promoted"\n\n[promotion]\nfrom = "staging"\nsoak = "0s"\nhealthy = false\n'
    repo.environment("prod", more)
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
