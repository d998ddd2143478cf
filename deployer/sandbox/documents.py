"""
Everything that is not a rule: spaces, users, connectors, exception lists and items, value lists, timelines, assets.

A document has a `kind`, a `space` ("*" for what belongs to all spaces), an `id` unique within both, a natural `key`
(`list_id`, `item_id`, ...), a `parent` (the list of an item) and a JSON body. Each write gives it a new `version`, from
which lists make their `_version` (see `version_text`).
"""

from __future__ import annotations

import base64
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any

from deployer.sandbox.database import Database
from deployer.sandbox.kql_match import Condition
from deployer.sandbox.messages import Body, from_json, to_json

EVERYWHERE = "*"
_FARTHEST = 2**62  # SQLite counts no farther than 2**63
_COLUMNS = "id, space, key, parent, version, body"


@dataclass(frozen=True, slots=True)
class Document:
    """One stored document; `body` is its own copy."""

    kind: str
    space: str
    id: str
    key: str
    parent: str
    version: int
    body: Body

    @property
    def version_text(self) -> str:
        """`_version` as Kibana prints it: base64 of `[sequence number, primary term]`."""
        return base64.b64encode(f"[{self.version},1]".encode()).decode("ascii")


@dataclass(frozen=True, slots=True)
class Found:
    """A page of a search, and the number of all that were found."""

    documents: list[Document]
    total: int


class Documents:
    """Reads and writes documents. Every method is atomic; put several into `database.transaction()` to join them."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def joined(self) -> AbstractContextManager[object]:
        """A transaction over several calls."""
        return self._database.transaction()

    def add(self, kind: str, space: str, id_: str, body: Body, *, key: str = "", parent: str = "") -> Document:
        """Store a new document; the caller has checked that `id_` and `key` are free, within one transaction."""
        with self._database.transaction() as connection:
            version = self._database.next_sequence()
            connection.execute(
                "INSERT INTO documents(kind, space, id, key, parent, version, body) VALUES (?, ?, ?, ?, ?, ?, ?)",
                (kind, space, id_, key, parent, version, to_json(body)),
            )
        return Document(kind, space, id_, key, parent, version, body)

    def replace(self, document: Document, body: Body, *, key: str | None = None) -> Document:
        """Give a document a new body and a new version, and a new natural key where one is given."""
        key = document.key if key is None else key
        with self._database.transaction() as connection:
            version = self._database.next_sequence()
            connection.execute(
                "UPDATE documents SET body = ?, version = ?, key = ? WHERE kind = ? AND space = ? AND id = ?",
                (to_json(body), version, key, document.kind, document.space, document.id),
            )
        return Document(document.kind, document.space, document.id, key, document.parent, version, body)

    def remove(self, document: Document) -> None:
        """Remove one document."""
        with self._database.transaction() as connection:
            connection.execute(
                "DELETE FROM documents WHERE kind = ? AND space = ? AND id = ?",
                (document.kind, document.space, document.id),
            )

    def remove_children(self, kind: str, space: str, parent: str) -> int:
        """Remove all documents of a kind that belong to `parent`; returns how many there were."""
        with self._database.transaction() as connection:
            gone = connection.execute(
                "DELETE FROM documents WHERE kind = ? AND space = ? AND parent = ?", (kind, space, parent)
            )
            return gone.rowcount

    def remove_all(self, kind: str, space: str) -> None:
        """Remove all documents of a kind in a space."""
        with self._database.transaction() as connection:
            connection.execute("DELETE FROM documents WHERE kind = ? AND space = ?", (kind, space))

    def remove_space(self, space: str) -> None:
        """Remove everything that lives in one space."""
        with self._database.transaction() as connection:
            connection.execute("DELETE FROM documents WHERE space = ?", (space,))

    def get(self, kind: str, space: str, id_: str) -> Document | None:
        """The document with this id, None where there is none."""
        found = self._select(kind, "space = ? AND id = ?", (space, id_))
        return found[0] if found else None

    def by_key(self, kind: str, space: str, key: str, *, parent: str | None = None) -> Document | None:
        """The first document with this natural key, within one parent where that is given."""
        if parent is None:
            found = self._select(kind, "space = ? AND key = ?", (space, key))
        else:
            # The plus keeps SQLite from walking through all children instead of the few of that key.
            found = self._select(kind, "space = ? AND key = ? AND +parent = ?", (space, key, parent))
        return found[0] if found else None

    def all(self, kind: str, space: str, *, parent: str | None = None) -> list[Document]:
        """All documents of a kind in a space, oldest first, of one parent where that is given."""
        if parent is None:
            return self._select(kind, "space = ?", (space,))
        return self._select(kind, "space = ? AND parent = ?", (space, parent))

    def count(self, kind: str, space: str, *, parent: str | None = None) -> int:
        """How many documents `all` would return."""
        where, values = ("", ()) if parent is None else (" AND parent = ?", (parent,))
        query = f"SELECT count(*) FROM documents WHERE kind = ? AND space = ?{where}"  # noqa: S608 - constant text
        return int(self._database.connection().execute(query, (kind, space, *values)).fetchone()[0])

    def search(self, kind: str, condition: Condition, *, order: str = "pk", offset: int = 0, size: int = -1) -> Found:
        """
        The documents that meet a condition over the columns `space`, `parent`, `key`, `id` and `body`, `size` of them
        from `offset` on, and how many meet it. `order` is SQL made of the caller's constants; `size` -1 means all.
        """
        where = f"kind = ? AND ({condition.sql})"
        values = (kind, *condition.values)
        query = f"SELECT count(*) FROM documents WHERE {where}"  # noqa: S608 - values are bound
        total = int(self._database.connection().execute(query, values).fetchone()[0])
        query = f"SELECT {_COLUMNS} FROM documents WHERE {where} ORDER BY {order} LIMIT ? OFFSET ?"  # noqa: S608 - as above
        rows = self._database.connection().execute(query, (*values, size, min(offset, _FARTHEST))).fetchall()
        return Found([_document(kind, row) for row in rows], total)

    def _select(self, kind: str, where: str, values: tuple[Any, ...]) -> list[Document]:
        query = f"SELECT {_COLUMNS} FROM documents WHERE kind = ? AND {where} ORDER BY pk"  # noqa: S608 - constant text
        rows = self._database.connection().execute(query, (kind, *values)).fetchall()
        return [_document(kind, row) for row in rows]


def _document(kind: str, row: tuple[Any, ...]) -> Document:
    id_, space, key, parent, version, body = row
    return Document(kind, space, id_, key, parent, version, from_json(body))
