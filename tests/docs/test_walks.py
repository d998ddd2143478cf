"""The pages of docs/ that tell a story are carried out, word for word."""

from __future__ import annotations

import contextlib
import subprocess
from pathlib import Path

import pytest

from tests.support.sandbox import ROOT, Sandbox, running
from tests.support.walk import Walk

CREDENTIALS = 'username = "elastic"\npassword = "env:PASSWORD"\n'
ENVIRONMENTS = ("dev", "staging", "prod")


def test_the_walk_from_dev_over_staging_to_prod_and_back(tmp_path: Path) -> None:
    """docs/promotion.md holds, with a Kibana for each environment and a clock that is moved."""
    page = (ROOT / "docs/promotion.md").read_text("utf-8")
    folder = tmp_path / "project"
    folder.mkdir()
    subprocess.run(["git", "init", "-q", "-b", "main"], cwd=folder, check=True)
    (folder / ".gitignore").write_text(".deployer/\n", "utf-8")
    with contextlib.ExitStack() as stack:
        kibanas: dict[str, Sandbox] = {
            name: stack.enter_context(running(tmp_path / f"{name}.sqlite3")) for name in ENVIRONMENTS
        }
        passed = [0.0]

        def later(seconds: float) -> None:
            passed[0] += seconds
            for kibana in kibanas.values():
                kibana.admin("POST", "clock", {"offset": passed[0]})

        def adapt(path: str, text: str) -> str:
            """Give the environments of the page servers whose clock the test can move."""
            kibana = kibanas.get(path.removeprefix("environments/").removesuffix(".toml"))
            return text.replace('url = "sandbox"\n', f'url = "{kibana.url}"\n{CREDENTIALS}') if kibana else text

        identity = {
            f"GIT_{role}_{part}": "tests@example.com" for role in ("AUTHOR", "COMMITTER") for part in ("NAME", "EMAIL")
        }
        walk = Walk(folder, later, adapt, {"PASSWORD": "changeme", "DEPLOYER_HOSTS": "127.0.0.1", **identity})
        walk.carry_out(page)

    assert walk.commands >= 30


@pytest.mark.parametrize(
    ("page", "least"), [("docs/adopt.md", 10), ("docs/migrate.md", 5), ("docs/start.md", 13), ("docs/customers.md", 8)]
)
def test_pages_that_need_no_kibana_of_their_own_hold(tmp_path: Path, page: str, least: int) -> None:
    """They are typed into an empty folder, against the sandbox that the program starts itself."""
    folder = tmp_path / "project"
    folder.mkdir()
    walk = Walk(folder, lambda _seconds: None, lambda _path, text: text)

    walk.carry_out((ROOT / page).read_text("utf-8"))

    assert walk.commands >= least


def test_what_a_branch_does_is_as_its_page_says(tmp_path: Path) -> None:
    """docs/branch.md holds, with the embedded sandbox and real git."""
    subprocess.run(["git", "init", "-q", "-b", "main"], cwd=tmp_path, check=True)
    (tmp_path / ".gitignore").write_text(".deployer/\n*.bak\n", "utf-8")
    identity = {
        f"GIT_{role}_{part}": "tests@example.com" for role in ("AUTHOR", "COMMITTER") for part in ("NAME", "EMAIL")
    }
    walk = Walk(tmp_path, lambda _: None, lambda _, text: text, identity)

    walk.carry_out((ROOT / "docs/branch.md").read_text("utf-8"))

    assert walk.commands == 14
