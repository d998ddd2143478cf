"""Exception lists as values: files, what Kibana answers for them, and one comparison after another."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from deployer.core.exceptions.diff import ListDiff, LiveList, Manners, diff_list
from deployer.core.exceptions.form import canonical_item, item_body, list_body
from deployer.core.exceptions.reading import ListFile, read_exceptions

LIST = """[[list]]
list_id = "travel"
description = "Announced travel."
"""
ITEM = """
[[list.items]]
item_id = "{name}"
comments = [{comments}]
when = {{ "user.name" = "{value}" }}
"""


def list_file(**items: str) -> ListFile:
    """Return a list with these items, `name="value"`; a value may end in `|comment`."""
    text = LIST
    for name, value in items.items():
        said, _, comment = value.partition("|")
        text += ITEM.format(name=name, value=said, comments=f'"{comment}"' if comment else "")
    (found,), problems = read_exceptions("exceptions/travel.toml", text)
    assert not problems
    return found


@dataclass
class Space:
    """One list in Kibana, with what the record says of it."""

    live: LiveList = field(default_factory=LiveList)
    authored: Mapping[str, Any] | None = None
    ticks: int = 0

    def plan(self, wanted: ListFile, **manners: Any) -> ListDiff:
        """Return what the list needs."""
        return diff_list(wanted, self.live, self.authored, Manners(**manners))

    def apply(self, wanted: ListFile, **manners: Any) -> ListDiff:
        """Carry out what the list needs, as Kibana would, and remember what was asked for."""
        diff = self.plan(wanted, **manners)
        assert not diff.blocked, diff.blocked
        items = dict(self.live.items)
        container = self.live.container
        for change in diff.changes:
            if not change.list_id:
                container = self._stored(list_body(change.after or {}, container), "ci")
            elif change.after is None:
                del items[change.name]
            else:
                items[change.name] = self._stored(item_body(change.after, items.get(change.name)), "ci")
        self.live = LiveList(container, items)
        self.authored = diff.document
        return diff

    def edit(self, name: str, /, by: str = "soc-day", **fields: Any) -> None:
        """Change or add an item as an analyst does; comments given as texts are added."""
        old = dict(self.live.items.get(name) or {"item_id": name, "list_id": "travel", "name": name, "comments": []})
        comments = [*old["comments"], *({"comment": text} for text in fields.pop("comments", ()))]
        new = self._stored({**old, **fields, "comments": comments}, by)
        self.live = LiveList(self.live.container, {**self.live.items, name: new})

    def drop(self, name: str) -> None:
        """Delete an item as an analyst does."""
        items = {key: body for key, body in self.live.items.items() if key != name}
        self.live = LiveList(self.live.container, items)

    def values(self) -> dict[str, Any]:
        """Return the value of the one entry of each live item."""
        return {name: canonical_item(body)["entries"][0]["value"] for name, body in self.live.items.items()}

    def _stored(self, body: Mapping[str, Any], by: str) -> dict[str, Any]:
        self.ticks += 1
        comments = [
            {"id": f"c{self.ticks}.{number}", "created_by": by, **entry}
            for number, entry in enumerate(body.get("comments", ()))
        ]
        rest = {"_version": f"v{self.ticks}", "updated_by": by, "updated_at": f"t{self.ticks:04}", "os_types": []}
        return {"tags": [], **body, **rest, "comments": comments}


def entry(value: str) -> list[dict[str, Any]]:
    """Return entries with one match of this user name."""
    return [{"field": "user.name", "type": "match", "operator": "included", "value": value}]
