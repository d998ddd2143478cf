"""200 exception lists with 10,000 items: what a plan of them costs, and that an apply writes what changed alone."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.bench.measuring import Row, best, run
from tests.support.project import new_project

pytestmark = pytest.mark.bench

_LISTS, _ITEMS = 200, 50


def test_many_lists(rows: list[Row], tmp_path: Path) -> None:
    """Both are in Kibana and in git; then three items change."""
    project = new_project(tmp_path, environment='[kibana]\nurl = "sandbox"\n')
    project.rule(1)
    lines: list[str] = []
    for number in range(_LISTS):
        name = f"list-{number:03}"
        text = f'[[list]]\nlist_id = "{name}"\n'
        lines.append(json.dumps(_container(name)))
        for item in range(_ITEMS):
            text += f'\n[[list.items]]\nitem_id = "{name}-{item:02}"\nwhen = {{ "user.name" = "user-{item}" }}\n'
            lines.append(json.dumps(_item(name, f"{name}-{item:02}", f"user-{item}")))
        project.write(f"exceptions/{name}.toml", text)
    project.write("all.ndjson", "\n".join(lines) + "\n")
    run(tmp_path, "sandbox", "seed", "all.ndjson", "-e", "s")
    rows.append(
        Row("plan of 200 lists, first", 1, "0", "embedded", best([run(tmp_path, "plan", "-e", "s")]), target="5 s")
    )
    run(tmp_path, "apply", "-e", "s", "--yes")
    rows.append(Row("plan of 200 lists", 1, "0", "embedded", best([run(tmp_path, "plan", "-e", "s")]), target="5 s"))
    for number in range(3):
        path = tmp_path / f"exceptions/list-{number:03}.toml"
        path.write_text(path.read_text("utf-8").replace('"user-7"', '"somebody"'), "utf-8")
    rows.append(
        Row("plan of 200 lists", 1, "3 items", "embedded", best([run(tmp_path, "plan", "-e", "s")]), target="5 s")
    )
    cost = best([run(tmp_path, "apply", "-e", "s", "--yes")])
    rows.append(Row("apply of 200 lists", 1, "3 items", "embedded", cost))


def _container(name: str) -> dict[str, object]:
    return {"list_id": name, "name": name, "description": name, "type": "detection", "namespace_type": "single"}


def _item(list_id: str, item_id: str, user: str) -> dict[str, object]:
    entry = {"field": "user.name", "operator": "included", "type": "match", "value": user}
    return {
        "list_id": list_id, "item_id": item_id, "name": item_id, "description": item_id, "type": "simple",
        "namespace_type": "single", "entries": [entry],
    }  # fmt: skip
