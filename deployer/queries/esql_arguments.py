"""
Arguments of ES|QL commands.

From the public command reference (elastic.co/docs/reference/query-languages/esql/esql-commands). Of the younger
commands that rules hardly use, the arguments are only looked at for brackets and strings.
"""

from __future__ import annotations

import re

from deployer.queries.esql_cursor import SYNTAX
from deployer.queries.esql_expressions import Expressions
from deployer.queries.esql_names import RESERVED
from deployer.queries.esql_scanner import Token, value_of
from deployer.queries.findings import Rejected

_MAY_BE_BARE = frozenset({"FUSE", "METRICS_INFO", "TS_INFO"})
_CAPTURE = re.compile(r"%\{[+&*]?(?:[A-Z0-9_]+:)?([A-Za-z_@][\w.@]*)[^}]*\}|\(\?<([A-Za-z_][\w.]*)>")
_PARTNERS = {"(": ")", "[": "]", "{": "}"}
_CLOSING = frozenset(_PARTNERS.values())


class Arguments(Expressions):
    """Reads what follows the word of a command. Every reader raises Rejected at the first token that does not fit."""

    __slots__ = ()

    def where(self) -> None:
        """Read one condition."""
        self.expression()

    def assignments(self) -> None:
        """Read `name = expression, …`; the name may be left out."""
        self._assignment()
        while self.take(","):
            self._assignment()

    def _assignment(self) -> None:
        name = self._target()
        self.expression()
        self.made.add(name)

    def _target(self) -> str:
        """Read `name =` where it is there. Return the name, else ""."""
        start = self.at
        if self.token.kind != "name" or self.token.word in RESERVED:
            return ""
        name = self.column("a column is due")
        if self.take("="):
            self._must_not_be_reserved(self._tokens[start])
            return name
        self.at = start
        return ""

    def stats(self) -> None:
        """Read aggregations, each with a condition of its own, and the groups after BY."""
        if self.token.kind not in ("|", "end", ")") and self.token.word != "BY":
            while True:
                self._assignment()
                if self.take_word("WHERE"):
                    self.expression()
                if not self.take(","):
                    break
        if self.take_word("BY"):
            self.assignments()

    def sort(self) -> None:
        """Read `expression ASC NULLS FIRST, …`."""
        while True:
            self.expression()
            self.take_word("ASC", "DESC")
            if self.take_word("NULLS") and not self.take_word("FIRST", "LAST"):
                raise self.unexpected("`NULLS FIRST` or `NULLS LAST` is due")
            if not self.take(","):
                return

    def limit(self) -> None:
        """Read `number BY …`."""
        if not self.take("number") and not self.take("parameter"):
            raise self.unexpected("`LIMIT` needs a number")
        if self.take_word("BY"):
            self.assignments()

    def columns(self) -> None:
        """Read names or patterns of columns: `a, b.*, *c`."""
        while True:
            first = self.token
            pattern = self._pattern()
            if not pattern or first.kind in (".", "number"):
                raise self.unexpected("a column or a pattern like `host.*` is due")
            if self._tokens[self.at - 1].kind == ".":
                raise Rejected(first.start, self._tokens[self.at - 1].end, f"`{pattern}` ends in a dot", SYNTAX)
            if not pattern.startswith("?") and pattern != "*":
                self.use(pattern)
            if not self.take(","):
                return

    def _pattern(self) -> str:
        """Read tokens that touch, or have a dot between them, and return what they stand for."""
        pattern = ""
        while self.token.kind in ("name", "*", ".", "parameter", "number"):
            before = self._tokens[self.at - 1]
            touches = self.token.start == before.end or "." in (self.token.kind, before.kind)
            if pattern and not touches:
                break
            pattern += value_of(self.text_of(self.token))
            self.at += 1
        return pattern

    def rename(self) -> None:
        """Read `old AS new, …`, or `new = old`."""
        while True:
            first = self.column("`RENAME` needs a column")
            if self.take("="):
                self.use(self.column("a column is due after `=`"))
                self.made.add(first)
            elif self.take_word("AS"):
                self.use(first)
                self.made.add(self.column("`AS` needs a name"))
            else:
                raise self.unexpected("`RENAME` is written `old AS new`")
            if not self.take(","):
                return

    def patterns(self) -> None:
        """Read DISSECT or GROK: a column, patterns, and the separator of DISSECT."""
        self.operand()
        while True:
            pattern = self.expect("string", "a pattern in double quotes is due")
            captures = _CAPTURE.findall(value_of(self.text_of(pattern)))
            self.made.update(name for pair in captures for name in pair if name)
            if not self.take(","):
                break
        if self.take_word("APPEND_SEPARATOR"):
            self.expect("=", "`APPEND_SEPARATOR` is set with `=`")
            self.expect("string", "`APPEND_SEPARATOR` is a string")

    def expand(self) -> None:
        """Read the one column of `MV_EXPAND`."""
        self.use(self.column("`MV_EXPAND` needs one column"))

    def enrich(self) -> None:
        """Read `policy ON column WITH name = column, …`."""
        self._until("ON", "WITH", purpose="`ENRICH` needs a policy")
        if self.take_word("ON"):
            self.columns()
        if self.take_word("WITH"):
            while True:
                first = self.column("`WITH` needs a column of the policy")
                if self.take("="):
                    self.column("a column of the policy is due after `=`")
                self.made.add(first)
                if not self.take(","):
                    return

    def join(self) -> None:
        """Read `index ON column, …`, or a condition after ON."""
        command = self._tokens[self.at - 1]
        self._until("ON", purpose="`LOOKUP JOIN` needs an index")
        if not self.take_word("ON"):
            raise Rejected(command.start, command.end, "`LOOKUP JOIN` needs `ON` and a column", SYNTAX)
        self.items()

    def completion(self) -> None:
        """Read `column = prompt WITH options`; without a name the column is called `completion`."""
        self.made.add(self._target() or "completion")
        self.expression()
        if self.take_word("WITH"):
            if self.token.kind == "{":
                self.options()
            else:  # 8.19 and 9.0: the name of an inference endpoint
                self.column("`WITH` needs options in `{…}`")

    def _until(self, *words: str, purpose: str) -> None:
        """Step over a name that follows other rules than columns, up to one of these words."""
        start = self.at
        while self.token.word not in words and self.token.kind not in ("|", "end", ")", "bad", "(", ","):
            self.at += 1
        if self.at == start:
            raise self.unexpected(purpose)

    def anything(self, command: Token) -> None:
        """Step over arguments that are not checked; brackets must match, and mostly some must be there."""
        start = self.at
        opened: list[Token] = []
        while self.token.kind != "end" and (opened or self.token.kind not in ("|", ")")):
            token = self.token
            if token.kind == "bad":
                raise self.unexpected("")
            if token.kind in _PARTNERS:
                opened.append(token)
            elif token.kind in _CLOSING and (not opened or _PARTNERS[opened.pop().kind] != token.kind):
                raise Rejected(token.start, token.end, f"`{token.kind}` closes nothing", "esql-unbalanced")
            self.at += 1
        if opened:
            token = opened[-1]
            raise Rejected(token.start, token.end, f"this `{token.kind}` is never closed", "esql-unbalanced")
        if self.at == start and command.word not in _MAY_BE_BARE:
            raise self.unexpected(f"`{command.word}` needs arguments")
