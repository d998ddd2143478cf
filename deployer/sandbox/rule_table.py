"""
The rules of all spaces.

The JSON text of a rule is written once and served as it is; the narrow table beside it has what filters and sorting
need. An execution summary is kept apart from the rule, because runs do not change it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from deployer.sandbox.database import Database
from deployer.sandbox.messages import Body, from_json, to_json

_SEVERITY = {"low": 0, "medium": 1, "high": 2, "critical": 3}
_MINUTES = {"s": 1 / 60, "m": 1.0, "h": 60.0, "d": 1440.0}
_LASTING = "space, id, created_at, created_by"
"""Columns that an update leaves alone, and with them their indexes."""
_COLUMNS = (
    "rule_id, name, type, enabled, immutable, tags, updated_at, updated_by, interval, runs, risk_score, severity,"
    " default_list"
)
_INSERT = f"INSERT INTO rules({_LASTING}, {_COLUMNS}) VALUES ({', '.join('?' * 17)})"  # noqa: S608 - constant text
_UPDATE = f"UPDATE rules SET ({_COLUMNS}) = ({', '.join('?' * 13)}) WHERE pk = ?"  # noqa: S608 - constant text
_JOINED = "rules JOIN bodies USING (pk)"


@dataclass(frozen=True, slots=True)
class StoredRule:
    """One rule as it is stored: its row number, its JSON text, and the JSON text of its execution summary or None."""

    pk: int
    text: str
    summary: str | None

    def rule(self) -> Body:
        """A fresh dictionary of the rule, without execution summary."""
        value: Body = from_json(self.text)
        return value


def runs_per_minute(interval: str) -> float:
    """How often a rule with this interval runs; 0 for an interval that is none."""
    amount, unit = interval[:-1], interval[-1:]
    if not amount.isdecimal() or unit not in _MINUTES or not int(amount):
        return 0.0
    return 1 / (int(amount) * _MINUTES[unit])


class RuleTable:
    """Reads and writes rules. Every method is atomic; put several into `database.transaction()` to join them."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def insert(self, space: str, rule: Body) -> str:
        """Store a new rule; returns its JSON text."""
        text = to_json(rule)
        with self._database.transaction() as connection:
            lasting = (space, rule["id"], rule["created_at"], rule["created_by"])
            added = connection.execute(_INSERT, (*lasting, *_row(rule)))
            connection.execute("INSERT INTO bodies VALUES (?, ?)", (added.lastrowid, text))
        return text

    def update(self, pk: int, rule: Body) -> str:
        """Store a rule again; returns its JSON text."""
        text = to_json(rule)
        with self._database.transaction() as connection:
            connection.execute(_UPDATE, (*_row(rule), pk))
            connection.execute("UPDATE bodies SET body = ? WHERE pk = ?", (text, pk))
        return text

    def delete(self, pk: int) -> None:
        """Remove one rule."""
        with self._database.transaction() as connection:
            connection.execute("DELETE FROM rules WHERE pk = ?", (pk,))
            connection.execute("DELETE FROM bodies WHERE pk = ?", (pk,))

    def delete_space(self, space: str) -> None:
        """Remove every rule of a space."""
        with self._database.transaction() as connection:
            connection.execute("DELETE FROM bodies WHERE pk IN (SELECT pk FROM rules WHERE space = ?)", (space,))
            connection.execute("DELETE FROM rules WHERE space = ?", (space,))

    def by_id(self, space: str, id_: str) -> StoredRule | None:
        """The rule with this saved-object id."""
        return self._one("id = ? AND space = ?", (id_, space))

    def by_rule_id(self, space: str, rule_id: str) -> StoredRule | None:
        """The oldest rule with this rule_id (there can be several, facts.md section 0.9)."""
        return self._one("space = ? AND rule_id = ?", (space, rule_id))

    def exists(self, space: str, rule_id: str) -> bool:
        """Whether some rule of the space has this rule_id."""
        query = "SELECT 1 FROM rules WHERE space = ? AND rule_id = ? LIMIT 1"
        return self._database.connection().execute(query, (space, rule_id)).fetchone() is not None

    def _one(self, where: str, values: tuple[Any, ...]) -> StoredRule | None:
        query = f"SELECT pk, body, summary FROM {_JOINED} WHERE {where} ORDER BY pk LIMIT 1"  # noqa: S608 - constant text
        row = self._database.connection().execute(query, values).fetchone()
        return None if row is None else StoredRule(*row)

    def count(self, space: str, where: str = "1", values: Sequence[Any] = ()) -> int:
        """How many rules of the space meet a condition (from `kql.compile_filter`)."""
        query = f"SELECT count(*) FROM {_source(where)} WHERE space = ? AND ({where})"  # noqa: S608 - values are bound
        return int(self._database.connection().execute(query, (space, *values)).fetchone()[0])

    def select(
        self,
        space: str,
        where: str = "1",
        values: Sequence[Any] = (),
        *,
        order: str = "pk",
        limit: int = -1,
        offset: int = 0,
    ) -> list[StoredRule]:
        """The rules of the space that meet a condition. `order` is SQL made of this module's columns."""
        # The rows are chosen in the narrow table first; only those chosen have their text read.
        inner = f"SELECT pk FROM {_source(where)} WHERE space = ? AND ({where}) ORDER BY {order} LIMIT ? OFFSET ?"  # noqa: S608 - values are bound
        query = f"SELECT pk, body, summary FROM {_JOINED} WHERE pk IN ({inner}) ORDER BY {order}"  # noqa: S608 - as above
        rows = self._database.connection().execute(query, (space, *values, limit, offset)).fetchall()
        return [StoredRule(*row) for row in rows]

    def column(self, space: str, column: str) -> list[Any]:
        """One column of all rules of a space, oldest first."""
        query = f"SELECT {column} FROM rules WHERE space = ? ORDER BY pk"  # noqa: S608 - callers name a column
        return [row[0] for row in self._database.connection().execute(query, (space,))]

    def with_default_list(self, space: str, list_id: str, *, but: str) -> list[str]:
        """Ids of the rules of the space, other than `but`, whose `rule_default` list this is (facts.md section 7.2)."""
        rows = self._database.connection().execute(
            "SELECT id FROM rules WHERE default_list = ? AND space = ? AND id <> ?", (list_id, space, but)
        )
        return [row[0] for row in rows]

    def scheduled_runs(self) -> float:
        """Runs per minute of all enabled rules of all spaces (facts.md section 9.4)."""
        return float(self._database.connection().execute("SELECT runs FROM schedule").fetchone()[0])

    def set_summary(self, pk: int, summary: Body | None) -> None:
        """Store the execution summary of a rule, or take it away."""
        with self._database.transaction() as connection:
            connection.execute(
                "UPDATE rules SET summary = ? WHERE pk = ?", (None if summary is None else to_json(summary), pk)
            )


def _source(where: str) -> str:
    """The tables that a condition needs: the texts only where it looks into them."""
    return _JOINED if "body" in where else "rules"


def _row(rule: Body) -> tuple[Any, ...]:
    """The values of `_COLUMNS`."""
    default_list = next(
        (entry["list_id"] for entry in rule["exceptions_list"] if entry["type"] == "rule_default"), None
    )
    interval = rule["interval"]
    return (
        rule["rule_id"],
        rule["name"],
        rule["type"],
        rule["enabled"],
        rule["immutable"],
        to_json(rule["tags"]),
        rule["updated_at"],
        rule["updated_by"],
        interval,
        runs_per_minute(interval),
        rule["risk_score"],
        _SEVERITY[rule["severity"]],
        default_list,
    )
