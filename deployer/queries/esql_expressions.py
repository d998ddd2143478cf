"""
Expressions of ES|QL: conditions, arithmetic, calls, literals.

From the public reference of operators and literals (elastic.co/docs/reference/query-languages/esql). Types, columns
and the arguments of functions are not checked: the mapping decides them.
"""

from __future__ import annotations

from deployer.errors import Severity
from deployer.queries.esql_cursor import SYNTAX, Cursor
from deployer.queries.esql_names import FUNCTIONS, MAY_BE_CALLED_WITHOUT_ARGUMENTS, RESERVED, TIME_UNITS
from deployer.queries.esql_scanner import Token, value_of
from deployer.queries.findings import Checked, Notes, Rejected
from deployer.queries.kql import check_kql
from deployer.queries.lucene import check_lucene
from deployer.queries.spelling import did_you_mean

_COMPARISONS = frozenset({"==", "!=", "<", "<=", ">", ">="})
_ARITHMETIC = frozenset("+-*/%")
LITERAL_WORDS = frozenset({"TRUE", "FALSE", "NULL"})
"""Words that are values, and no columns without backticks."""


class Expressions(Cursor):
    """Reads expressions. `made` are the columns that the query makes itself."""

    __slots__ = ("made",)

    def __init__(self, text: str, tokens: list[Token], notes: Notes) -> None:
        super().__init__(text, tokens, notes)
        self.made: set[str] = set()

    # conditions

    def expression(self) -> None:
        """Read a condition or value. Raises Rejected."""
        while True:
            while self.take_word("NOT"):
                pass
            self._predicate()
            if not self.take_word("AND", "OR"):
                return

    def _predicate(self) -> None:
        """Read a value, and what it is compared with."""
        self._value()
        token = self.token
        if token.kind in _COMPARISONS:
            self.at += 1
            self._value()
            if self.token.kind in _COMPARISONS:
                raise self.unexpected("comparisons cannot be chained: write `AND` between two of them")
        elif self.take(":"):
            self.constant("`:` needs a string, number or boolean")
        elif token.word == "IS":
            self.at += 1
            self.take_word("NOT")
            if not self.take_word("NULL"):
                raise self.unexpected("`IS NULL` and `IS NOT NULL` are all there is")
        elif token.word in ("IN", "LIKE", "RLIKE") or (token.word == "NOT" and self._negates()):
            self.at += 1 if token.word != "NOT" else 2
            self._listed(self._tokens[self.at - 1])

    def _negates(self) -> bool:
        return self.following.word in ("IN", "LIKE", "RLIKE")

    def _listed(self, operator: Token) -> None:
        """Read what follows IN, LIKE or RLIKE: a list, or one pattern, or a parameter."""
        opened = self.token
        if opened.kind == "(":
            self.enter()
            self.at += 1
            if operator.word == "IN":
                self.items()
            else:
                self._patterns(operator)
            self.leave(")", opened)
        elif operator.word == "IN":
            self.expect("parameter", "`IN` needs a list in brackets")
        else:
            self._one_pattern(operator)

    def _patterns(self, operator: Token) -> None:
        self._one_pattern(operator)
        while self.take(","):
            self._one_pattern(operator)

    def _one_pattern(self, operator: Token) -> None:
        if not self.take("string") and not self.take("parameter"):
            raise self.unexpected(f"`{operator.word}` needs a pattern in double quotes")

    # values

    def _value(self) -> None:
        """Read operands joined by arithmetic."""
        while True:
            while self.token.kind in ("-", "+"):
                self.at += 1
            self.operand()
            if self.token.kind not in _ARITHMETIC:
                return
            self.at += 1

    def operand(self) -> None:
        """Read one operand and the casts after it."""
        token = self.token
        if token.kind == "name":
            self._name(token)
        elif token.kind == "number":
            self.at += 1
            if self.token.word.lower() in TIME_UNITS and not self._is_call():
                self.at += 1
        elif token.kind in ("string", "parameter"):
            self.at += 1
        elif token.kind == "(":
            self.enter()
            self.at += 1
            self.expression()
            self.leave(")", token)
        elif token.kind == "[":
            self.enter()
            self.at += 1
            self.items()
            self.leave("]", token)
        else:
            raise self.unexpected("a value is due")
        while self.take("::"):
            self.expect("name", "`::` needs a type")

    def _is_call(self) -> bool:
        return self.following.kind == "("

    def _name(self, token: Token) -> None:
        """Read a column, a call, or `true`, `false`, `null`."""
        if token.word in LITERAL_WORDS:
            self.at += 1
        elif self._is_call() and (token.word not in RESERVED or token.word in FUNCTIONS):
            self._call(token)
        elif token.word in RESERVED:
            raise self.unexpected("a value is due")
        else:
            self._must_not_be_reserved(token)
            self.use(self.column("a column is due"))

    def _must_not_be_reserved(self, token: Token) -> None:
        """Raise Rejected for a path with a reserved word among its parts."""
        start = token.start
        for part in self.text_of(token).split("."):
            if part.upper() in RESERVED:
                message = f"`{part}` is a word of the language: in the name of a column it is written in backticks"
                raise Rejected(start, start + len(part), message, SYNTAX)
            start += len(part) + 1

    def column(self, purpose: str) -> str:
        """Read a column's name and return it. Spaces around its dots are allowed."""
        name = value_of(self.text_of(self.expect("name", purpose)))
        while self.token.kind == "." and self.following.kind == "name":
            self.at += 1
            name = f"{name}.{value_of(self.text_of(self.token))}"
            self.at += 1
        return name

    def use(self, column: str) -> None:
        """Count a column as a field of the index, unless the query made it."""
        if column not in self.made:
            self._notes.fields.add(column)

    def constant(self, purpose: str) -> None:
        """Read a literal, perhaps with a sign before it. Raises Rejected with `purpose`."""
        while self.token.kind in ("-", "+"):
            self.at += 1
        if self.token.kind not in ("string", "number", "parameter") and self.token.word not in LITERAL_WORDS:
            raise self.unexpected(purpose)
        self.at += 1

    def items(self) -> None:
        """Read expressions separated by commas, at least one."""
        self.expression()
        while self.take(","):
            self.expression()

    # calls

    def _call(self, name: Token) -> None:
        """Read `NAME(…)`: nothing, `*`, or expressions, the last of which may be named options."""
        if not name.word:
            message = f"`{self.text_of(name)}` is no function: the name of a function has no dots and no backticks"
            raise Rejected(name.start, name.end, message, SYNTAX)
        self.at += 1
        opened = self.token
        self.enter()
        self.at += 1
        first = self.token
        if not self.take("*") and first.kind != ")":
            self._argument()
            while self.take(","):
                self._argument()
        self.leave(")", opened)
        if name.word not in FUNCTIONS:
            message = f"`{self.text_of(name)}` is no function documented up to 9.6{did_you_mean(name.word, FUNCTIONS)}"
            self._notes.warning(name.start, name.end, message, "esql-unknown-function")
        elif first.kind == ")" and name.word not in MAY_BE_CALLED_WITHOUT_ARGUMENTS:
            message = f"`{name.word}` is documented with arguments, and here are none"
            self._notes.warning(name.start, name.end, message, "esql-arity")
        elif name.word in ("KQL", "QSTR") and first.kind == "string":
            self._nested_query(name.word, first)

    def _argument(self) -> None:
        if self.token.kind == "{":
            self.options()
        else:
            self.expression()

    def options(self) -> None:
        """Read named options: `{"name": value, …}`."""
        opened = self.token
        self.expect("{", "options are written `{…}`")
        self.enter()
        if not self.take("}"):
            self._option()
            while self.take(","):
                self._option()
            self.leave("}", opened)
        else:
            self._depth -= 1

    def _option(self) -> None:
        self.expect("string", "the name of an option is a string")
        self.expect(":", "`:` stands between the name and the value of an option")
        if self.token.kind == "{":
            self.options()
        elif self.token.kind == "[":
            self.operand()
        else:
            self.constant("an option is a string, number or boolean")

    def _nested_query(self, function: str, literal: Token) -> None:
        """Check the query inside KQL("…") and QSTR("…")."""
        written = self.text_of(literal)
        query = value_of(written)
        checked: Checked = check_kql(query) if function == "KQL" else check_lucene(query, full=False)
        self._notes.fields |= checked.fields
        quotes = 3 if written.startswith('"""') else 1
        exact = query == written[quotes:-quotes]
        for finding in checked.findings:
            start = literal.start + quotes + finding.offset if exact else literal.start
            end = start + finding.length if exact else literal.end
            note = self._notes.error if finding.severity is Severity.ERROR else self._notes.warning
            note(start, end, f"in {function}: {finding.message}", finding.code)
