"""
A TOML text changed so that it says something else, touching only the lines that say it.

`amend` is given the text and the data it should have. It walks both trees at once and edits the spans that differ:
values keep their quotes and layout, keys and tables their place, comments stay. What is new goes where its neighbours
suggest: into the order of the keys if they are in order, else behind them. The result is always read again and
compared; a difference is a bug of ours, and nothing is returned.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from typing import Any

from deployer.core.align import align
from deployer.core.toml.assemble import Edit, Fit, assembled
from deployer.core.toml.data import plain, same_data
from deployer.core.toml.emit import child_blocks, is_block, pair_text
from deployer.core.toml.extent import Extent
from deployer.core.toml.order import gap_for, in_order, rank
from deployer.core.toml.place import TomlError
from deployer.core.toml.reading import read
from deployer.core.toml.restyle import Frame, restyled
from deployer.core.toml.syntax import Array, Inline, Kind, Pair, Section, Table, Tables, scan
from deployer.core.toml.values import key_text


class LostDataError(AssertionError):
    """A text that we wrote does not read back as the data it was written for. A bug; the file must not be written."""


def amend(text: str, data: Mapping[str, Any], *, inline: Collection[str] = ()) -> str:
    """
    Return `text` changed to hold `data`; unchanged if it does already.

    `inline` names keys whose new tables are written as `{…}`, as in `emit`. Raises TomlError if `text` is not TOML,
    TypeError and ValueError for data that TOML cannot hold, LostDataError for a bug.
    """
    return amended(text, read(text), plain(data), inline)


def amended(text: str, current: dict[str, Any], wanted: dict[str, Any], inline: Collection[str] = ()) -> str:
    """Do what `amend` does, for a text that was read and data that is plain."""
    if same_data(current, wanted):
        return text
    windows = text.count("\r\n") == text.count("\n") > 0
    source = text.replace("\r\n", "\n") if windows else text
    amending = _Amending(source, inline)
    amending.table(amending.root, current, wanted)
    result = assembled(source, amending.edits)
    result = result.replace("\n", "\r\n") if windows else result
    check_written(result, wanted)
    return result


def check_written(text: str, wanted: dict[str, Any]) -> None:
    """Read a text that we wrote again. Raises LostDataError if it is not TOML, or holds other data than `wanted`."""
    try:
        written = read(text)
    except TomlError as exc:
        raise LostDataError(f"the text that was written is not TOML: {exc}") from exc
    if not same_data(written, wanted):
        raise LostDataError("the text that was written holds other data than it should")


class _Amending:
    """One walk over the tables of one document, gathering edits."""

    def __init__(self, source: str, inline: Collection[str]) -> None:
        self._document = scan(source)
        self._extent = Extent(self._document)
        self._source = source
        self._inline = inline
        self.root = self._document.root
        self.edits: list[Edit] = []

    def table(self, table: Table, old: dict[str, Any], new: dict[str, Any]) -> None:
        """Turn one table from `old` into `new`."""
        added = {name: value for name, value in new.items() if name not in old}
        for name, child in table.children.items():
            if name in new and (same_data(old[name], new[name]) or self._changed(name, child, old[name], new[name])):
                continue
            self._remove(child)
            if name in new:
                added[name] = new[name]
        if added or not new:
            self._add(table, added)

    def _changed(self, name: str, child: Pair | Table | Tables, old: Any, new: Any) -> bool:
        """Change a value in place and say so; False if its kind changes so much that it has to be written elsewhere."""
        if isinstance(child, Pair):
            return self._changed_pair(name, child, old, new)
        if isinstance(child, Table) and isinstance(new, dict):
            self.table(child, old, new)
            return True
        if isinstance(child, Tables) and is_block(name, new) and isinstance(new, list):
            self._tables(name, child, old, new)
            return True
        return False

    def _changed_pair(self, name: str, pair: Pair, old: Any, new: Any) -> bool:
        value = pair.value
        like = isinstance(value, Array | Inline) and type(old) is type(new)
        if not (like and old) and is_block(name, new, self._inline):
            return False
        used = value.start - self._source.rfind("\n", 0, value.start) - 1
        text = restyled(Frame(self._source, used), value, old, new)
        self.edits.append(Edit(value.start, value.end, text))
        return True

    def _tables(self, name: str, tables: Tables, old: list[Any], new: list[Any]) -> None:
        """Turn the elements of an array of tables into others; one that is like an old one is changed in place."""
        place = self._extent.start(tables.items[0])
        parent = tables.items[0].names[:-1]
        for before, after in align(old, new):
            if before is None:
                self._insert_blocks(place, child_blocks(name, [new[after or 0]], parent, self._inline))
                continue
            element = tables.items[before]
            if after is None:
                self._remove(element)
            elif not same_data(old[before], new[after]):
                self.table(element, old[before], new[after])
            place = self._extent.end(element)

    # removing

    def _remove(self, child: Pair | Table | Tables) -> None:
        if isinstance(child, Pair):
            self.edits.append(Edit(*self._extent.removal(child)))
            return
        for section in self._extent.sections(child):
            self.edits.append(Edit(self._extent.lead(section), self._extent.section_end(section)))
        for pair in self._extent.dotted_pairs(child):
            self._remove(pair)

    # adding

    def _add(self, table: Table, added: dict[str, Any]) -> None:
        """Write new keys of a table. Without any, see to it that an empty table is still there."""
        if table.kind is Kind.DOTTED:
            self._add_dotted(table, added)
            return
        blocks = {name: value for name, value in added.items() if is_block(name, value, self._inline)}
        pairs = {name: value for name, value in added.items() if name not in blocks}
        if table.section:
            self._add_pairs(table.section, pairs)
        elif pairs or not added:
            header = f"[{key_text(table.names)}]\n"
            body = "".join(pair_text((name,), value, table.names) for name, value in pairs.items())
            self._insert_blocks(self._extent.start(table), [header + body.removeprefix("\n")])
        for name, value in blocks.items():
            self._insert_blocks(
                self._block_place(table, name, value), child_blocks(name, value, table.names, self._inline)
            )

    def _insert_blocks(self, place: int, blocks: Iterator[str] | list[str]) -> None:
        self.edits += [Edit(place, place, block, Fit.BLOCK) for block in blocks]

    def _add_dotted(self, table: Table, added: dict[str, Any]) -> None:
        """Write keys of a table that only dotted keys make: `a.b.new = …` behind the last of them."""
        pairs = list(self._extent.dotted_pairs(table))
        last = max(pairs, key=lambda pair: pair.start)
        section = self._extent.section_of(last)
        stem = table.names[len(section.table.names) :]
        texts = [pair_text((*stem, name), value, section.table.names) for name, value in added.items()]
        for text in texts or [pair_text(stem, {}, section.table.names)]:
            self.edits.append(Edit(last.end, last.end, text, Fit.LINES))

    def _add_pairs(self, section: Section, pairs: Mapping[str, Any]) -> None:
        """Write plain keys into a section: between the ones that are there if those are in order, else behind them."""
        ranks = [rank(pair.names[0]) for pair in section.pairs]
        names = sorted(pairs, key=rank) if ranks and in_order(ranks) else pairs
        for name in names:
            place, fit = self._extent.pair_place(section, gap_for(rank(name), ranks))
            text = pair_text((name,), pairs[name], section.table.names)
            self.edits.append(Edit(place, place, self._indented(text, section), fit))

    def _indented(self, text: str, section: Section) -> str:
        """Indent a new pair like the first one of its section."""
        indent = self._source[section.pairs[0].start : section.pairs[0].spans[0][0]] if section.pairs else ""
        return f"\n{indent}{text[1:]}" if text.startswith("\n") else indent + text

    def _block_place(self, table: Table, name: str, value: Any) -> int:
        """Return where a new table inside `table` goes: before the sibling that follows in order, else at the end."""
        siblings = self._extent.siblings(table)
        if table.kind is not Kind.ROOT and siblings:
            ranks = [rank(sibling, [{}] if isinstance(child, Tables) else {}) for sibling, child in siblings]
            gap = gap_for(rank(name, value), ranks)
            if gap < len(siblings):
                return self._extent.start(siblings[gap][1])
        return self._extent.end(table)
