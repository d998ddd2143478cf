"""
The tables of a rule file that Kibana never sees as they stand: `[metadata]`, `[transform]`, `[rule.new_terms]`.

Their content is used up while the payload is made, so that the models of `core.shape` cannot judge it any more. What
would get lost there without a word (a table of an unknown name, a mistyped key) is named here.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping
from typing import Any, Final

from deployer.core.flaw import Flaw, Path
from deployer.core.kinds import kind_of
from deployer.core.stack import parts
from deployer.core.suggestion import closest, did_you_mean

TABLES: Final = ("metadata", "rule", "transform")
TEXTS: Final = ("maturity", "min_stack_version", "creation_date", "updated_date", "deprecation_date")
FIELD_OF: Final = {"field": "new_terms_fields", "history_window_start": "history_window_start"}
PLUGINS: Final[Mapping[str, tuple[str, ...]]] = {
    "osquery": ("label", "query", "ecs_mapping"),
    "investigate": ("label", "description", "providers", "relativeFrom", "relativeTo"),
}
NEEDED: Final[Mapping[str, tuple[str, ...]]] = {"osquery": ("query",), "investigate": ("providers",)}
LISTS: Final = ("providers",)
FREE: Final = ("ecs_mapping",)


def table_flaws(data: Mapping[str, Any]) -> Iterator[Flaw]:
    """Yield what is wrong outside the payload. Paths start at the top of the file: `("metadata", "maturity")`."""
    for name in data.keys() - set(TABLES):
        remedy = _elsewhere(name, data)
        yield Flaw((name,), f"a rule file has no table or key {name}; it would get lost", "unknown-key", remedy)
    yield from _metadata_flaws(data.get("metadata", {}))
    rule = data.get("rule")
    if isinstance(rule, Mapping) and "new_terms" in rule:
        yield from _new_terms_flaws(rule["new_terms"])
    if "transform" in data:
        yield from _transform_flaws(data["transform"])


def _elsewhere(name: str, data: Mapping[str, Any]) -> str:
    meant = closest(name, TABLES)
    if meant and meant not in data:
        return f'did you mean "{meant}"?'
    return f"write [rule.{name}], or put it under [metadata.extended]"


def _metadata_flaws(metadata: Any) -> Iterator[Flaw]:
    if not isinstance(metadata, Mapping):
        yield _wrong(("metadata",), "a table", metadata)
        return
    for name in TEXTS:
        if name in metadata and not isinstance(metadata[name], str):
            yield _wrong(("metadata", name), "text", metadata[name], "write it in quotes")
    version = metadata.get("min_stack_version")
    if isinstance(version, str) and not parts(version):
        yield Flaw(("metadata", "min_stack_version"), f'"{version}" is not a version', "wrong-value", 'write "9.3.0"')
    if not isinstance(metadata.get("extended", {}), Mapping):
        yield _wrong(("metadata", "extended"), "a table", metadata["extended"], "write [metadata.extended]")


def _new_terms_flaws(table: Any) -> Iterator[Flaw]:
    """Judge the nested spelling of new terms; the values themselves are judged as the flat fields that they become."""
    here: Path = ("rule", "new_terms")
    if not isinstance(table, Mapping):
        yield _wrong(here, "a table", table, "write [rule.new_terms]")
        return
    yield from _keys(here, table, ("field", "value", "history_window_start"), ("value", "history_window_start"))
    yield from _names(here, table, "field")
    windows = table.get("history_window_start", [])
    if not isinstance(windows, list):
        yield _wrong(
            (*here, "history_window_start"), "a list", windows, "write [[rule.new_terms.history_window_start]]"
        )
        return
    for number, window in enumerate(windows):
        place: Path = (*here, "history_window_start", number)
        if not isinstance(window, Mapping):
            yield _wrong(place, "a table", window)
            continue
        yield from _keys(place, window, ("field", "value"), ("value",))
        yield from _names(place, window, "history_window_start")


def _names(here: Path, table: Mapping[str, Any], spelled: str) -> Iterator[Flaw]:
    """Judge `field`, which can only say which field this table is about."""
    wanted = FIELD_OF[spelled]
    if table.get("field", wanted) != wanted:
        yield Flaw((*here, "field"), f"field can only be {wanted} here", "wrong-value", f'write field = "{wanted}"')


def _transform_flaws(transform: Any) -> Iterator[Flaw]:
    if not isinstance(transform, Mapping):
        yield _wrong(("transform",), "a table", transform)
        return
    yield from _keys(("transform",), transform, tuple(PLUGINS), ())
    for plugin in PLUGINS:
        entries = transform.get(plugin, [])
        if not isinstance(entries, list):
            yield _wrong(("transform", plugin), "a list", entries, f"write [[transform.{plugin}]]")
            continue
        for number, entry in enumerate(entries):
            yield from _entry_flaws(("transform", plugin, number), plugin, entry)


def _entry_flaws(here: Path, plugin: str, entry: Any) -> Iterator[Flaw]:
    if not isinstance(entry, Mapping):
        yield _wrong(here, "a table", entry)
        return
    yield from _keys(here, entry, PLUGINS[plugin], NEEDED[plugin])
    for name in PLUGINS[plugin]:
        kind, fits = _kind_wanted(name)
        if name in entry and not fits(entry[name]):
            yield _wrong((*here, name), kind, entry[name])


def _kind_wanted(name: str) -> tuple[str, Callable[[Any], bool]]:
    if name in LISTS:
        return "a list", lambda value: isinstance(value, list)
    if name in FREE:
        return "a table", lambda value: isinstance(value, Mapping)
    return "text", lambda value: isinstance(value, str)


def _keys(here: Path, table: Mapping[str, Any], known: Collection[str], needed: Collection[str]) -> Iterator[Flaw]:
    for name in table.keys() - set(known):
        yield Flaw((*here, name), f"there is no key {name} here", "unknown-key", did_you_mean(name, known))
    for name in needed:
        if name not in table:
            yield Flaw((*here, name), f"{name} is missing", "missing-key", f"add {name}")


def _wrong(path: Path, wanted: str, value: Any, remedy: str = "") -> Flaw:
    return Flaw(path, f"must be {wanted}, not {kind_of(value)}", "wrong-type", remedy)
