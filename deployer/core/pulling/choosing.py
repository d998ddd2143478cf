"""Which lists a pull takes: those that its rules name; of a whole space also those that no rule of others names."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from deployer.core.dependency import AGNOSTIC, Kind, key_of
from deployer.core.exceptions.diff import LiveList
from deployer.core.ports import Body

KIBANAS_OWN: Final = "endpoint_list"
ELSEWHERE: Final = "not deployed here"
FOREIGN: Final = "of others"


@dataclass(frozen=True, slots=True)
class ListsOfGit:
    """The keys of the lists that files describe, and of those that this target is to have."""

    all: frozenset[str]
    here: frozenset[str]


@dataclass(frozen=True, slots=True)
class Chosen:
    """The keys of the lists to take, and how many are left for which reason."""

    keys: frozenset[str]
    left: Mapping[str, int] = field(default_factory=dict)


def chosen_lists(
    containers: Iterable[Body], taken: Iterable[Body], others: Iterable[Body], git: ListsOfGit, *, whole: bool
) -> Chosen:
    """Return which exception lists of a space are taken along with the rules `taken`; `others` are its other rules."""
    ours, foreign = named_keys(taken), named_keys(others)
    left: Counter[str] = Counter()
    keys: set[str] = set()
    for body in containers:
        key = list_key(body)
        own = body.get("namespace_type") != AGNOSTIC  # an agnostic list that no rule here names is of other spaces
        free = whole and own and body.get("type") == "detection" and key not in foreign
        taken_along = key in ours or (whole and key in git.here) or free
        if key in git.all and key not in git.here:
            left[ELSEWHERE] += 1
        elif taken_along and (body["list_id"] != KIBANAS_OWN or key in git.here):
            keys.add(key)
        elif own and body["list_id"] != KIBANAS_OWN:
            left[FOREIGN] += 1
    return Chosen(frozenset(keys), dict(left) if whole else {})


def list_key(body: Mapping[str, Any]) -> str:
    """Return the key of a list, or of what a rule names."""
    return key_of(Kind.LIST, str(body.get("list_id")), str(body.get("namespace_type", "single")))


def named_keys(rules: Iterable[Body]) -> set[str]:
    """Return the keys of the exception lists that rules of a space name."""
    named = (entry for rule in rules for entry in rule.get("exceptions_list") or () if isinstance(entry, Mapping))
    return {list_key(entry) for entry in named}


def named_values(lists: Iterable[LiveList]) -> set[str]:
    """Return the ids of the value lists that the items of lists name."""
    entries: Iterable[Any] = (
        entry for one in lists for item in one.items.values() for entry in item.get("entries") or ()
    )
    listed = (entry.get("list") for entry in entries if isinstance(entry, Mapping))
    return {str(one.get("id")) for one in listed if isinstance(one, Mapping)}


def values_are_taken(name: str, named: Collection[str], git: ListsOfGit, *, whole: bool) -> bool:
    """Say whether a value list is taken: one that the taken lists name, or of a whole space one that git lets go in."""
    key = key_of(Kind.VALUE_LIST, name)
    if key in git.all:
        return key in git.here and (whole or name in named)
    return whole or name in named
