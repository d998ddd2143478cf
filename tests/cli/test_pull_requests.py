"""A run for a pull request plans and never writes; its environment file may not lead a key away."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.deploying import SECRET, against
from tests.support.listener import listening
from tests.support.project import ProjectFolder, new_project
from tests.support.sandbox import running

KIBANA = """[kibana]
url = "https://kibana.example.com"
proxy = "http://127.0.0.1:{port}"
api_key = "env:KEY"
timeout = {{ connect = "1s", read = "1s" }}
"""
GITHUB = {
    "GITHUB_ACTIONS": "true",
    "CI": "true",
    "GITHUB_EVENT_NAME": "pull_request",
    "GITHUB_REF": "refs/pull/7/merge",
}
WRITING = [
    ("apply", "-e", "s", "--yes"),
    ("recover", "-e", "s", "--yes"),
    ("unlock", "-e", "s", "--yes"),
]
SYSTEMS = {
    "GitHub": GITHUB,
    "GitHub, with the rights of the base": {**GITHUB, "GITHUB_EVENT_NAME": "pull_request_target"},
    "GitLab": {"CI": "true", "GITLAB_CI": "true", "CI_MERGE_REQUEST_IID": "7"},
    "Azure": {"TF_BUILD": "True", "SYSTEM_PULLREQUEST_PULLREQUESTID": "7"},
    "Bitbucket": {"CI": "true", "BITBUCKET_PR_ID": "7"},
    "Buildkite": {"CI": "true", "BUILDKITE_PULL_REQUEST": "7"},
    "Jenkins": {"JENKINS_URL": "https://jenkins.example.com", "CHANGE_ID": "7"},
    "CircleCI": {"CI": "true", "CIRCLE_PULL_REQUEST": "https://example.com/pull/7"},
    "Drone": {"CI": "true", "DRONE_PULL_REQUEST": "7"},
    "Travis": {"CI": "true", "TRAVIS_PULL_REQUEST": "7"},
}


def project_at(root: Path, port: int) -> ProjectFolder:
    """A project with one rule, whose Kibana is elsewhere and only reached through a listener; its store is outside."""
    project = new_project(root / "p", environment=KIBANA.format(port=port))
    project.write("deployer.toml", f'project = "tests"\nstate = "file:{root / "store"}"\n')
    project.rule(1)
    return project


@pytest.mark.parametrize("words", WRITING, ids=lambda words: words[0])
def test_what_writes_is_refused_for_a_pull_request_before_anything_is_sent(
    tmp_path: Path, words: tuple[str, ...]
) -> None:
    with listening() as listener:
        ran = project_at(tmp_path, listener.port).run(*words, KEY="a:b", **GITHUB)
    assert ran.code == 4, ran.err
    assert "pull request" in ran.err
    assert (listener.connections, (tmp_path / "store").exists()) == (0, False)


@pytest.mark.parametrize("system", SYSTEMS)
def test_every_ci_system_is_understood(tmp_path: Path, system: str) -> None:
    with listening() as listener:
        ran = project_at(tmp_path, listener.port).run("apply", "-e", "s", "--yes", KEY="a:b", **SYSTEMS[system])
    assert (ran.code, listener.connections) == (4, 0), ran.err


@pytest.mark.parametrize(
    "environ",
    [
        {**GITHUB, "GITHUB_EVENT_NAME": "push"},
        {"CI": "true", "BUILDKITE_PULL_REQUEST": "false", "TRAVIS_PULL_REQUEST": "false"},
        {"CHANGE_ID": "7"},  # no CI: somebody's own variable
        {**GITHUB, "DEPLOYER_DEPLOY_PULL_REQUESTS": "1"},  # said outside the checkout
    ],
    ids=["push", "false", "laptop", "allowed"],
)
def test_other_runs_go_on_to_kibana(tmp_path: Path, environ: dict[str, str]) -> None:
    with listening() as listener:
        ran = project_at(tmp_path, listener.port).run("apply", "-e", "s", "--yes", KEY="a:b", **environ)
        assert (ran.code, listener.connections > 0) == (1, True), ran.err


def test_a_pull_requests_plan_is_judged_as_if_it_were_merged(tmp_path: Path) -> None:
    """`[deploy] branch` refuses no pull request's plan; everywhere else it does."""
    with running(tmp_path / "kibana.sqlite3") as kibana:
        project = against(tmp_path / "p", kibana.url, more='[deploy]\nbranch = "main"')
        project.rule(1)
        pull_request = project.run("plan", "-e", "s", "--json", **SECRET, **GITHUB)
        elsewhere = project.run("plan", "-e", "s", "--json", **SECRET)
    assert (pull_request.code, pull_request.document["plans"][0]["refusals"]) == (0, [])
    assert [one["guard"] for one in elsewhere.document["plans"][0]["refusals"]] == ["branch"]
