"""
Conditions of EQL: everything that may stand after `where`.

Precedence decides what a condition means but not whether it is one, except in three places that are kept apart here:
`and`, `or` and `not` join conditions; a comparison joins two values and cannot be chained; arithmetic joins numbers.
Types are followed as far as the text tells them (eql_functions), and whether a field is involved, because
Elasticsearch cannot compare a field with a field.
"""

from __future__ import annotations

from deployer.queries.eql_calls import Argument, Operand, check_call
from deployer.queries.eql_functions import ANY, BOOLEAN, NULL, NUMBER, STRING
from deployer.queries.eql_scanner import RESERVED, STRING_TEXT, Tokens, field_name
from deployer.queries.findings import MAX_DEPTH, Notes, Rejected, shortened, too_deep

SYNTAX = "eql-syntax"

_COMPARISONS = frozenset({"==", "!=", "<", "<=", ">", ">="})
_PATTERNS = frozenset({":", "like", "like~", "regex", "regex~"})
_LOOKUPS = frozenset({"in", "in~"})
_SECOND_COMPARISON = _COMPARISONS | _PATTERNS | _LOOKUPS
_ARITHMETIC = frozenset("+-*/%")
_HINTS = {
    "=": "write `==`",
    "<>": "write `!=`",
    "&&": "write `and`",
    "||": "write `or`",
    "!": "write `not`",
    "?": "`?` stands directly in front of a field",
    ";": "a query has no end sign",
}


_FIELD = Operand(ANY, has_field=True)
_TRUTH = Operand(BOOLEAN, has_field=True)
_LITERALS = {
    "string": Operand(STRING, has_field=False),
    "number": Operand(NUMBER, has_field=False),
    "true": Operand(BOOLEAN, has_field=False),
    "false": Operand(BOOLEAN, has_field=False),
    "null": Operand(NULL, has_field=False),
}


class Expressions:
    """Reads conditions from the tokens of one query. `at` is the next token."""

    __slots__ = ("_depth", "_notes", "_text", "at", "ends", "kinds", "starts")

    def __init__(self, text: str, tokens: Tokens, notes: Notes) -> None:
        self._text = text
        self._notes = notes
        self._depth = 0
        self.kinds, self.starts, self.ends = tokens
        self.at = 0

    # tokens, also for the reader of statements

    def text_at(self, at: int) -> str:
        """Return the text of a token."""
        return self._text[self.starts[at] : self.ends[at]]

    def expect(self, kind: str, purpose: str) -> None:
        """Step over a token of this kind. Raises Rejected with `purpose` where it is another."""
        if self.kinds[self.at] != kind:
            raise self.unexpected(purpose)
        self.at += 1

    def unexpected(self, purpose: str) -> Rejected:
        """Return the rejection of the next token. `purpose` says what is due instead."""
        kind, at = self.kinds[self.at], self.at
        if kind == "end" and at:
            return Rejected(self.starts[at - 1], self.ends[at - 1], f"the query ends here; {purpose}", SYNTAX)
        shown = shortened(self.text_at(at))
        hint = _HINTS.get(kind, "")
        if kind == "field" and shown.lower() in RESERVED:
            hint = f"operators are lower case: `{shown.lower()}`"
        return Rejected(self.starts[at], self.ends[at], f"`{shown}` is not expected here; {hint or purpose}", SYNTAX)

    # conditions

    def condition(self) -> Operand:
        """Read operands joined by `and` and `or`. Raises Rejected."""
        start = self.at
        first = self._negated()
        if self.kinds[self.at] not in ("and", "or"):
            return first
        self.must_be_boolean(first, start)
        while self.kinds[self.at] in ("and", "or"):
            self.at += 1
            start = self.at
            self.must_be_boolean(self._negated(), start)
        return _TRUTH

    def must_be_boolean(self, operand: Operand, start: int) -> None:
        """Note a value that is no condition. `start` is its first token; it ends before the next one."""
        if operand.type in (STRING, NUMBER):
            self._complain(start, f"a {operand.type} is no condition; compare it with something", "eql-type")

    def _negated(self) -> Operand:
        """Read a comparison with any number of `not` before it."""
        first = self.at
        while self.kinds[self.at] == "not":
            self.at += 1
        start = self.at
        operand = self._comparison()
        if start == first:
            return operand
        self.must_be_boolean(operand, start)
        return _TRUTH

    def _comparison(self) -> Operand:
        """Read a value, and what it is compared with."""
        start = self.at
        left = self.value()
        kind = self.kinds[self.at]
        if kind in _COMPARISONS:
            self.at += 1
            right_start = self.at
            right = self.value()
            if left.has_field and right.has_field:
                self._complain(right_start, "Elasticsearch cannot compare a field with a field", "eql-field-comparison")
        elif kind in _PATTERNS:
            self._patterns(left, start)
        elif kind in _LOOKUPS or (kind == "not" and self.kinds[self.at + 1] in _LOOKUPS):
            self.at += 1 if kind in _LOOKUPS else 2
            self._lookup()
        else:
            return left
        if self.kinds[self.at] in _SECOND_COMPARISON:
            raise self.unexpected("comparisons cannot be chained: write `and` between two of them")
        return _TRUTH

    def _patterns(self, left: Operand, start: int) -> None:
        """Read the string or list of strings after `:`, `like` or `regex`."""
        operator = self.text_at(self.at)
        if left.type in (NUMBER, BOOLEAN):
            self._complain(start, f"`{operator}` compares strings, and this is a {left.type}", "eql-type")
        self.at += 1
        kind = self.kinds[self.at]
        if kind in ("string", "strings"):
            self.at += 1
            return
        if kind != "(":
            raise self._no_pattern(operator)
        self.at += 1
        while True:
            if self.kinds[self.at] != "string":
                raise self._no_pattern(operator)
            self.at += 1
            if self.kinds[self.at] != ",":
                break
            self.at += 1
        self.expect(")", "write `,` between the strings and `)` after the last")

    def _no_pattern(self, operator: str) -> Rejected:
        return self.unexpected(f"`{operator}` needs a string, or strings in brackets")

    def _lookup(self) -> None:
        """Read the list after `in`."""
        if self.kinds[self.at] == "strings":
            self.at += 1
            return
        self.expect("(", "`in` needs a list in brackets")
        while True:
            start = self.at
            if self.value().has_field:
                message = (
                    "a list after `in` holds values, not fields: Elasticsearch cannot compare a field with a field"
                )
                self._complain(start, message, "eql-field-comparison")
            if self.kinds[self.at] != ",":
                break
            self.at += 1
        self.expect(")", "write `,` between the values and `)` after the last")

    # values

    def value(self) -> Operand:
        """Read one value: operands joined by arithmetic. Raises Rejected."""
        start = self.at
        operand = self._signed()
        if self.kinds[self.at] not in _ARITHMETIC:
            return operand
        has_field = operand.has_field
        self._must_be_number(operand, start)
        while self.kinds[self.at] in _ARITHMETIC:
            self.at += 1
            start = self.at
            operand = self._signed()
            self._must_be_number(operand, start)
            has_field = has_field or operand.has_field
        return Operand(NUMBER, has_field)

    def _must_be_number(self, operand: Operand, start: int) -> None:
        if operand.type in (STRING, BOOLEAN):
            self._complain(start, f"arithmetic needs numbers, and this is a {operand.type}", "eql-type")

    def _signed(self) -> Operand:
        first = self.at
        while self.kinds[self.at] in ("+", "-"):
            self.at += 1
        start = self.at
        operand = self._primary()
        if start == first:
            return operand
        self._must_be_number(operand, start)
        return Operand(NUMBER, operand.has_field)

    def _primary(self) -> Operand:
        """Read a field, a literal, a call, or a condition in brackets."""
        kind = self.kinds[self.at]
        if kind == "field":
            following = self.kinds[self.at + 1]
            if following in ("(", "strings"):
                return self._call()
            if following == "of":
                raise self._lineage()
            return self._field()
        literal = _LITERALS.get(kind)
        if literal:
            self.at += 1
            return literal
        if kind == "(":
            return self._bracket()
        if kind == "call~":
            return self._call()
        if kind == "strings":
            return self._string_in_brackets()
        if kind in RESERVED and kind not in ("and", "or", "not", "in"):
            raise self.unexpected(f"`{kind}` is a reserved word: a field of that name is written in backticks")
        raise self.unexpected("a value or condition is due")

    def _bracket(self) -> Operand:
        self._depth += 1
        if self._depth > MAX_DEPTH:
            raise too_deep(self.starts[self.at], SYNTAX)
        opened = self.at
        self.at += 1
        operand = self.condition()
        if self.kinds[self.at] == "end":
            raise Rejected(self.starts[opened], self.ends[opened], "this `(` is never closed", "eql-unbalanced")
        self.expect(")", "write `and` or `or` between conditions, or `)`")
        self._depth -= 1
        return operand

    def _string_in_brackets(self) -> Operand:
        """Read `("…")`, which is that string; a longer list is no value."""
        if len(STRING_TEXT.findall(self.text_at(self.at))) > 1:
            raise self.unexpected("a list stands after `in`, `:`, `like` or `regex`")
        self.at += 1
        return _LITERALS["string"]

    def _field(self) -> Operand:
        """Read a field path; spaces around its dots and an index into an array are allowed."""
        start = self.starts[self.at]
        name = field_name(self.text_at(self.at))
        self.at += 1
        while True:
            kind, following = self.kinds[self.at], self.kinds[self.at + 1 : self.at + 3]
            if kind == "." and following[:1] == ["field"]:
                name += f".{field_name(self.text_at(self.at + 1))}"
                self.at += 2
            elif kind == "[" and following == ["number", "]"]:
                self.at += 3
            else:
                break
        if self.kinds[self.at] == ".":
            raise Rejected(start, self.ends[self.at], f"`{name}.` lacks the next part of its path", SYNTAX)
        self._notes.fields.add(name)
        return _FIELD

    def _lineage(self) -> Rejected:
        start, end = self.starts[self.at], self.ends[self.at + 1]
        message = "Elasticsearch does not support `child of`, `descendant of` and `event of`"
        return Rejected(start, end, message, "eql-unsupported")

    # calls

    def _call(self) -> Operand:
        """Read a call and check its name and arguments."""
        name_at = self.at
        self.at += 1
        arguments = self._arguments(name_at)
        has_field = any(argument.operand.has_field for argument in arguments)
        function = check_call(self._notes, self.starts[name_at], self.ends[name_at], arguments)
        return Operand(function.returns if function else ANY, has_field)

    def _arguments(self, name_at: int) -> list[Argument]:
        opened = self.at
        if self.kinds[opened] == "strings":
            self.at += 1
            return self._string_arguments(opened)
        self.expect("(", "a name with `~` is a function: its arguments in brackets follow")
        self._depth += 1
        if self._depth > MAX_DEPTH:
            raise too_deep(self.starts[opened], SYNTAX)
        arguments: list[Argument] = []
        while self.kinds[self.at] != ")" or arguments:
            start = self.at
            if self.kinds[start] == "end":
                raise self._call_never_closed(name_at, opened)
            operand = self.condition()
            arguments.append(Argument(operand, self.starts[start], self.ends[self.at - 1]))
            if self.kinds[self.at] != ",":
                break
            self.at += 1
        if self.kinds[self.at] == "end":
            raise self._call_never_closed(name_at, opened)
        self.expect(")", "write `,` between arguments and `)` after the last")
        self._depth -= 1
        return arguments

    def _call_never_closed(self, name_at: int, opened: int) -> Rejected:
        message = f"the bracket of `{self.text_at(name_at)}` is never closed"
        return Rejected(self.starts[opened], self.ends[opened], message, "eql-unbalanced")

    def _string_arguments(self, at: int) -> list[Argument]:
        literal = _LITERALS["string"]
        matches = STRING_TEXT.finditer(self._text, self.starts[at], self.ends[at])
        return [Argument(literal, match.start(), match.end()) for match in matches]

    def _complain(self, start: int, message: str, code: str) -> None:
        """Note an error about the tokens from `start` to the last one read."""
        self._notes.error(self.starts[start], self.ends[max(start, self.at - 1)], message, code)
