"""The files that say what we manage on Elastic's own rules: every `*.toml` below the prebuilt folders."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from deployer.adapters.environments import read_settings_files, toml_files
from deployer.core.rule_file import RuleFile
from deployer.core.settings.prebuilt import both, prebuilt_of
from deployer.errors import Problem


@dataclass(frozen=True)
class PrebuiltTree:
    """The entries of all files, sorted by path, and everything that is wrong with them."""

    files: tuple[RuleFile, ...] = ()
    problems: tuple[Problem, ...] = ()


def read_prebuilt(root: Path, folders: Sequence[str], rules: Callable[[], Iterable[RuleFile]]) -> PrebuiltTree:
    """
    Read every file; `rules` gives those of the rule folders, which no entry may name. A missing folder has no entries.
    """
    paths = toml_files(root, folders)
    if not paths:
        return PrebuiltTree()
    files, unreadable = read_settings_files(root, paths)
    entries, problems = prebuilt_of(files)
    return PrebuiltTree(entries, tuple(sorted({*unreadable, *problems, *(both(entries, rules()) if entries else ())})))
