"""A space of the sandbox and a project that pulls from it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from tests.support.project import Ran, new_project
from tests.support.sandbox import Sandbox, query_rule

RULES = "/api/detection_engine/rules"
TARGET = '[kibana]\nurl = "{url}"\nspace = "{space}"\nusername = "elastic"\npassword = "env:PASSWORD"\n'
SECRETS = {"PASSWORD": "changeme", "DEPLOYER_HOSTS": "127.0.0.1"}


class World:
    """A space of the sandbox and a project that deploys to it."""

    def __init__(self, kibana: Sandbox, root: Path, space: str, environment: str = "") -> None:
        self.kibana, self.space = kibana, space
        assert kibana.request("POST", "/api/spaces/space", {"id": space, "name": space}).status == 200
        self.project = new_project(root, environment=TARGET.format(url=kibana.url, space=space) + environment)

    def create(self, rule_id: str = "r-1", **fields: Any) -> dict[str, Any]:
        """Create a rule as an analyst does."""
        return self.kibana.create(query_rule(rule_id, **fields), space=self.space, user="soc-day")

    def edit(self, rule_id: str, **fields: Any) -> None:
        """Edit a rule as an analyst does."""
        path = f"/s/{self.space}{RULES}"
        answer = self.kibana.request("PATCH", path, {"rule_id": rule_id, **fields}, user="soc-day")
        assert answer.status == 200, answer.body

    def run(self, *words: str) -> Ran:
        """Run the program, which must succeed."""
        ran = self.project.run(*words, **SECRETS)
        assert ran.code == 0, ran.err + ran.out
        return ran

    def pull(self, *words: str) -> dict[str, Any]:
        """Pull; returns the document."""
        return self.run("pull", "-e", "s", *words, "--json").document

    def plan(self) -> dict[str, Any]:
        """Plan; returns the document of the one plan."""
        return self.run("plan", "-e", "s", "--adopt", "--json").document

    def texts(self) -> dict[str, bytes]:
        """Every file of the project that a person writes."""
        endings = (".toml", ".txt", ".csv")
        paths = [p for p in self.project.root.rglob("*") if p.suffix in endings and ".deployer" not in p.parts]
        return {path.relative_to(self.project.root).as_posix(): path.read_bytes() for path in paths}

    def post(self, path: str, body: Any, **options: Any) -> dict[str, Any]:
        """Send a request of an analyst to this space."""
        answer = self.kibana.request("POST", f"/s/{self.space}{path}", body, user="soc-day", **options)
        assert answer.status == 200, answer.body
        return dict(answer.json)

    def put(self, path: str, body: Any) -> None:
        """Change something in this space as an analyst does."""
        answer = self.kibana.request("PUT", f"/s/{self.space}{path}", body, user="soc-day")
        assert answer.status == 200, answer.body

    def delete(self, path: str) -> None:
        """Delete something in this space as an analyst does."""
        answer = self.kibana.request("DELETE", f"/s/{self.space}{path}", user="soc-day")
        assert answer.status == 200, answer.body

    def exception_list(self, list_id: str, **fields: Any) -> dict[str, Any]:
        """Create a list; returns what a rule has to say to name it."""
        base = {"list_id": list_id, "name": list_id.title(), "description": "d", "type": "detection"}
        made = self.post("/api/exception_lists", {**base, "namespace_type": "single", **fields})
        return {key: made[key] for key in ("id", "list_id", "type", "namespace_type")}

    def item(self, list_id: str, item_id: str, entries: list[Any], **fields: Any) -> None:
        """Add an item to a list."""
        base = {"list_id": list_id, "item_id": item_id, "name": item_id.title(), "description": "d", "type": "simple"}
        self.post("/api/exception_lists/items", {**base, "namespace_type": "single", "entries": entries, **fields})

    def values(self, list_id: str, kind: str, *values: str) -> None:
        """Create a value list with these values."""
        self.kibana.request("POST", f"/s/{self.space}/api/lists/index")
        self.post("/api/lists", {"id": list_id, "name": list_id, "description": "d", "type": kind})
        for value in values:
            self.post("/api/lists/items", {"list_id": list_id, "value": value})

    def written(self) -> int:
        """How many rule writes Kibana has seen."""
        return len(self.kibana.writes())


def content(plan: dict[str, Any]) -> list[Any]:
    """What a plan would change besides adopting."""
    (found,) = plan["plans"]
    assert found["notes"]["blocked"] == []
    assert found["dependencies"] == []
    return [change for change in found["changes"] if change["before"] or change["after"]]


def imported(world: World, bodies: list[dict[str, Any]]) -> int:
    """Import rules as detection-rules' CLI does; returns how many Kibana took."""
    lines = "".join(json.dumps(body) + "\n" for body in bodies)
    form = (
        b'--X\r\nContent-Disposition: form-data; name="file"; filename="rules.ndjson"\r\n'
        b"Content-Type: application/ndjson\r\n\r\n" + lines.encode() + b"\r\n--X--\r\n"
    )
    path = f"/s/{world.space}{RULES}/_import?overwrite=true"
    answer = world.kibana.request("POST", path, form, headers={"content-type": "multipart/form-data; boundary=X"})
    assert answer.status == 200, answer.body
    return int(answer.json["success_count"])
