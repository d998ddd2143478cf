"""What is measured with: projects of any size, from the corpus beside the repository or, without it, from rules/."""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path

from tests.support.sandbox import PASSWORD
from tests.support.shared import SHARED

ROOT = Path(__file__).resolve().parents[2]
_ID = re.compile(r'^rule_id = "(.*)"', re.MULTILINE)
_NOT_HERE = ('maturity = "deprecated"', "rule.actions", "exceptions_list")  # needs nothing that a space has to have
_NAME = re.compile(r'^name = "(.*)"', re.MULTILINE)

CREDENTIALS = {"BENCH_USER": "elastic", "BENCH_PASSWORD": PASSWORD}
"""The environment of commands that talk to a sandbox that was started for them."""


@cache
def rule_texts() -> tuple[str, ...]:
    """Return the text of every rule that may be deployed anywhere, sorted by path."""
    folder = SHARED / "corpus" / "2026-08"
    sources = sorted((folder if folder.is_dir() else ROOT / "rules").rglob("*.toml"))
    texts = (path.read_text("utf-8") for path in sources)
    return tuple(text for text in texts if _ID.search(text) and not any(word in text for word in _NOT_HERE))


def origin() -> str:
    """Say what the rules are made from."""
    return f"{len(rule_texts())} rules of {'the corpus' if (SHARED / 'corpus').is_dir() else 'rules/'}, multiplied"


def rule(number: int) -> str:
    """Return rule `number`: one of the sources, with an id and a name of its own from the second round on."""
    texts = rule_texts()
    text, turn = texts[number % len(texts)], number // len(texts)
    if not turn:
        return text
    text = _ID.sub(lambda found: f'rule_id = "{turn:04x}{found[1][4:]}"', text, count=1)
    return _NAME.sub(lambda found: f'name = "{found[1]} {turn}"', text, count=1)


def write_project(root: Path, count: int) -> Path:
    """Write a project of `count` rules in folders of 500."""
    for number in range(count):
        path = root / "rules" / f"{number // 500:03}" / f"rule_{number:05}.toml"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(rule(number), "utf-8")
    (root / "deployer.toml").write_text('project = "bench"\n', "utf-8")
    write_environment(root, "embedded", "sandbox")
    return root


def write_environment(root: Path, name: str, url: str, *, spaces: int = 0, connections: int = 8) -> None:
    """Write one environment: the embedded sandbox, or a server that runs already, with so many spaces."""
    keys = [f'url = "{url}"', f"connections = {connections}"]
    if url != "sandbox":
        keys += ['username = "env:BENCH_USER"', 'password = "env:BENCH_PASSWORD"']
    if spaces:
        names = ", ".join(f'"team-{number:02}"' for number in range(spaces))
        keys.append(f"spaces = [{names}]")
    (root / "environments").mkdir(exist_ok=True)
    (root / "environments" / f"{name}.toml").write_text("\n".join(["[kibana]", *keys, ""]), "utf-8")


def change(root: Path, count: int) -> None:
    """Change the risk score of the first `count` rules, of all of them where there are fewer."""
    for path in sorted((root / "rules").rglob("*.toml"))[:count]:
        text = path.read_text("utf-8")
        path.write_text(re.sub(r"^risk_score = (\d+)", _other_score, text, count=1, flags=re.MULTILINE), "utf-8")


def _other_score(found: re.Match[str]) -> str:
    return f"risk_score = {int(found[1]) % 99 + 1}"
