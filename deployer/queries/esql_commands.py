"""
Commands of ES|QL: what may stand before, between and after the pipes.

From the public command reference (elastic.co/docs/reference/query-languages/esql/esql-commands). A command that cannot
be read is noted and the next one read, so that a query with two typing errors has two findings.
"""

from __future__ import annotations

from deployer.queries.esql_arguments import Arguments
from deployer.queries.esql_cursor import SYNTAX
from deployer.queries.esql_names import COMMANDS, SECOND_WORDS, SOURCES
from deployer.queries.esql_scanner import Token, ends_command_word
from deployer.queries.findings import Rejected, shortened
from deployer.queries.spelling import did_you_mean

_OPENING = frozenset("([{")
_CLOSING = frozenset(")]}")


class Commands(Arguments):
    """Reads a whole query."""

    __slots__ = ()

    def read(self) -> None:
        """Read settings, the source command and every command after a pipe; what is wrong goes to the notes."""
        try:
            while self.token.word == "SET":
                self._setting()
        except Rejected as why:
            self._notes.rejected(why)
            return
        self._query()

    def _setting(self) -> None:
        """Read `SET name = value, …;`."""
        self.at += 1
        while True:
            self.expect("name", "`SET` needs the name of a setting")
            self.expect("=", "a setting is written `name = value`")
            if self.token.kind == "{":
                self.options()
            else:
                self.constant("a setting is a string, number or boolean")
            if not self.take(","):
                break
        self.expect(";", "a setting ends with `;`")

    def _query(self) -> None:
        """Read a source command and the commands after it, up to the end or to a bracket that closes."""
        self._guarded(source=True)
        while self.take("|"):
            self._guarded(source=False)

    def _guarded(self, *, source: bool) -> None:
        """Read one command. Note what is wrong with it and step over the rest of it."""
        depth = self._depth
        try:
            if source:
                self._source()
            else:
                self._command()
            self._must_end(nested=depth > 0)
        except Rejected as why:
            self._notes.rejected(why)
            self._depth = depth
            self._skip()

    def _must_end(self, *, nested: bool) -> None:
        token = self.token
        if token.kind == ")" and not nested:
            raise Rejected(token.start, token.end, "`)` closes nothing", "esql-unbalanced")
        if token.kind not in ("|", "end", ")"):
            raise self.unexpected("write `|` before the next command, or an operator between values")

    def _skip(self) -> None:
        """Step over tokens up to the pipe, end or closing bracket that ends this command."""
        depth = 0
        while self.token.kind != "end" and not (depth == 0 and self.token.kind == "|"):
            kind = self.token.kind
            if kind in _CLOSING:
                if depth == 0 and kind == ")" and self._depth:
                    return
                depth = max(0, depth - 1)
            depth += kind in _OPENING
            self.at += 1

    # source commands

    def _source(self) -> None:
        token = self.token
        if token.word not in SOURCES:
            raise self._no_source(token)
        self._must_be_apart(token)
        self.at += 1
        if token.word in ("FROM", "TS"):
            self._sources(token)
        elif token.word == "ROW":
            self.assignments()
        elif token.word == "SHOW":
            if not self.take_word("INFO"):
                raise self.unexpected("`SHOW INFO` is all there is")
        elif self.token.kind == "end":
            raise self.unexpected("`PROMQL` needs a query")
        else:
            self._skip()  # PromQL is another language

    def _no_source(self, token: Token) -> Rejected:
        if token.kind == "end" and self.at == 0:
            return Rejected(0, 0, "the query is empty; ES|QL begins with a command like `FROM`", SYNTAX)
        if token.kind != "name":
            return self.unexpected("a query begins with a command like `FROM`")
        shown = self.text_of(token)
        near = did_you_mean(shown, SOURCES)
        message = f"a query begins with FROM, TS, ROW or SHOW, not with `{shown}`{near}"
        return Rejected(token.start, token.end, message, "esql-unknown-command")

    def _sources(self, command: Token) -> None:
        """Read index patterns and subqueries, and METADATA."""
        while True:
            opened = self.token
            if opened.kind == "(":
                self.enter()
                self.at += 1
                self._query()
                self.leave(")", opened)
            elif opened.kind == "source":
                self.at += 1
            else:
                raise self.unexpected(f"`{command.word}` needs an index pattern")
            if not self.take(","):
                break
        bracket = self.token if self.take("[") else None
        if self.take_word("METADATA"):
            self._metadata()
        if bracket:
            self.expect("]", "`[METADATA …]` ends with `]`")
            message = "since 9.0 METADATA stands without brackets"
            self._notes.warning(bracket.start, bracket.end, message, "esql-metadata-brackets")
        elif self.token.kind == "source":
            raise self._no_comma()

    def _no_comma(self) -> Rejected:
        """Say that a name among sources has no comma, METADATA or pipe before it."""
        token = self.token
        shown = self.text_of(token)
        near = did_you_mean(shown, ("METADATA",))
        hint = near or "; write `,` between index patterns and `|` before a command"
        return Rejected(token.start, token.end, f"`{shown}` is not expected here{hint}", SYNTAX)

    def _metadata(self) -> None:
        self.made.add(self.column("`METADATA` needs a field like `_id`"))
        while self.take(","):
            self.made.add(self.column("`METADATA` needs a field like `_id`"))

    # commands after a pipe

    def _command(self) -> None:
        token = self.token
        if token.word not in COMMANDS:
            raise self._no_command(token)
        self._must_be_apart(token)
        self.at += 1
        second = SECOND_WORDS.get(token.word)
        if second and not self.take_word(second):
            raise self._no_second_word(token, second)
        read = _READERS.get(token.word)
        if read:
            read(self)
        else:
            self.anything(token)

    def _must_be_apart(self, command: Token) -> None:
        """Raise Rejected where a command has no white space after it."""
        if not ends_command_word(self._text, command.end):
            shown = shortened(self._text[command.start : command.end + 1])
            message = f"`{shown}` is read as one word that is no command; write a space after `{command.word}`"
            raise Rejected(command.start, command.end + 1, message, "esql-unknown-command")

    def _no_command(self, token: Token) -> Rejected:
        if token.kind != "name":
            return self.unexpected("a command is due")
        shown = self.text_of(token)
        near = did_you_mean(shown, [*(COMMANDS - SECOND_WORDS.keys()), *SOURCES])
        if token.word in SOURCES:
            near = "; it only begins a query"
        message = f"ES|QL has no command `{shown}` after a pipe{near}"
        return Rejected(token.start, token.end, message, "esql-unknown-command")

    def _no_second_word(self, first: Token, second: str) -> Rejected:
        token = self.token
        shown = self.text_of(token)
        hint = did_you_mean(shown, (second,)) if token.kind == "name" else ""
        place = token if hint else first
        message = f"`{first.word}` continues with `{second}`{hint}"
        return Rejected(place.start, place.end, message, "esql-unknown-command")

    def _fork(self) -> None:
        """Read branches: `(command | command) (…)`."""
        if self.token.kind != "(":
            raise self.unexpected("`FORK` needs branches in brackets")
        while self.token.kind == "(":
            opened = self.token
            self.enter()
            self.at += 1
            self._guarded(source=False)
            while self.take("|"):
                self._guarded(source=False)
            self.leave(")", opened)


_READERS = {
    "WHERE": Commands.where,
    "EVAL": Commands.assignments,
    "STATS": Commands.stats,
    "INLINE": Commands.stats,
    "INLINESTATS": Commands.stats,
    "SORT": Commands.sort,
    "LIMIT": Commands.limit,
    "KEEP": Commands.columns,
    "DROP": Commands.columns,
    "RENAME": Commands.rename,
    "DISSECT": Commands.patterns,
    "GROK": Commands.patterns,
    "MV_EXPAND": Commands.expand,
    "ENRICH": Commands.enrich,
    "LOOKUP": Commands.join,
    "COMPLETION": Commands.completion,
    "FORK": Commands._fork,
}
