"""A repository as a team has it: the shipped rules with all that they refer to, a remote that is store as well."""

from __future__ import annotations

import itertools
import shutil
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.support.github import REPOSITORY, GitHub
from tests.support.project import ProjectFolder
from tests.support.sandbox import ROOT, Sandbox
from tests.support.stores import git
from tests.support.workflows import Runner

HOSTS = "127.0.0.1"
_NUMBERS = itertools.count(1)

ENVIRONMENT = """extends = "_base"

[kibana]
url = "{url}"
space = "{space}"
api_key = "env:{upper}_KIBANA_API_KEY"
read_api_key = "env:{upper}_KIBANA_READ_API_KEY"
{more}

[connectors]
soc-slack = "SOC Slack"
soc-pagerduty = "SOC PagerDuty"
"""


@dataclass
class Detections:
    """A checkout of `main` with a bare remote beside it; its environments are spaces of one sandbox."""

    project: ProjectFolder
    kibana: Sandbox
    spaces: dict[str, str] = field(default_factory=dict)

    @property
    def root(self) -> Path:
        """The checkout."""
        return self.project.root

    def environment(self, name: str, more: str = "") -> None:
        """Add an environment, in a new space unless it has one; `more` are further tables."""
        if name not in self.spaces:
            self.spaces[name] = f"{name}-{next(_NUMBERS)}"
            body = {"id": self.spaces[name], "name": name}
            assert self.kibana.request("POST", "/api/spaces/space", body).status == 200
        space = self.spaces[name]
        text = ENVIRONMENT.format(url=self.kibana.url, space=space, upper=name.upper(), more=more)
        self.project.write(f"environments/{name}.toml", text)

    def keys(self, *kinds: str, user: str) -> dict[str, str]:
        """The secrets `ENV_KIBANA_API_KEY` ("") or `ENV_KIBANA_READ_API_KEY` ("READ") of every environment."""
        key = next(one["api_key"] for one in self.kibana.admin("GET", "users") if one["username"] == user)
        names = (f"{name.upper()}_KIBANA_{kind + '_' if kind else ''}API_KEY" for name in self.spaces for kind in kinds)
        return dict.fromkeys(names, key)

    def commit(self, message: str, *, push: bool = True) -> None:
        """Commit everything, on `main` unless another branch is checked out."""
        git(self.root, "add", "-A")
        git(self.root, "commit", "-q", "--allow-empty", "-m", message)
        if push:
            git(self.root, "push", "-q", "origin", "HEAD")

    def refused(self) -> list[str]:
        """The requests that were answered 401 or 403."""
        return [one["path"] for one in self.kibana.admin("GET", "requests") if one["status"] in (401, 403)]


def detections(folder: Path, kibana: Sandbox, *environments: str, small: int = 0) -> Detections:
    """
    Return a pushed repository with these environments. With `small` it has that many small rules and nothing else.
    """
    root = folder / "detections"
    root.mkdir(parents=True)
    found = Detections(ProjectFolder(root), kibana)
    found.project.write("deployer.toml", 'project = "tests"\nstate = "git:origin#deployer-state"\n')
    found.project.write(".gitignore", ".deployer/\n")
    shutil.copytree(ROOT / "environments", root / "environments", ignore=lambda _, names: set(names) - {"_base.toml"})
    if small:
        found.project.rules(small)
    else:
        for part in ("rules", "exceptions", "value_lists"):
            shutil.copytree(ROOT / part, root / part)
        (root / "deployer.toml").write_text(
            'project = "tests"\nexceptions = ["exceptions"]\nvalue_lists = ["value_lists"]\n'
            'state = "git:origin#deployer-state"\n',
            "utf-8",
        )
    git(folder, "init", "-q", "--bare", "-b", "main", "remote.git")
    git(root, "init", "-q", "-b", "main")
    git(root, "remote", "add", "origin", str(folder / "remote.git"))
    git(root, "config", "user.name", "tests")
    git(root, "config", "user.email", "tests@localhost")
    for name in environments:
        found.environment(name)
    found.commit("Detections")
    git(root, "fetch", "-q", "origin")
    return found


def pull_request(number: int = 7, head: str = REPOSITORY, base: str = "main") -> dict[str, Any]:
    """The event of a pull request."""
    return {"pull_request": {"number": number, "head": {"repo": {"full_name": head}}, "base": {"ref": base}}}


def runner(repo: Detections, hub: GitHub, kind: str = "push", **options: Any) -> Runner:
    """A runner on the checkout of a repository, with DEPLOYER_HOSTS and the secrets that such an event may see."""
    secrets = {**repo.keys("READ", user="viewer"), **repo.keys("", user="elastic")}
    if kind == "pull_request":
        secrets = repo.keys("READ", user="viewer")
        options = {"event": pull_request(), "ref": "refs/pull/7/merge", **options}
    temp = repo.root.parent / f"runner-{len(list(repo.root.parent.iterdir()))}"
    settings = {"variables": {"DEPLOYER_HOSTS": HOSTS}, "secrets": secrets, "api": hub.url, **options}
    return Runner(repo.root, temp, kind, **settings)


def deploy(repo: Detections, *environments: str) -> None:
    """Deploy from a shell that holds the keys, as somebody did before the test."""
    for name in environments:
        keys = repo.keys("", "READ", user="elastic")
        ran = repo.project.run("apply", "-e", name, "--yes", DEPLOYER_HOSTS=HOSTS, **keys)
        assert ran.code == 0, ran.err


def branch(repo: Detections, name: str = "tuning") -> None:
    """Be on a branch, as the checkout of a pull request is."""
    git(repo.root, "checkout", "-q", "-b", name)


def edit(repo: Detections, path: str, old: str, new: str) -> None:
    """Replace a text in a file, which must be there."""
    file = repo.root / path
    text = file.read_text("utf-8")
    assert old in text, path
    file.write_text(text.replace(old, new), "utf-8")
