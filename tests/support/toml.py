"""TOML for property tests: data of every kind, and texts that say it in every way that TOML has."""

from __future__ import annotations

import datetime as dt
import random
from typing import Any

import tomli
from hypothesis import strategies as st

_CHARACTERS = st.characters(exclude_categories=("Cs",))
_NASTY = st.sampled_from(
    ["'", '"', "'''", '"""', "\\", "\n", "\r", "\r\n", "\t", " ", "#", "é", "\x00", "\x7f", "\u2028", "=", "a"]
)
STRINGS = st.one_of(
    st.text(_CHARACTERS, max_size=12),
    st.lists(_NASTY, max_size=9).map("".join),
    st.lists(st.sampled_from(["one", "two \\ three", 'say "x"', "", "  in", "it's"]), min_size=1, max_size=4).map(
        "\n".join
    ),
)
_OFFSETS = st.integers(-1439, 1439).map(lambda minutes: dt.timezone(dt.timedelta(minutes=minutes)))
SCALARS = st.one_of(
    STRINGS,
    st.integers(-(2**63), 2**63 - 1),
    st.integers(-3, 3),
    st.booleans(),
    st.floats(),
    st.dates(),
    st.times(),
    st.datetimes(),
    st.datetimes(timezones=_OFFSETS),
)
NAMES = st.one_of(st.sampled_from(["a", "b", "c", "rule", "query", "note", "threat"]), st.text(_CHARACTERS, max_size=4))


def _more(inner: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    tables = st.dictionaries(NAMES, inner, max_size=4)
    return st.one_of(st.lists(inner, max_size=4), tables, st.lists(tables, min_size=1, max_size=3))


VALUES = st.recursive(SCALARS, _more, max_leaves=12)
DATA = st.dictionaries(NAMES, VALUES, max_size=5)


class Writer:
    """
    Writes data as TOML text in a style that a random source decides, line by line.

    `comments` counts the comments; each is a `#cN;` of its own, so that a test can find them again.
    """

    def __init__(self, source: random.Random, *, newer: bool = False) -> None:
        self.source = source
        self.newer = newer  # TOML 1.1 syntax too
        self.comments = 0
        self.salt = source.random()

    def often(self, chance: float = 0.5) -> bool:
        return self.source.random() < chance

    def blanks(self) -> str:
        return self.source.choice(["", "", " ", " ", "  ", "\t"])

    def comment(self) -> str:
        self.comments += 1
        return f"#c{self.comments}; \"'''["

    def line_end(self) -> str:
        return self.blanks() + (self.comment() if self.often(0.15) else "") + "\n"

    def between(self) -> str:
        """Write blank lines and comments between two statements."""
        lines = ""
        while self.often(0.3):
            lines += self.blanks() + (self.comment() if self.often() else "") + "\n"
        return lines

    def document(self, data: dict[str, Any]) -> str:
        """Write a whole document; tables may be out of order where that says the same."""
        sections = [["", ""]]
        self.table(data, (), sections, 0)
        blocks = [head + body for head, body in sections]
        text = "".join(blocks)
        shuffled = blocks[1:]
        self.source.shuffle(shuffled)
        text = self._if_same(text, blocks[0] + "".join(shuffled), data)
        if self.often(0.2):
            text = self._if_same(text, text.rstrip("\n"), data)
        return text

    def _if_same(self, text: str, other: str, data: dict[str, Any]) -> str:
        try:
            return other if repr_of(tomli.loads(other)) == repr_of(data) else text
        except tomli.TOMLDecodeError:
            return text

    def table(self, data: dict[str, Any], names: tuple[str, ...], sections: list[list[str]], home: int) -> None:
        """Write the keys of a table into section number `home`, tables below it into sections of their own."""
        for name, value in data.items():
            if self.as_block(value):
                continue
            self.pair((), name, value, sections, home)
        for name, value in data.items():
            if not self.as_block(value):
                continue
            for item in value if isinstance(value, list) else [value]:
                self.block((*names, name), item, sections, "[[" if isinstance(value, list) else "[")

    def as_block(self, value: Any) -> bool:
        """Decide once per value whether it gets headers."""
        tables = isinstance(value, dict) or (
            isinstance(value, list) and bool(value) and all(isinstance(item, dict) for item in value)
        )
        return tables and random.Random(f"{self.salt}{repr_of(value)}").random() < 0.6

    def block(self, names: tuple[str, ...], data: dict[str, Any], sections: list[list[str]], opening: str) -> None:
        only_tables = data and all(self.as_block(value) for value in data.values())
        if opening == "[" and only_tables and self.often():
            self.table(data, names, sections, len(sections) - 1)  # nothing but sub-tables: no header of its own
            return
        key = f"{self.blanks()}.{self.blanks()}".join(self.key(name) for name in names)
        closing = opening.replace("[", "]")
        head = f"{self.between()}{self.blanks()}{opening}{self.blanks()}{key}{self.blanks()}{closing}{self.line_end()}"
        sections.append([head, ""])
        self.table(data, names, sections, len(sections) - 1)

    def pair(self, stem: tuple[str, ...], name: str, value: Any, sections: list[list[str]], home: int) -> None:
        if isinstance(value, dict) and value and self.often():  # dotted keys
            for inner, item in value.items():
                self.pair((*stem, name), inner, item, sections, home)
            return
        key = f"{self.blanks()}.{self.blanks()}".join(self.key(part) for part in (*stem, name))
        line = f"{self.blanks()}{key}{self.blanks()}={self.blanks()}{self.value(value)}{self.line_end()}"
        sections[home][1] += self.between() + line

    def key(self, name: str) -> str:
        plain = name.isascii() and name.replace("-", "_").replace("_", "a").isalnum()
        if plain and self.often(0.8):
            return name
        literal = "'" not in name and name.isprintable()
        return f"'{name}'" if literal and self.often() else self.basic(name)

    def value(self, value: Any, lines: bool = True) -> str:
        if isinstance(value, str):
            return self.string(value, lines)
        if isinstance(value, bool):
            return str(value).lower()
        if isinstance(value, list):
            return self.items("[", [self.value(item, lines) for item in value], "]", lines, trailing=True)
        if isinstance(value, dict):
            pairs = [f"{self.key(k)}{self.blanks()}={self.blanks()}{self.value(v, lines)}" for k, v in value.items()]
            return self.items("{", pairs, "}", lines and self.newer, trailing=self.newer)
        if isinstance(value, float):
            return repr(value)
        return str(value) if isinstance(value, int) else self.moment(value)

    def moment(self, value: Any) -> str:
        text = value.isoformat().replace("+00:00", self.source.choice(["Z", "z", "+00:00"]))
        if isinstance(value, dt.datetime) and self.often():
            text = text.replace("T", self.source.choice([" ", "t"]), 1)
        seconds = getattr(value, "second", 1) or getattr(value, "microsecond", 1)
        if self.newer and not seconds and ":00:" not in text and self.often():
            text = text.replace(":00", "", 1) if text.count(":00") == 1 else text
        return text

    def items(self, opening: str, items: list[str], closing: str, lines: bool, *, trailing: bool) -> str:
        spread = lines and self.often(0.4)
        gap = self.gap if spread else self.blanks
        text = opening + gap()
        for index, item in enumerate(items):
            last = index == len(items) - 1
            text += item + (gap() if self.often(0.2) else "")
            text += ("," if not last or (trailing and self.often(0.4)) else "") + gap()
        return text + closing

    def gap(self) -> str:
        text = self.blanks()
        while self.often(0.6):
            text += (self.comment() if self.often(0.2) else "") + "\n" + self.blanks()
        return text

    def string(self, value: str, lines: bool) -> str:
        printable = all((c >= " " and c != "\x7f") or c in "\t" for c in value)
        block = all((c >= " " and c != "\x7f") or c in "\t\n" for c in value)
        choices = [self.basic]
        if printable and "'" not in value:
            choices.append(lambda text: f"'{text}'")
        if lines and block and "'''" not in value and not value.endswith("'"):
            choices.append(lambda text: f"'''{self.opening(text)}{text}'''")
        if lines:
            choices.append(self.block_string)
        return self.source.choice(choices)(value)

    def opening(self, text: str) -> str:
        return "\n" if text.startswith("\n") or self.often() else ""

    def basic(self, value: str, *, keep: str = "") -> str:
        return '"' + "".join(self.escaped(c, keep) for c in value) + '"'

    def escaped(self, c: str, keep: str) -> str:
        if c in keep and self.often(0.8):
            return c
        if c in '"\\':
            return "\\" + c
        if self.newer and c == "\x1b":
            return "\\e"
        if c < " " or c == "\x7f" or self.often(0.03):
            names = {"\n": "\\n", "\t": "\\t", "\r": "\\r", "\b": "\\b", "\f": "\\f"}
            if c in names and self.often():
                return names[c]
            if self.newer and ord(c) < 256 and self.often():
                return f"\\x{ord(c):02x}"
            return f"\\u{ord(c):04X}" if ord(c) < 0x10000 else f"\\U{ord(c):08x}"
        return c

    def block_string(self, value: str) -> str:
        body = ""
        for index, c in enumerate(value):
            safe_quote = c == '"' and not body.endswith('"') and index < len(value) - 1
            body += c if safe_quote and self.often() else self.escaped(c, "\n")
            rest = value[index + 1 :]
            if self.often(0.05) and rest[:1] not in (" ", "\t", "\n", "") and not body.endswith("\n"):
                body += "\\" + self.blanks() + "\n" + self.blanks()
        return '"""' + self.opening(body) + body + '"""'


def repr_of(value: Any) -> str:
    """Return a text that is equal for two values exactly if they are the same TOML data, whatever the order of keys."""
    if isinstance(value, dict):
        return "{" + ",".join(f"{key!r}:{repr_of(value[key])}" for key in sorted(value)) + "}"
    if isinstance(value, list):
        return "[" + ",".join(map(repr_of, value)) + "]"
    return f"{type(value).__name__}:{value.isoformat() if isinstance(value, dt.date | dt.time) else repr(value)}"


@st.composite
def documents(draw: st.DrawFn, *, newer: bool = False) -> tuple[str, dict[str, Any], int]:
    """Draw a text, its data, and the number of comments in it. With `newer`, TOML 1.1 syntax appears."""
    data = draw(DATA)
    writer = Writer(random.Random(draw(st.integers(0, 2**32))), newer=newer)
    text = writer.document(data)
    newlines = draw(st.sampled_from(["unix", "unix", "windows", "mixed"]))
    if newlines == "windows":
        text = text.replace("\n", "\r\n")
    elif newlines == "mixed":
        lines = text.split("\n")
        text = "".join(line + writer.source.choice(["\n", "\r\n"]) for line in lines[:-1]) + lines[-1]
    return text, data, writer.comments
