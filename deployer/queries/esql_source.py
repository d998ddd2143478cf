"""
The index patterns of an ES|QL query: which there are, and putting others into their place.

Only names after FROM and TS count, in the query itself and in subqueries among those names; what looks like one in a
string, a comment, a later command or METADATA is left alone, because the query is taken apart into tokens. Bytes
between the names stay as they are.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from deployer.queries.esql_scanner import scan, value_of

_ESCAPES = str.maketrans({"\n": "\\n", "\r": "\\r", "\t": "\\t"})


def sources(text: str) -> tuple[str, ...]:
    """
    Return the index patterns that a query reads, in their order, as often as they are named.

    A pattern keeps what belongs to it (`us:logs-*`, `-logs-old`, `logs::failures`); a quoted list `"a,b"` is two.
    Of a query that cannot be read to its end, those before that place are returned. Never raises.
    """
    return tuple(pattern for start, end in _spans(text) for pattern in _patterns(text[start:end]))


def rewrite_sources(text: str, mapping: Mapping[str, str]) -> str:
    """
    Return the query with every index pattern that is a key of `mapping` replaced by its value.

    Whole patterns are compared, exactly, as `rewrite_index` does for the `index` of other rules: `logs-*` is not
    replaced in `us:logs-*`. A new name is quoted where the old one was or where it needs it. Never raises.
    """
    pieces: list[str] = []
    done = 0
    for start, end in _spans(text):
        patterns = _patterns(text[start:end])
        rewritten = [mapping.get(pattern, pattern) for pattern in patterns]
        if rewritten != patterns:
            pieces += text[done:start], _written(rewritten, quoted=text[start] == '"')
            done = end
    return "".join((*pieces, text[done:]))


def _spans(text: str) -> Iterator[tuple[int, int]]:
    return ((token.start, token.end) for token in scan(text) if token.kind == "source")


def _patterns(written: str) -> list[str]:
    """Return the patterns of one token. A cluster or an index may be quoted on its own: `us:"logs-*"`."""
    quote = written.find('"')
    if quote < 0:
        return [written]
    if quote > 0:
        return [written[:quote] + value_of(written[quote:])]
    closing = written.rfind('"') + 1
    value = value_of(written[:closing]) + written[closing:]
    return [pattern.strip() for pattern in value.split(",")]


def _written(patterns: list[str], *, quoted: bool) -> str:
    """Return patterns as they are written in a query."""
    name = ",".join(patterns)
    if not quoted and _needs_no_quotes(name):
        return name
    escaped = name.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped.translate(_ESCAPES)}"'


def _needs_no_quotes(name: str) -> bool:
    """Say whether a name without quotes is read as this one source."""
    tokens = list(scan(f"FROM {name}"))
    return '"' not in name and len(tokens) == 3 and tokens[1].kind == "source" and tokens[1].end == len(name) + 5
