"""
How the files of one environment become one tree: `extends` from below, `[space.NAME]` on top.

Tables merge, lists append, scalars replace. Every value keeps the place where it was written.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from functools import reduce
from typing import Final

from deployer.core.settings.nodes import Node, SettingsFile, WrongError, node_of, wrong_type
from deployer.core.settings.reading import text
from deployer.core.suggestion import did_you_mean
from deployer.errors import Problem

SECTIONS: Final[Mapping[str, tuple[str, ...]]] = {
    "kibana": (
        *("url", "cloud_id", "space", "spaces", "api_key", "read_api_key", "bearer", "username", "password"),
        *("ca_file", "client_cert", "client_key", "verify", "allow_http", "proxy"),
        *("timeout", "horizon", "connections", "stack"),
    ),
    "rules": ("source", "new_rules", "include", "exclude", "min_stack"),
    "ownership": ("removed", "delete_after", "conflict", "fields"),
    "limits": ("create", "update", "enable", "disable", "delete", "recreate", "weaken", "protected"),
    "deploy": ("branch", "ci_only", "reason", "freeze"),
    "promotion": ("from", "soak", "require", "healthy_allows"),
    "connectors": (),
    "override": (),
}
"""The tables of an environment file and their keys. No two tables share a key, so `[space.NAME]` may use them bare."""

SECTION_OF: Final[Mapping[str, str]] = {key: section for section, keys in SECTIONS.items() for key in keys}

NOT_IN_SPACE: Final = ("url", "cloud_id", "space", "spaces", "extends")

_EXCLUSIVE: Final = (
    (frozenset({"url"}), frozenset({"cloud_id"})),
    (frozenset({"space"}), frozenset({"spaces"})),
    (frozenset({"api_key"}), frozenset({"bearer"}), frozenset({"username", "password"})),
)
"""Keys of [kibana] that say one thing in different ways: what a later file says takes the place of the other ways."""


def merge(below: Node, above: Node) -> Node:
    """Return both in one: tables merge, lists append, anything else is taken from `above`. Associative."""
    if isinstance(below.value, dict) and isinstance(above.value, dict):
        both = {key: merge(below.value[key], above.value[key]) for key in below.value.keys() & above.value.keys()}
        return Node({**below.value, **above.value, **both}, above.file, above.keys)
    if isinstance(below.value, tuple) and isinstance(above.value, tuple):
        return Node(below.value + above.value, above.file, above.keys)
    return above


def stack(below: Node, above: Node) -> Node:
    """Merge one file's tables, or one space's, on top of what it extends."""
    return merge(_without_other_ways(below, above), above)


def _without_other_ways(below: Node, above: Node) -> Node:
    """Drop from `[kibana]` below what `[kibana]` above says in another way."""
    lower, upper = (_table(_table(node).get("kibana")) for node in (below, above))
    dropped: set[str] = set()
    for ways in _EXCLUSIVE:
        if any(way & upper.keys() for way in ways):
            dropped |= {key for way in ways if not way & upper.keys() for key in way}
    if not dropped & lower.keys():
        return below
    kibana: Node = below.value["kibana"]
    kept = Node({key: node for key, node in lower.items() if key not in dropped}, kibana.file, kibana.keys)
    return Node({**below.value, "kibana": kept}, below.file, below.keys)


def _table(node: Node | None) -> dict[str, Node]:
    return node.value if node is not None and isinstance(node.value, dict) else {}


@dataclass(frozen=True, slots=True)
class Layers:
    """
    One environment file with everything it extends below it, `extends` itself taken off.

    `whole` is False where something that it extends is missing, so that what is missing here may be said there.
    """

    tree: Node
    problems: tuple[Problem, ...] = ()
    whole: bool = True


def layered(files: Mapping[str, SettingsFile], name: str, unreadable: Collection[str] = ()) -> Layers:
    """
    Return the layers of the file `name`. A file extended that does not exist and a cycle are Problems, and so is what
    `[space.NAME]` cannot say; a file extended that is among the `unreadable` was reported already.
    """
    problems: list[Problem] = []
    chain: list[Node] = []
    seen: list[str] = []
    following: str | None = name
    while following is not None:
        tree, found = unfold_spaces(node_of(files[following].data, files[following]))
        chain.append(tree)
        seen.append(following)
        problems += found
        try:
            extends = tree.value.get("extends")
            following = None if extends is None else _parent(extends, files, seen, unreadable)
        except WrongError as error:
            return Layers(_folded(chain), (*problems, *error.problems), whole=False)
    return Layers(_folded(chain), tuple(problems))


def _folded(chain: Sequence[Node]) -> Node:
    """Return all files of a chain in one tree, from the lowest up, without `extends`."""
    return _without(reduce(stack, reversed(chain)), "extends")


def _parent(extends: Node, files: Mapping[str, SettingsFile], seen: list[str], unreadable: Collection[str]) -> str:
    """Return the name of the file that `extends` names. The WrongError for an unreadable one has no Problem."""
    parent = text(extends)
    if parent in seen:
        circle = " -> ".join([*seen[seen.index(parent) :], parent])
        raise extends.wrong(f"extends in a circle: {circle}", "extends-cycle", "remove one of these lines")
    if parent in unreadable:
        raise WrongError
    if parent not in files:
        folder = extends.file.path.rpartition("/")[0]
        remedy = did_you_mean(parent, files.keys() - {extends.file.name})
        raise extends.wrong(f"there is no {folder}/{parent}.toml to extend", "unknown-extends", remedy)
    return parent


def _without(node: Node, *keys: str) -> Node:
    return Node({key: item for key, item in node.value.items() if key not in keys}, node.file, node.keys)


def unfold_spaces(tree: Node) -> tuple[Node, list[Problem]]:
    """
    Return the tree of one file with the bare keys of each `[space.NAME]` put into the tables they belong to, and a
    Problem for each thing that a space cannot have, or has twice; that is left out of the tree.
    """
    spaces = _table(tree).get("space")
    if spaces is None:
        return tree, []
    if not isinstance(spaces.value, dict):
        wrong = wrong_type(spaces, "a table", "which spaces to deploy to is said in [kibana]")
        return _without(tree, "space"), list(wrong.problems)
    problems: list[Problem] = []
    unfolded: dict[str, Node] = {}
    for name, space in spaces.value.items():
        if isinstance(space.value, dict):
            unfolded[name] = _unfold(space, problems)
        else:
            problems += wrong_type(space, "a table", "which space to deploy to is said in [kibana]").problems
    return Node({**tree.value, "space": Node(unfolded, spaces.file, spaces.keys)}, tree.file, tree.keys), problems


def _unfold(space: Node, problems: list[Problem]) -> Node:
    """Return `[space.NAME]` as if it were a whole file."""
    tables: dict[str, Node] = {key: node for key, node in space.value.items() if key not in (*SECTION_OF, "extends")}
    if _table(tables.get("kibana")):
        problems += [_not_here(node, key) for key, node in tables["kibana"].value.items() if key in NOT_IN_SPACE]
        tables["kibana"] = _without(tables["kibana"], *NOT_IN_SPACE)
    for key, node in space.value.items():
        section = SECTION_OF.get(key, "")
        if key in NOT_IN_SPACE:
            problems.append(_not_here(node, key))
        elif section:
            table = tables.get(section, Node({}, space.file, (*space.keys, section)))
            if key in _table(table):
                message = f'"{key}" stands in [{section}] of this space too'
                problems.append(node.problem(message, "duplicate-key", "keep one"))
            tables[section] = Node({**_table(table), key: node}, table.file, table.keys)
    return Node(tables, space.file, space.keys)


def _not_here(node: Node, key: str) -> Problem:
    remedy = "say it in the file itself; another Kibana is another environment file"
    return node.problem(f'"{key}" cannot differ in one space', "not-in-space", remedy)


def for_space(tree: Node, name: str) -> Node:
    """Return the tree of one target: the file without its spaces, and `[space.NAME]` on top."""
    space = _table(_table(tree).get("space")).get(name)
    bare = _without(tree, "space")
    return bare if space is None else stack(bare, space)
