"""
The plan: all changes for one target, as a frozen, sorted, serialisable value named by the digest of its content.

`plan` prints it, `apply` carries it out, rollback and promotion make one too. The digest covers what will be done (url,
space, project, `--allow`, the changes) and nothing that differs between two machines that plan the same thing.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Final

from deployer.core.canonical import canonical_bytes, digest
from deployer.core.change import Action, Change, Label
from deployer.core.dependency import Dependency, dependency_json
from deployer.core.guards import Verdict
from deployer.core.holds import Hold
from deployer.core.record import Provenance, Retired
from deployer.errors import Problem

FORMAT: Final = "deployer-plan"
VERSION: Final = 1


@dataclass(frozen=True, slots=True)
class Target:
    """One Kibana space of one environment: `name` is what users write, `url` has no credentials."""

    environment: str
    space: str
    name: str
    url: str


@dataclass(frozen=True, slots=True)
class Entry:
    """
    What the record will say of a rule once the plan is committed; id, revision and `written` come from the read-back.

    `enabled` is the state that we last decided on (created, flipped, adopted), so that an analyst's switch stays
    visible as one; None takes it from the read-back.
    `retired` is set when this plan (or an earlier one) switched the rule off
    because git no longer has it. `as_of` is the deployment that a rollback's content is from, None for a new one;
    `kept` says who edited what is left alone or kept, and when (`core.record`). `prebuilt`: one of Elastic's rules.
    """

    name: str
    path: str
    fingerprint: str
    authored: str
    enabled: bool | None = None
    retired: Retired | None = None
    as_of: int | None = None
    kept: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    prebuilt: bool = False


@dataclass(frozen=True, slots=True)
class ListEntry:
    """
    What the record will say of an exception list or value list: the digest of its document, as git asks for it here,
    and its file.
    """

    authored: str
    path: str


@dataclass(frozen=True, slots=True)
class Edit:
    """
    A field that Kibana changed since the last deployment. `kind` says what the plan does about it: `left` alone, put
    `back`, `kept` by merging, `conflict` with git. `by` and `at` are the rule's last editor and time.
    """

    rule_id: str
    field: str
    kind: str
    authored: Any
    live: Any
    desired: Any
    by: str = ""
    at: str = ""


@dataclass(frozen=True, slots=True)
class Held:
    """
    A rule with a hold, at one plan. `state` is `held`, `waits` (git behaves differently, and the hold stands until it
    is released), `ended` (git behaves differently) or `expired`. `runs` and `git` are short fingerprints, "" for none.
    """

    rule_id: str
    name: str
    hold: str
    state: str
    runs: str = ""
    git: str = ""
    off: bool = False
    reason: str = ""
    until: str = ""


@dataclass(frozen=True, slots=True)
class Blocked:
    """
    A desired rule that the plan may not touch: somebody else's (`unmanaged`, `foreign`, `prebuilt`, `duplicate`),
    changed on both sides (`conflict`), or of another type where no record says whose change that is (`retyped`).
    """

    rule_id: str
    kind: str
    reason: str
    remedy: str = ""


@dataclass(frozen=True, slots=True)
class Waiting:
    """A rule that the branch changes and a promoted target does not run yet: `sentence` says what it waits for."""

    rule_id: str
    name: str
    path: str
    sentence: str


@dataclass(frozen=True, slots=True)
class Branch:
    """
    What `plan --base REF` found. `origins` has a `core.origin.Origin` for each change, by rule_id or dependency key;
    `mixed` the fields of a change of this branch that REF's plan writes alike; `undone` names changes that REF's plan
    has and this branch takes away; `note` says why nothing could be compared, "" where it was.
    """

    ref: str
    commit: str
    origins: Mapping[str, str] = field(default_factory=dict)
    mixed: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    undone: tuple[str, ...] = ()
    waiting: tuple[Waiting, ...] = ()
    note: str = ""


@dataclass(frozen=True, slots=True)
class Census:
    """How many rules of the space are what: every number that the plan's summary prints."""

    unchanged: int = 0
    equal_unmanaged: int = 0
    unmanaged: int = 0
    prebuilt: int = 0
    tuned: int = 0  # rules of Elastic's that prebuilt/*.toml names, changed or not
    copies: tuple[str, ...] = ()  # names of rules that carry our marker but are unknown to git and to the record
    desired: int = 0
    managed: int = 0
    items_unchanged: int = 0  # exception items of ours
    items_foreign: int = 0  # exception items that analysts added to lists of ours


@dataclass(frozen=True, slots=True)
class Notes:
    """Everything that people should know beside the changes; no part of the digest."""

    census: Census = Census()
    edits: tuple[Edit, ...] = ()
    blocked: tuple[Blocked, ...] = ()
    unmarked: tuple[str, ...] = ()  # recorded rules whose marker is gone
    left_out: tuple[str, ...] = ()  # rules that conflict = "skip" leaves out
    warnings: tuple[Problem, ...] = ()
    verdicts: tuple[Verdict, ...] = ()
    held: tuple[Held, ...] = ()  # rules with a hold, those that end at this plan included
    lines: tuple[str, ...] = ()  # further sentences for the head of the plan (lost store, upgraded Kibana, ...)
    details: Mapping[str, tuple[str, ...]] = field(default_factory=dict)  # rule_id -> sentences under its change
    rekeyed: tuple[str, ...] = ()  # rules that will run with another API key than now
    recovery: str = ""  # the command that must come first, where an apply was interrupted
    requests: int = 0
    seconds: float = 0.0
    branch: Branch | None = None  # where the changes come from, with --base


@dataclass(frozen=True)
class Plan:
    """
    All changes for one target. `entries` has the record's new entry of every rule whose entry changes (None: the rule
    leaves the record), `documents` the canonical rules that those entries name, `base` the record it was made from.
    `dependencies` are what rules refer to, `lists` the record's new entries of lists (None: one leaves it);
    `made_as` is the digest of the plan that this one completes (`core.completion`).
    `holds` begin with this plan, those of `released` rules end; `back_to` is the deployment that a rollback of the
    whole target goes back to.
    """

    target: Target
    project: str
    changes: tuple[Change, ...] = ()
    allow: Mapping[str, int] = field(default_factory=dict)
    entries: Mapping[str, Entry | None] = field(default_factory=dict)
    documents: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    labels: Mapping[str, Label] = field(default_factory=dict)
    base: int | None = None
    event: str = "deploy"
    reason: str = ""
    holds: tuple[Hold, ...] = ()
    released: tuple[str, ...] = ()
    back_to: int | None = None
    dependencies: tuple[Dependency, ...] = ()
    lists: Mapping[str, ListEntry | None] = field(default_factory=dict)
    made_as: str = ""
    notes: Notes = Notes()
    provenance: Provenance = field(default_factory=Provenance)
    made_at: str = ""
    source: bytes = field(default=b"", init=False, repr=False, compare=False)
    """The plan file that it was read from, empty for a plan that was made or altered here."""
    texts: Mapping[str, bytes] = field(default_factory=dict, init=False, repr=False, compare=False)
    """The canonical texts of those documents for which they are known already."""

    @cached_property
    def digest(self) -> str:
        """The content address of what the plan does, `sha256:...`; people read its first twelve hex digits."""
        return self.made_as or digest(essence(self))

    def text(self, name: str) -> bytes:
        """Return the canonical text of a document. Raises KeyError."""
        return self.texts.get(name) or canonical_bytes(self.documents[name])

    @property
    def short(self) -> str:
        """The first twelve hex digits of the digest."""
        return self.digest.removeprefix("sha256:")[:12]

    @property
    def records(self) -> bool:
        """Whether there is something to commit: a write, an entry, a hold that begins or ends."""
        return bool(self.writes or self.entries or self.lists or self.holds or self.released)

    @property
    def writes(self) -> int:
        """How many objects are written to Kibana: rules, and what they depend on."""
        return len(self.changes) + len(self.dependencies)

    @property
    def empty(self) -> bool:
        """Whether there is nothing to write to Kibana."""
        return not self.writes

    def count(self, action: Action) -> int:
        """Return how many changes have this action."""
        return sum(change.action is action for change in self.changes)

    def label(self, rule_id: str) -> Label:
        """Return how to name a rule."""
        return self.labels.get(rule_id) or Label(name=rule_id)

    @property
    def refusals(self) -> tuple[Verdict, ...]:
        """The guards that say no."""
        return tuple(verdict for verdict in self.notes.verdicts if not verdict.ok)

    @property
    def conflicts(self) -> tuple[Edit, ...]:
        """The fields that git and Kibana changed to different values."""
        return tuple(edit for edit in self.notes.edits if edit.kind == "conflict")


def essence(plan: Plan) -> dict[str, Any]:
    """Return what the digest covers."""
    result: dict[str, Any] = {
        "format": FORMAT,
        "version": VERSION,
        "target": {"url": plan.target.url, "space": plan.target.space},
        "project": plan.project,
        "allow": dict(plan.allow),
        "changes": [change_json(change) for change in plan.changes],
    }
    if plan.dependencies:
        result["dependencies"] = [dependency_json(dependency) for dependency in plan.dependencies]
    return result


def change_json(change: Change) -> dict[str, Any]:
    """Return one change as JSON: its sides, and the flags that are set."""
    result: dict[str, Any] = {
        "rule_id": change.rule_id,
        "type": change.rule_type,
        "before": None if change.before is None else dict(change.before),
        "after": None if change.after is None else dict(change.after),
    }
    if change.marker:
        result["marker"] = True
    if change.adopts:
        result["adopts"] = True
    if change.prebuilt:
        result["prebuilt"] = True
    return result
