"""A cursor over the tokens of an ES|QL query, and what to say about a token that does not fit."""

from __future__ import annotations

from deployer.queries.esql_scanner import Token
from deployer.queries.findings import MAX_DEPTH, Notes, Rejected, shortened, too_deep
from deployer.queries.spelling import did_you_mean

SYNTAX = "esql-syntax"

_OPERATOR_WORDS = frozenset({"AND", "OR", "NOT", "IN", "LIKE", "RLIKE", "IS", "BY", "AS", "ON", "WITH"})
_KEYWORDS = (*sorted(_OPERATOR_WORDS), "WHERE", "NULLS", "METADATA")
_CLOSING = frozenset({"|", ")", "]", "}", ","})
_COMPLETE = frozenset({"name", "string", "number", "parameter", "source", ")", "]", "}", "(", "[", "{", "|"})
_HINTS = {
    "=": "write `==` to compare",
    "<>": "write `!=`",
    "=~": "write `:` or `LIKE`",
    "&&": "write `AND`",
    "||": "write `OR`, or one `|` before a command",
}


class Cursor:
    """`at` is the next token; the last token is `end` and is never stepped over."""

    __slots__ = ("_depth", "_notes", "_text", "_tokens", "at")

    def __init__(self, text: str, tokens: list[Token], notes: Notes) -> None:
        self._text = text
        self._tokens = tokens
        self._notes = notes
        self._depth = 0
        self.at = 0

    @property
    def token(self) -> Token:
        """The next token."""
        return self._tokens[self.at]

    @property
    def following(self) -> Token:
        """The token after the next one."""
        return self._tokens[min(self.at + 1, len(self._tokens) - 1)]

    def text_of(self, token: Token) -> str:
        """Return the text of a token."""
        return self._text[token.start : token.end]

    def take(self, kind: str) -> bool:
        """Step over a token of this kind. Return whether it was there."""
        found = self.token.kind == kind
        self.at += found
        return found

    def take_word(self, *words: str) -> bool:
        """Step over one of these words, in any case. Return whether it was there."""
        found = self.token.word in words
        self.at += found
        return found

    def expect(self, kind: str, purpose: str) -> Token:
        """Step over a token of this kind and return it. Raises Rejected with `purpose` where it is another."""
        token = self.token
        if token.kind != kind:
            raise self.unexpected(purpose)
        self.at += 1
        return token

    def unexpected(self, purpose: str) -> Rejected:
        """
        Return the rejection of the next token. `purpose` says what is due instead.

        Where the query or a bracket ends after something incomplete, the position is that of the incomplete part.
        """
        token = self.token
        if token.kind == "bad":
            return self._no_token(token)
        shown = shortened(self.text_of(token))
        before = self._tokens[self.at - 1] if self.at else token
        if self.at and (token.kind == "end" or (token.kind in _CLOSING and self._is_incomplete(before))):
            cause = "the query ends" if token.kind == "end" else f"`{shown}` follows"
            message = f"{cause} after `{shortened(self.text_of(before))}`; {purpose}"
            return Rejected(before.start, before.end, message, SYNTAX)
        near = did_you_mean(shown, _KEYWORDS) if token.word and token.word not in _KEYWORDS else ""
        hint = _HINTS.get(token.kind, purpose)
        return Rejected(token.start, token.end, f"`{shown}` is not expected here; {hint}{near}", SYNTAX)

    def _is_incomplete(self, token: Token) -> bool:
        return token.kind not in _COMPLETE or token.word in _OPERATOR_WORDS

    def _no_token(self, token: Token) -> Rejected:
        """Say what is wrong with text that is no token."""
        text, start = self._text, token.start
        sign = text[start]
        if text.startswith("/*", start):
            return Rejected(start, start + 2, "this comment is never closed", SYNTAX)
        if sign == '"':
            return Rejected(start, start + 1, self._string_fault(start), "esql-string")
        if sign == "'":
            return Rejected(
                start, start + 1, "ES|QL has no strings in single quotes; write double quotes", "esql-string"
            )
        if sign == "`":
            return Rejected(start, start + 1, "this backtick is never closed, or encloses nothing", SYNTAX)
        if sign == "!":
            return Rejected(start, start + 1, "`!` is no operator; write `NOT`, or `!=` to compare", SYNTAX)
        if sign in "&~^":
            return Rejected(start, start + 1, f"`{sign}` is no operator of ES|QL", SYNTAX)
        message = f"`{sign}` means nothing in ES|QL; a column with such a name is written in backticks"
        return Rejected(start, start + 1, message, SYNTAX)

    def _string_fault(self, start: int) -> str:
        line = self._text[start:].partition("\n")[0]
        if line.startswith('"""'):
            return 'this `"""` is not closed in its line'
        if line.rstrip().endswith('"') and len(line.rstrip()) > 1 and "\\" in line:
            return 'this string has an escape other than `\\\\ \\" \\t \\n \\r`; write it in three double quotes'
        return 'this `"` is not closed in its line'

    def enter(self) -> None:
        """Go one bracket deeper. Raises Rejected beyond the limit."""
        self._depth += 1
        if self._depth > MAX_DEPTH:
            raise too_deep(self.token.start, SYNTAX)

    def leave(self, closing: str, opened: Token) -> None:
        """Step over a closing bracket. Raises Rejected, at the opening one if the query ends."""
        self._depth -= 1
        if self.token.kind in ("end", "|"):
            message = f"this `{self.text_of(opened)}` is never closed"
            raise Rejected(opened.start, opened.end, message, "esql-unbalanced")
        self.expect(closing, f"write an operator, `,` or `{closing}`")
