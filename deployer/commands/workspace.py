"""
The project on disk, opened once per run: its settings, its rule files, its surroundings.

Everything that a verb needs hangs on a Workspace; nothing in it talks to Kibana or to the state store yet.
"""

from __future__ import annotations

import threading
from contextlib import suppress
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from deployer.adapters.environments import find_root, load_settings
from deployer.adapters.rules import RuleTree, read_rules
from deployer.adapters.surroundings import Surroundings, SystemClock
from deployer.commands.console import Console
from deployer.core.environment import Environment, Project, Settings
from deployer.core.fields import FIELDS
from deployer.core.ports import Clock
from deployer.core.selector import compile_glob
from deployer.core.settings import select_targets
from deployer.errors import DeployerError, Problem, ProblemsError, Severity

if TYPE_CHECKING:
    from deployer.adapters.list_files import ListTree
    from deployer.adapters.prebuilt_files import PrebuiltTree
    from deployer.core.notification import Happened


@dataclass(frozen=True, slots=True)
class Checkout:
    """What git says of the project's files; all of it empty where there is no repository."""

    commit: str = ""
    branch: str = ""
    clean: bool = True


@dataclass
class Workspace:
    """
    One project, opened. `root` is its folder; `snapshot` another folder that settings, lists and lock files are read
    from, where they are to be those of another commit. State, secrets and git stay with `root`.
    """

    root: Path
    console: Console
    surroundings: Surroundings
    clock: Clock = field(default_factory=SystemClock)
    snapshot: Path | None = None
    happened: list[Happened] = field(default_factory=list)  # what is told at the end of the run (commands.notifying)
    _loading: threading.Lock = field(default_factory=threading.Lock)
    _tree: RuleTree | None = None
    _lists: ListTree | None = None
    _prebuilt: PrebuiltTree | None = None
    _checkout: Checkout | None = None

    @property
    def files(self) -> Path:
        """The folder that the project's files are read from."""
        return self.snapshot or self.root

    @cached_property
    def settings(self) -> Settings:
        """What the settings files say."""
        return load_settings(self.files, today=self.clock.now().date(), fields=FIELDS.keys())

    @property
    def project(self) -> Project:
        """What deployer.toml says."""
        return self.settings.project

    @property
    def tree(self) -> RuleTree:
        """The rule files, read once, whichever thread asks first."""
        with self._loading:
            if self._tree is None:
                self._tree = read_rules(self.files, self.project.rules)
            return self._tree

    def load_ahead(self) -> None:
        """Begin to read the rule files while Kibana is being reached; `tree` waits for it, or meets the same error."""

        def load() -> None:
            with suppress(DeployerError):
                _ = self.tree

        threading.Thread(target=load, daemon=True, name="rules").start()

    @property
    def lists(self) -> ListTree:
        """The exception lists and value lists on disk, read once, whichever thread asks first."""
        with self._loading:
            if self._lists is None:
                from deployer.adapters.list_files import read_lists

                self._lists = read_lists(self.files, self.project.exceptions, self.project.value_lists)
            return self._lists

    @property
    def prebuilt(self) -> PrebuiltTree:
        """What is managed on Elastic's own rules; the rules are read for it only where there is an entry."""
        if self._prebuilt is None:
            from deployer.adapters.prebuilt_files import read_prebuilt

            found = read_prebuilt(self.files, self.project.prebuilt, lambda: self.tree.files)
            with self._loading:
                self._prebuilt = self._prebuilt or found
        return self._prebuilt

    @property
    def checkout(self) -> Checkout:
        """Commit, branch and cleanness of the work tree, asked once, whichever thread asks first."""
        with self._loading:
            if self._checkout is None:
                self._checkout = self._look_at_git()
            return self._checkout

    def _look_at_git(self) -> Checkout:
        from deployer.adapters.git import Git

        git = Git(self.root, self.surroundings.environ)
        if not git.is_repository():
            return Checkout()
        folders = (*self.project.rules, *self.project.exceptions, *self.project.value_lists, *self.project.prebuilt)
        inputs = (*folders, "environments", "deployer.toml")
        return Checkout(git.revision() or "", git.branch() or "", not git.dirty(inputs))

    def targets(self, patterns: tuple[str, ...]) -> tuple[Environment, ...]:
        """
        Return the targets that `-e` names. Raises ProblemsError if a settings file that matters is wrong,
        DeployerError for a name that does not exist.
        """
        broken = [problem for problem in self.settings.errors if _concerns(problem, patterns, self.settings)]
        if broken:
            raise ProblemsError(tuple(broken), hint="nothing was changed")
        return select_targets(self.settings.environments, patterns)

    def sound_tree(self) -> RuleTree:
        """Return the rule files; raises ProblemsError with every Problem of every file if one is an error."""
        raise_errors(self.tree.problems)
        return self.tree


def raise_errors(problems: tuple[Problem, ...]) -> None:
    """Raise a ProblemsError if any Problem is an error."""
    errors = tuple(problem for problem in problems if problem.severity is Severity.ERROR)
    if errors:
        raise ProblemsError(errors, hint="nothing was changed; mend the files and run it again")


def open_workspace(console: Console, given: Path | None, clock: Clock | None = None) -> Workspace:
    """Return the project in `given`, or the one above the working directory. Raises DeployerError if there is none."""
    root = _root(given)
    return Workspace(root, console, console.surroundings, clock or SystemClock())


def _root(given: Path | None) -> Path:
    if given is not None:
        if not given.is_dir():
            raise DeployerError(f"there is no folder {given}", hint="name the project's folder with --project")
        return given.resolve()
    return find_root(Path.cwd())


def _concerns(problem: Problem, patterns: tuple[str, ...], settings: Settings) -> bool:
    """Say whether a broken file stands in the way of these targets; another environment's mistakes do not."""
    if not problem.path.startswith("environments/"):
        return True
    known = {environment.path for environment in settings.environments}
    if problem.path not in known and problem.path.removeprefix("environments/").startswith("_"):
        return True
    name = problem.path.removeprefix("environments/").removesuffix(".toml")
    return any(compile_glob(pattern.split("/")[0])(name) for pattern in patterns)
