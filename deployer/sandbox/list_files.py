"""
Exception lists from `exceptions/*.toml` (elastic/detection-rules' format), for a sandbox that stands in for a space
where they exist already: rules refer to lists by `list_id`, and Kibana does not make a list because a rule names it.
"""

from __future__ import annotations

from pathlib import Path

from deployer.sandbox.clock import new_uuid
from deployer.sandbox.documents import EVERYWHERE
from deployer.sandbox.errors import SandboxError
from deployer.sandbox.kibana import DEFAULT_SPACE, Kibana
from deployer.sandbox.kinds import EXCEPTION_LIST
from deployer.sandbox.messages import Body


def load_lists(kibana: Kibana, folder: str) -> int:
    """
    Create the lists of a folder that do not exist yet, in the default space; return how many were made.

    Raises SandboxError for a file that cannot be read.
    """
    made = 0
    for path in sorted(Path(folder).glob("*.toml")):
        for container in _containers(path):
            made += _added(kibana, container)
    return made


def _containers(path: Path) -> list[Body]:
    import tomllib  # only where there are such files: the import costs a twentieth of the start

    try:
        data = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as exc:
        raise SandboxError(f"{path} cannot be read as exception lists: {exc}") from exc
    entries = data.get("exceptions", [])
    return [
        entry["container"] for entry in entries if isinstance(entry, dict) and "list_id" in entry.get("container", {})
    ]


def _added(kibana: Kibana, container: Body) -> int:
    namespace = container.get("namespace_type", "single")
    space = EVERYWHERE if namespace == "agnostic" else DEFAULT_SPACE
    list_id = container["list_id"]
    with kibana.documents.joined():
        if kibana.documents.by_key(EXCEPTION_LIST, space, list_id) is not None:
            return 0
        now = kibana.clock.iso()
        id_ = new_uuid()
        body = {
            "id": id_,
            "list_id": list_id,
            "name": container.get("name", list_id),
            "description": container.get("description", list_id),
            "type": container.get("type", "detection"),
            "namespace_type": namespace,
            "os_types": [],
            "tags": container.get("tags", []),
            "version": 1,
            "immutable": False,
            "created_at": now,
            "created_by": "elastic",
            "updated_at": now,
            "updated_by": "elastic",
            "tie_breaker_id": new_uuid(),
        }
        kibana.documents.add(EXCEPTION_LIST, space, id_, body, key=list_id)
    return 1
