"""
EQL as Elasticsearch accepts it: event queries, sequences, samples, pipes.

Written from the public syntax, function and pipe references (elastic.co/docs/reference/query-languages/eql). Beyond
the syntax it knows what the references say must hold: a sequence has at least two items, all items have as many join
keys, missing events need `maxspan` and one event that is not missing, `runs` is 1 to 100.
"""

from __future__ import annotations

from deployer.queries.eql_expressions import SYNTAX, Expressions
from deployer.queries.eql_scanner import scan
from deployer.queries.findings import Checked, Notes, Rejected
from deployer.queries.spelling import did_you_mean

_PIPES = ("head", "tail")
_ENDGAME_PIPES = frozenset({"count", "filter", "sort", "unique", "unique_count"})
_SPAN_UNITS = frozenset({"d", "h", "m", "s", "ms", "micros", "nanos"})
_MAX_RUNS = 100


def check_eql(text: str) -> Checked:
    """Return the findings and fields of an EQL query. Never raises."""
    notes = Notes(text)
    try:
        _Statement(text, notes).read()
    except Rejected as why:
        notes.rejected(why)
    return notes.checked("eql")


class _Statement:
    """Reads one query."""

    __slots__ = ("_missing", "_notes", "_tokens")

    def __init__(self, text: str, notes: Notes) -> None:
        self._notes = notes
        self._missing = 0
        self._tokens = Expressions(text, scan(text), notes)

    @property
    def _kind(self) -> str:
        return self._tokens.kinds[self._tokens.at]

    def read(self) -> None:
        """Read the whole query. Raises Rejected."""
        kind = self._kind
        if kind == "end":
            raise Rejected(0, 0, "the query is empty; EQL needs an event category and a condition", SYNTAX)
        if kind == "join":
            raise self._unsupported("`join`; write `sequence`, or `sample` where order does not matter")
        if kind == "sequence":
            self._sequence()
        elif kind == "sample":
            self._sample()
        else:
            self._event()
        while self._kind == "|":
            self._pipe()
        if self._kind != "end":
            raise self._trailing()

    def _trailing(self) -> Rejected:
        if self._kind in (")", "]"):
            token = self._tokens
            start, end = token.starts[token.at], token.ends[token.at]
            return Rejected(start, end, f"`{self._kind}` closes nothing", "eql-unbalanced")
        return self._tokens.unexpected("write `and` or `or` between conditions, or `|` before a pipe")

    # events

    def _event(self) -> None:
        """Read `category where condition`."""
        tokens = self._tokens
        if self._kind not in ("field", "string", "any"):
            raise tokens.unexpected("an event category, or `any`, is due")
        category = tokens.at
        if self._kind == "field" and not tokens.text_at(category).isidentifier():
            raise tokens.unexpected("a category with such characters is written in double quotes")
        tokens.at += 1
        if self._kind != "where":
            raise self._no_where(category)
        tokens.at += 1
        start = tokens.at
        tokens.must_be_boolean(tokens.condition(), start)

    def _no_where(self, category: int) -> Rejected:
        """Say that `where` is missing: at the word that should be it, else at the category."""
        tokens = self._tokens
        word = tokens.text_at(tokens.at)
        if self._kind == "field":
            hint = did_you_mean(word, ("where",)) or f"; `where` is due after `{tokens.text_at(category)}`"
            return Rejected(
                tokens.starts[tokens.at], tokens.ends[tokens.at], f"`{word}` is not expected here{hint}", SYNTAX
            )
        hint = did_you_mean(tokens.text_at(category), ("sequence", "sample"))
        message = f"`where` and a condition are due after `{tokens.text_at(category)}`{hint}"
        return Rejected(tokens.starts[category], tokens.ends[category], message, SYNTAX)

    def _unsupported(self, what: str) -> Rejected:
        tokens = self._tokens
        message = f"Elasticsearch does not support {what}"
        return Rejected(tokens.starts[tokens.at], tokens.ends[tokens.at], message, "eql-unsupported")

    def _bracketed_event(self, *, may_be_missing: bool) -> bool:
        """Read `[category where condition]`, or `![…]` where allowed. Return whether it is a missing event."""
        tokens = self._tokens
        opened = tokens.at
        missing = self._kind == "!["
        if missing and not may_be_missing:
            raise tokens.unexpected("missing events `![…]` stand among the items of a sequence only")
        if not missing and self._kind != "[":
            raise tokens.unexpected("an event in `[…]` is due")
        tokens.at += 1
        self._event()
        if self._kind == "end":
            start, end = tokens.starts[opened], tokens.ends[opened]
            raise Rejected(start, end, f"this `{tokens.text_at(opened)}` is never closed", "eql-unbalanced")
        tokens.expect("]", "write `and` or `or` between conditions, or `]`")
        return missing

    # sequences and samples

    def _sequence(self) -> None:
        tokens = self._tokens
        first = tokens.at
        tokens.at += 1
        self._keys()
        span = self._maxspan()
        if self._kind == "by":
            raise tokens.unexpected("`by` comes before `with maxspan`")
        items = missing = 0
        keys: int | None = None
        while self._kind in ("[", "![") or not items:
            is_missing = self._bracketed_event(may_be_missing=True)
            keys = self._item_keys(keys)
            runs = self._runs()
            items += runs
            missing += is_missing
            if is_missing and not span:
                self._complain_at(first, "a sequence with missing events needs `with maxspan=…`", "eql-sequence")
        self._must_end_items("until")
        if items < 2:
            self._complain_at(first, "a sequence needs at least two events", "eql-sequence")
        elif missing == items:
            self._complain_at(first, "a sequence needs at least one event that is not missing", "eql-sequence")
        if self._kind == "until":
            tokens.at += 1
            self._bracketed_event(may_be_missing=False)
            self._item_keys(keys)

    def _sample(self) -> None:
        tokens = self._tokens
        first = tokens.at
        tokens.at += 1
        shared = self._keys()
        if self._kind == "with":
            raise tokens.unexpected("a sample has no `with maxspan`: it has no order in time")
        items = 0
        keys: int | None = None
        while self._kind == "[" or not items:
            self._bracketed_event(may_be_missing=False)
            keys = self._item_keys(keys)
            items += 1
            if self._kind == "with":
                raise tokens.unexpected("a sample has no `with runs`")
        if self._kind == "until":
            raise tokens.unexpected("a sample has no `until`: it has no order in time")
        self._must_end_items()
        if items < 2:
            self._complain_at(first, "a sample needs at least two events", "eql-sequence")
        if not shared and not keys:
            self._complain_at(first, "a sample needs `by` and a field that its events share", "eql-join-keys")

    def _must_end_items(self, *closing: str) -> None:
        """Raise Rejected where something else than the rest of the query follows the events."""
        if self._kind not in (*closing, "|", "end", "]"):
            raise self._tokens.unexpected("events in `[…]` stand one after another, with nothing in between")

    def _keys(self) -> int:
        """Read `by field, …`. Return how many keys there are, 0 without `by`."""
        tokens = self._tokens
        if self._kind != "by":
            return 0
        tokens.at += 1
        count = 0
        while True:
            start = tokens.at
            if self._kind in ("[", "![", "end", "with"):
                raise tokens.unexpected("`by` needs a field")
            if not tokens.value().has_field:
                self._complain_at(start, "a join key is a field", "eql-join-keys")
            count += 1
            if self._kind != ",":
                return count
            tokens.at += 1

    def _item_keys(self, due: int | None) -> int:
        """Read the `by` of one item and note another number of keys than the items before have."""
        start = self._tokens.at
        count = self._keys()
        if due is not None and count != due:
            place = start if count else start - 1
            message = f"this event has {count} join keys, and those before have {due}"
            self._complain_at(place, message, "eql-join-keys")
        return count if due is None else due

    def _setting(self, name: str) -> bool:
        """Step over `with name=`. Return False where there is no `with`."""
        tokens = self._tokens
        if self._kind != "with":
            return False
        tokens.at += 1
        if self._kind != "field" or tokens.text_at(tokens.at) != name:
            raise tokens.unexpected(f"`with {name}=…` is due{did_you_mean(tokens.text_at(tokens.at), (name,))}")
        tokens.at += 1
        tokens.expect("=", f"`{name}` is set with `=`")
        return True

    def _maxspan(self) -> bool:
        """Read `with maxspan=5m`. Return whether it is there."""
        if not self._setting("maxspan"):
            return False
        tokens = self._tokens
        value = tokens.at
        tokens.expect("number", "`maxspan` needs a time like `30s`, `5m` or `1h`")
        number = tokens.text_at(value)
        if not number.isdigit() or not int(number):
            self._complain_at(value, f"`maxspan` is a whole number above 0 and a unit, not `{number}`", "eql-maxspan")
        if self._kind != "field":
            self._complain_at(value, f"`maxspan` needs a unit: `{number}s`, `{number}m`, `{number}h`", "eql-maxspan")
            return True
        unit = tokens.text_at(tokens.at)
        if unit not in _SPAN_UNITS:
            self._complain_at(tokens.at, f"`{unit}` is no unit of time; write d, h, m, s or ms", "eql-maxspan")
        tokens.at += 1
        return True

    def _runs(self) -> int:
        """Read `with runs=3`. Return the number, 1 without it."""
        if not self._setting("runs"):
            return 1
        tokens = self._tokens
        value = tokens.at
        tokens.expect("number", "`runs` needs a number from 1 to 100")
        number = tokens.text_at(value)
        if not number.isdigit() or not 1 <= int(number) <= _MAX_RUNS:
            self._complain_at(value, f"`runs` is a number from 1 to {_MAX_RUNS}, not `{number}`", "eql-runs")
            return 2
        return int(number)

    # pipes

    def _pipe(self) -> None:
        """Read `| head 5` or `| tail 5`."""
        tokens = self._tokens
        tokens.at += 1
        name = tokens.text_at(tokens.at)
        if self._kind != "field":
            raise tokens.unexpected("a pipe is `head` or `tail` and a number")
        if name in _ENDGAME_PIPES:
            raise self._unsupported(f"the pipe `{name}`; only `head` and `tail` exist")
        if name not in _PIPES:
            raise tokens.unexpected(f"only the pipes `head` and `tail` exist{did_you_mean(name, _PIPES)}")
        tokens.at += 1
        if self._kind != "number":
            raise tokens.unexpected(f"`{name}` needs a whole number")
        if not tokens.text_at(tokens.at).isdigit():
            self._complain_at(tokens.at, f"`{name}` needs a whole number", "eql-pipe")
        tokens.at += 1

    def _complain_at(self, at: int, message: str, code: str) -> None:
        tokens = self._tokens
        self._notes.error(tokens.starts[at], tokens.ends[at], message, code)
