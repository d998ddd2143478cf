"""
KQL, the Kibana Query Language, as Kibana's own search bar accepts it.

Written from the public reference (elastic.co/docs/reference/query-languages/kql) and from how the released parser
answers when it is asked. What the reference does not say, and matters:

* White space is part of an unquoted value (`message: foo bar` has one value), so `and`, `or` and `not` are operators
  only with white space around them, and only `not` may begin anywhere: `cannot find` is an error. A query that ends in
  `or` searches for that word; that is accepted by Kibana, and a warning here.
* A non-breaking space is white space; other Unicode spaces are letters.
* `\\` must be followed by a special character, `t`, `r`, `n`, four hex digits after `u`, or an operator word.

The scanner reads one word, value or operator at a time, the state is "an operand is due" or "an operator is due", and
brackets live on a list: nothing recurses.
"""

from __future__ import annotations

import re
from typing import NamedTuple

from deployer.queries.findings import MAX_DEPTH, Checked, Notes, Rejected, shortened, too_deep

_SPACE = r"[ \t\r\n\xa0]"
_AND_OR = rf"(?:[aA][nN][dD]|[oO][rR]){_SPACE}"
_NOT = rf"[nN][oO][tT]{_SPACE}"

_SPACES = re.compile(rf"{_SPACE}*+")
_NEGATION = re.compile(rf"(?P<not>[nN][oO][tT]){_SPACE}++")
_QUOTED = re.compile(r'"(?:[^"\\]|\\(?:[\\"]|(?!")))*+"', re.DOTALL)
_UNQUOTED = re.compile(
    r"(?:"
    r'[^\\():<>"*{} \t\r\n\xa0nN]++'
    rf"|{_SPACE}++(?!{_AND_OR})"
    rf"|(?!{_NOT})[nN]"
    r"|\*"
    r'|\\(?:[\\():<>"*{}trn]|u[0-9a-fA-F]{4}|[aA][nN][dD]|[oO][rR])'  # `\not` reads as `\n` and `ot`
    r")++"
)
_RELATION = re.compile(rf"{_SPACE}*+(?P<sign>:|[<>]=?){_SPACE}*+")
_CONNECTOR = re.compile(rf"{_SPACE}++(?P<word>[aA][nN][dD]|[oO][rR]){_SPACE}++")
_EDGE_WORD = re.compile(r"^(?:and|or|not)(?=\s|$)|(?:(?<=\s)|^)(?:and|or|not)$", re.IGNORECASE)
_WORD = re.compile(r"[\w.]++")
_ESCAPE = re.compile(r"\\(?:u([0-9a-fA-F]{4})|(.))", re.DOTALL)
_NAMED_ESCAPES = {"t": "\t", "r": "\r", "n": "\n"}
_CLOSING = {"(": ")", "{": "}"}

_SYNTAX = "kql-syntax"


class _Bracket(NamedTuple):
    """An open bracket: where it is, whether it holds a list of values, and the nested field in front of its fields."""

    start: int
    sign: str
    values: bool
    prefix: str


def check_kql(text: str) -> Checked:
    """Return the findings and fields of a KQL query. An empty query is valid. Never raises."""
    notes = Notes(text)
    try:
        _Reader(text, notes).read()
    except Rejected as why:
        notes.rejected(why)
    return notes.checked("kql")


class _Reader:
    """Reads one query from left to right."""

    __slots__ = ("_last", "_notes", "_open", "_pos", "_text")

    def __init__(self, text: str, notes: Notes) -> None:
        self._text = text
        self._notes = notes
        self._open = [_Bracket(-1, "", values=False, prefix="")]
        self._last = (0, 0)  # the operator that waits for its operand
        self._pos = 0

    def read(self) -> None:
        """Read the whole text. Raises Rejected at the first character that does not fit."""
        end = len(self._text)
        if self._spaces(0) == end:
            return
        self._operand()
        while self._operator():
            self._operand()
        if self._pos < end:
            raise self._unexpected_operator()
        if len(self._open) > 1:
            raise self._never_closed()

    # operands

    def _operand(self) -> None:
        """Read brackets that open, negations, and one clause or value."""
        while True:
            self._pos = self._spaces(self._pos)
            negation = _NEGATION.match(self._text, self._pos)
            if negation:
                self._pos = negation.end()
                self._last = negation.span("not")
            if not self._text.startswith("(", self._pos):
                break
            self._push("(", values=self._open[-1].values, prefix=self._open[-1].prefix)
        if self._open[-1].values:
            self._value()
        else:
            self._clause()

    def _clause(self) -> None:
        """Read `field: value`, `field < value`, `field: (…`, `field: {…`, or a bare value."""
        start = self._pos
        self._literal()
        end = self._pos
        relation = _RELATION.match(self._text, end)
        if relation is None:
            self._suspect_words(start, end)
            return
        name = _name(self._text[start:end])
        if " " in name and not self._text.startswith('"', start):
            message = f"`{shortened(name)}` is read as one field name; write an operator, or quote the name"
            self._notes.warning(start, start + len(self._text[start:end].rstrip()), message, "kql-field-with-space")
        prefix = self._open[-1].prefix
        name = f"{prefix}{name}"
        self._last = relation.span("sign")
        self._pos = relation.end()
        following = self._text[self._pos : self._pos + 1]
        if relation["sign"] != ":":
            self._value()
        elif following == "{":
            self._push("{", values=False, prefix=f"{name}.")
            self._operand()
            return
        elif following == "(":
            self._push("(", values=True, prefix=prefix)
            self._operand()
        else:
            self._value()
        self._notes.fields.add(name)

    def _value(self) -> None:
        start = self._pos
        self._literal()
        self._suspect_words(start, self._pos)

    def _literal(self) -> None:
        """Read one quoted or unquoted literal. Raises Rejected where there is none."""
        pattern = _QUOTED if self._text.startswith('"', self._pos) else _UNQUOTED
        literal = pattern.match(self._text, self._pos)
        if literal is None:
            raise self._unexpected_operand()
        self._pos = literal.end()

    def _suspect_words(self, start: int, end: int) -> None:
        """Warn of an operator word at the edge of a value: Kibana searches for the word."""
        literal = self._text[start:end].rstrip(" \t\r\n\xa0")
        word = _EDGE_WORD.search(literal)
        if word:
            self._notes.warning(
                start + word.start(),
                start + word.end(),
                f"`{word[0]}` has no operand here, so Kibana searches for the word itself; complete or quote it",
                "kql-operator-as-text",
            )

    # operators and brackets

    def _operator(self) -> bool:
        """Read brackets that close, and `and` or `or`. Return whether there was one."""
        while True:
            connector = _CONNECTOR.match(self._text, self._pos)
            if connector:
                self._pos = connector.end()
                self._last = connector.span("word")
                return True
            self._pos = self._spaces(self._pos)
            bracket = self._open[-1]
            if not bracket.sign or not self._text.startswith(_CLOSING[bracket.sign], self._pos):
                return self._glued_operator()
            self._open.pop()
            self._pos += 1

    def _glued_operator(self) -> bool:
        """Say what is wrong with an operator word that has no white space on one side; False where there is none."""
        word = re.compile(r"(?:and|or)\b", re.IGNORECASE).match(self._text, self._pos)
        if word:
            raise Rejected(*word.span(), f"`{word[0]}` needs white space on both sides and something after it", _SYNTAX)
        return False

    def _push(self, sign: str, *, values: bool, prefix: str) -> None:
        if len(self._open) > MAX_DEPTH:
            raise too_deep(self._pos, _SYNTAX)
        self._open.append(_Bracket(self._pos, sign, values, prefix))
        self._pos += 1

    def _spaces(self, start: int) -> int:
        spaces = _SPACES.match(self._text, start)
        return spaces.end() if spaces else start

    # what to say

    def _unexpected_operand(self) -> Rejected:
        """Say why no value, field or bracket can begin at this place."""
        text, pos = self._text, self._pos
        sign = text[pos : pos + 1]
        if sign == '"':
            return Rejected(pos, pos + 1, 'this `"` is never closed', "kql-unclosed-quote")
        if sign == "\\":
            return self._bad_escape()
        if sign in (")", "}", "") and self._last[1] > self._open[-1].start:
            start, end = self._last
            return Rejected(start, end, f"nothing follows `{text[start:end]}`", _SYNTAX)
        if sign == "":
            return self._never_closed()
        if sign in (")", "}"):
            return self._unexpected_close(sign)
        if sign in "<>" and text[self._last[0] : self._last[1]] == ":":
            return Rejected(pos, pos + 1, f"write `field {sign} value`: a range has no colon", _SYNTAX)
        if sign in "nN":
            return Rejected(pos, pos + 3, "`not` stands once, and in front of a field or inside `(…)`", _SYNTAX)
        return Rejected(pos, pos + 1, f"`{sign}` cannot begin a field or value; quote or escape it", _SYNTAX)

    def _unexpected_close(self, sign: str) -> Rejected:
        """Say why a bracket cannot close here, where an operand is due."""
        if _CLOSING.get(self._open[-1].sign) == sign:
            return Rejected(self._pos, self._pos + 1, "there is nothing inside these brackets", _SYNTAX)
        return Rejected(self._pos, self._pos + 1, f"`{sign}` closes nothing", "kql-unbalanced")

    def _unexpected_operator(self) -> Rejected:
        """Say why reading stopped after a complete clause."""
        text, pos = self._text, self._pos
        sign = text[pos]
        if sign in ")}":
            return Rejected(pos, pos + 1, f"`{sign}` closes nothing", "kql-unbalanced")
        if sign == "\\":
            return self._bad_escape()
        if sign in ":<>":
            return Rejected(
                pos, pos + 1, f"`{sign}` after a value; write `and` or `or` between clauses, or quote it", _SYNTAX
            )
        if sign in "nN" and re.compile(_NOT).match(text, pos):
            return Rejected(pos, pos + 3, "`not` follows `and`, `or` or `(`; quote a value that has it inside", _SYNTAX)
        word = _WORD.match(text, pos)
        start, end = word.span() if word else (pos, pos + 1)
        message = f"`{shortened(text[start:end])}` after a complete clause; write `and` or `or` in between"
        return Rejected(start, end, message, _SYNTAX)

    def _bad_escape(self) -> Rejected:
        shown = self._text[self._pos : self._pos + 2]
        return Rejected(
            self._pos, self._pos + 2, f"`{shown}` is no escape; a backslash is written `\\\\`", "kql-escape"
        )

    def _never_closed(self) -> Rejected:
        start, sign = self._open[-1].start, self._open[-1].sign
        return Rejected(start, start + 1, f"this `{sign}` is never closed", "kql-unbalanced")


def _name(literal: str) -> str:
    """Return the field name that a literal stands for."""
    name = literal.strip(" \t\r\n\xa0")
    name = name[1:-1] if name.startswith('"') else name
    return _ESCAPE.sub(_unescaped, name) if "\\" in name else name


def _unescaped(escape: re.Match[str]) -> str:
    if escape[1]:
        return chr(int(escape[1], 16))
    return _NAMED_ESCAPES.get(escape[2], escape[2])
