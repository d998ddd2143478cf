"""
New TOML files in the style of elastic/detection-rules, and nothing lost: what is emitted reads back as the same data.

Texts of several lines become blocks, the query of a rule a ''' block after a blank line, long arrays one item per line,
tables and arrays of tables get headers. Nothing is wrapped, trimmed or re-encoded (their own writer changes 645 of
2,068 rules, `libraries.md` section 0.4), and `format_text` has nothing to do on the result.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from typing import Any

from deployer.core.toml.data import plain
from deployer.core.toml.order import order_like, rule_order
from deployer.core.toml.strings import block_text, literal_block
from deployer.core.toml.syntax import Name
from deployer.core.toml.values import key_text, value_text

_QUERIES = (("rule", "query"), ("rule", "threat_query"))
_GUIDES = ("note", "setup")  # Markdown that starts on the line of its quotes


def emit(data: Mapping[str, Any], *, like: Mapping[str, Any] | None = None, inline: Collection[str] = ()) -> str:
    """
    Return the TOML text of `data`, keys in their own order (in that of `like`, where it has them).

    `inline` names keys whose tables are written as `{…}` and whose arrays of tables as `[{…}]`. Raises TypeError for
    what TOML cannot hold (null), ValueError for a lone surrogate.
    """
    document = plain(data)
    return "\n".join(table_blocks(order_like(document, like) if like else document, (), "", inline))


def emit_rule(data: Mapping[str, Any]) -> str:
    """Return the text of a rule file, keys in the order of detection-rules: `[metadata]`, `[rule]`, its query last."""
    return emit(rule_order(plain(data)))


def is_block(name: str, value: Any, inline: Collection[str] = ()) -> bool:
    """Say whether a value is written under headers of its own: a table, or an array of nothing but tables."""
    if name in inline:
        return False
    return isinstance(value, dict) or (
        isinstance(value, list) and bool(value) and all(isinstance(item, dict) for item in value)
    )


def child_blocks(name: str, value: Any, parent: Name, inline: Collection[str] = ()) -> Iterator[str]:
    """Yield the blocks of a value that `is_block`: each a header line, its pairs, and no blank line around them."""
    names = (*parent, name)
    if isinstance(value, list):
        for item in value:
            yield from table_blocks(item, names, f"[[{key_text(names)}]]\n", inline)
    else:
        yield from table_blocks(value, names, f"[{key_text(names)}]\n", inline)


def table_blocks(table: dict[str, Any], names: Name, header: str, inline: Collection[str]) -> Iterator[str]:
    """Yield the block of a table and those of the tables in it. `header` is its header line, "" for the document."""
    blocks = {name: value for name, value in table.items() if is_block(name, value, inline)}
    pairs = [pair_text((name,), value, names) for name, value in table.items() if name not in blocks]
    # a table that only leads to others needs no header, but for those at the top, where people look for them
    if pairs or (header and (not blocks or len(names) == 1 or header.startswith("[["))):
        yield header + "".join(pairs).removeprefix("\n")
    for name, value in blocks.items():
        yield from child_blocks(name, value, names, inline)


def pair_text(key: Name, value: Any, table: Name) -> str:
    """Write `key = value` and the end of its line, as it stands in `table`. A query gets a blank line in front."""
    start = f"{key_text(key)} = "
    path = (*table, *key)
    if isinstance(value, str) and value.strip() and path in _QUERIES:
        return f"\n{start}{literal_block(value) or block_text(value)}\n"
    if isinstance(value, str) and "\n" in value and path[-1] in _GUIDES:
        return f"{start}{block_text(value, newline_first=False)}\n"
    return f"{start}{value_text(value, len(start))}\n"
