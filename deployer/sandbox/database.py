"""
The SQLite file that holds all state, and how threads and processes share it.

Every thread has its own connection; writes of one process queue on a lock, writes of several processes on SQLite's
own. WAL with `synchronous=NORMAL`: a killed process loses nothing that was answered (only a power cut could), and a
commit costs no disk flush. Rules live in `rule_table`, everything else in `documents`.
"""

from __future__ import annotations

import contextlib
import os
import sqlite3
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

from deployer.sandbox.clock import new_uuid
from deployer.sandbox.errors import SandboxError
from deployer.sandbox.kql_match import attach

_FORMAT = "1"

# `rules` is narrow, so that a filter over a whole space reads little; the JSON text of each rule is in `bodies`.
# `schedule` sums the runs per minute of all enabled rules for the circuit breaker, kept by triggers.
_SCHEMA = """
CREATE TABLE IF NOT EXISTS meta(key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS rules(
  pk INTEGER PRIMARY KEY, space TEXT NOT NULL, id TEXT NOT NULL, rule_id TEXT NOT NULL, name TEXT NOT NULL,
  type TEXT NOT NULL, enabled INTEGER NOT NULL, immutable INTEGER NOT NULL, tags TEXT NOT NULL,
  created_at TEXT NOT NULL, created_by TEXT NOT NULL, updated_at TEXT NOT NULL, updated_by TEXT NOT NULL,
  interval TEXT NOT NULL, runs REAL NOT NULL, risk_score INTEGER NOT NULL, severity INTEGER NOT NULL,
  default_list TEXT, summary TEXT);
CREATE UNIQUE INDEX IF NOT EXISTS rules_id ON rules(id);
CREATE INDEX IF NOT EXISTS rules_rule_id ON rules(space, rule_id);
CREATE INDEX IF NOT EXISTS rules_created ON rules(space, created_at);
CREATE INDEX IF NOT EXISTS rules_default_list ON rules(default_list) WHERE default_list IS NOT NULL;
CREATE TABLE IF NOT EXISTS bodies(pk INTEGER PRIMARY KEY, body TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS schedule(one INTEGER PRIMARY KEY CHECK (one = 1), runs REAL NOT NULL);
INSERT OR IGNORE INTO schedule VALUES (1, 0);
CREATE TRIGGER IF NOT EXISTS rule_added AFTER INSERT ON rules WHEN new.enabled
  BEGIN UPDATE schedule SET runs = runs + new.runs; END;
CREATE TRIGGER IF NOT EXISTS rule_removed AFTER DELETE ON rules WHEN old.enabled
  BEGIN UPDATE schedule SET runs = runs - old.runs; END;
CREATE TRIGGER IF NOT EXISTS rule_changed AFTER UPDATE OF enabled, runs ON rules
  WHEN old.enabled <> new.enabled OR old.runs <> new.runs
  BEGIN UPDATE schedule SET runs = runs - old.enabled * old.runs + new.enabled * new.runs; END;
CREATE TABLE IF NOT EXISTS documents(
  pk INTEGER PRIMARY KEY, kind TEXT NOT NULL, space TEXT NOT NULL, id TEXT NOT NULL, key TEXT NOT NULL,
  parent TEXT NOT NULL, version INTEGER NOT NULL, body TEXT NOT NULL);
CREATE UNIQUE INDEX IF NOT EXISTS documents_id ON documents(kind, space, id);
CREATE INDEX IF NOT EXISTS documents_key ON documents(kind, space, key);
CREATE INDEX IF NOT EXISTS documents_parent ON documents(kind, space, parent);
INSERT OR IGNORE INTO meta VALUES ('sequence', '0');
"""


class Database:
    """
    One data file.

    `path` is a file, created when it is missing. Raises SandboxError where it is not a data file of this sandbox.
    """

    def __init__(self, path: str) -> None:
        self.path = path
        self._local = threading.local()
        self._writing = threading.Lock()
        self._pin_seconds = 0.0
        self._pinned: tuple[sqlite3.Connection, float] | None = None
        self._pin_lock = threading.Lock()
        self._prepare()

    def _prepare(self) -> None:
        folder = os.path.dirname(os.path.abspath(self.path))  # noqa: PTH100, PTH120 - pathlib would cost a fifth of the start
        os.makedirs(folder, exist_ok=True)  # noqa: PTH103 - as above
        with contextlib.suppress(OSError):  # a file that cannot be opened is told of below
            os.close(os.open(self.path, os.O_RDWR | os.O_CREAT, 0o600))  # it holds API keys
        try:
            with self.transaction() as connection:
                for statement in _statements(_SCHEMA):
                    connection.execute(statement)
                connection.execute("INSERT OR IGNORE INTO meta VALUES ('format', ?)", (_FORMAT,))
                connection.execute("INSERT OR IGNORE INTO meta VALUES ('uuid', ?)", (new_uuid(),))
        except sqlite3.Error as exc:
            raise SandboxError(
                f"{self.path} is not a data file of the sandbox ({exc}); choose another --data, or remove it."
            ) from exc
        if self.meta("format") != _FORMAT:
            raise SandboxError(
                f"{self.path} was written by another release of the sandbox; run `deployer sandbox reset`."
            )

    def connection(self) -> sqlite3.Connection:
        """The connection of this thread."""
        found: sqlite3.Connection | None = getattr(self._local, "connection", None)
        if found is None:
            found = self._local.connection = self._connect()
            self._local.depth = 0
        return found

    def _connect(self) -> sqlite3.Connection:
        # Threads never share one, but the thread that stops the server may close it.
        connection = sqlite3.connect(
            self.path, timeout=60.0, isolation_level=None, check_same_thread=False, cached_statements=256
        )
        connection.execute("PRAGMA journal_mode=WAL")
        connection.execute("PRAGMA synchronous=NORMAL")
        connection.execute("PRAGMA wal_autocheckpoint=4000")  # fewer, larger checkpoints: those do wait for the disk
        connection.execute("PRAGMA cache_size=-16000")
        connection.execute("PRAGMA mmap_size=268435456")
        attach(connection)
        return connection

    def release(self) -> None:
        """Close the connection of this thread; the thread ends."""
        found: sqlite3.Connection | None = getattr(self._local, "connection", None)
        if found is not None:
            self._local.connection = None
            found.close()

    @contextmanager
    def transaction(self) -> Iterator[sqlite3.Connection]:
        """All statements inside become visible together or not at all. Nested use joins the outer one."""
        connection = self.connection()
        if self._local.depth:
            yield connection
            return
        with self._writing:
            self._pin()
            connection.execute("BEGIN IMMEDIATE")
            self._local.depth = 1
            before = connection.total_changes
            try:
                yield connection
            except BaseException:  # also a KeyboardInterrupt: no transaction may stay open on this connection
                connection.execute("ROLLBACK")
                raise
            finally:
                self._local.depth = 0
            changed = connection.total_changes != before
            connection.execute("COMMIT")
            if changed:
                self._local.writes = self.writes() + 1

    def writes(self) -> int:
        """
        How many transactions of this thread have changed something; the request log tells reads from writes by it.
        """
        return int(getattr(self._local, "writes", 0))

    # Stale reads: a search of Elasticsearch sees the state of the last refresh, not of the last write.

    def keep_stale(self, seconds: float) -> None:
        """From now on remember, for `seconds` after each write, what was there before it (0 stops that)."""
        with self._pin_lock:
            self._pin_seconds = seconds
            if not seconds and self._pinned:
                self._pinned[0].close()
                self._pinned = None

    def _pin(self) -> None:
        if not self._pin_seconds:
            return
        with self._pin_lock:
            now = time.monotonic()
            if self._pinned and now - self._pinned[1] < self._pin_seconds:
                return
            if self._pinned:
                self._pinned[0].close()
            connection = self._connect()
            connection.execute("BEGIN")
            connection.execute("SELECT count(*) FROM meta").fetchone()  # the snapshot is taken by the first read
            self._pinned = (connection, now)

    @contextmanager
    def stale(self) -> Iterator[None]:
        """Inside, this thread reads the state before the last second's writes, where `keep_stale` remembered it."""
        with self._pin_lock:
            pinned = self._pinned
            if pinned is None or time.monotonic() - pinned[1] >= self._pin_seconds:
                pinned = None
            if pinned is None:
                yield
                return
            current = self.connection()
            self._local.connection = pinned[0]
            try:
                yield
            finally:
                self._local.connection = current

    # Small facts about the file.

    def meta(self, key: str) -> str | None:
        """One stored fact, None where it is not there."""
        row = self.connection().execute("SELECT value FROM meta WHERE key = ?", (key,)).fetchone()
        return None if row is None else str(row[0])

    def set_meta(self, key: str, value: str) -> None:
        """Store one fact."""
        with self.transaction() as connection:
            connection.execute("INSERT OR REPLACE INTO meta VALUES (?, ?)", (key, value))

    def next_sequence(self) -> int:
        """A number that grows with every call, over all processes; `_version` of lists is made of it."""
        with self.transaction() as connection:
            row = connection.execute(
                "UPDATE meta SET value = value + 1 WHERE key = 'sequence' RETURNING value"
            ).fetchone()
            return int(row[0])

    def clear(self) -> None:
        """
        Remove all rules and documents, and the version that the file is bound to; credentials and the file stay, so
        that running processes go on.
        """
        with self.transaction() as connection:
            connection.execute("DELETE FROM rules")
            connection.execute("DELETE FROM bodies")
            connection.execute("DELETE FROM documents WHERE kind <> 'user'")
            connection.execute("DELETE FROM meta WHERE key = 'stack' OR key LIKE 'no_alerts_index:%'")
            connection.execute("UPDATE schedule SET runs = 0")


def _statements(script: str) -> Iterator[str]:
    """Split at semicolons that end a statement; `executescript` would commit the running transaction."""
    statement = ""
    for line in script.splitlines(keepends=True):
        statement += line
        if sqlite3.complete_statement(statement):
            yield statement
            statement = ""
