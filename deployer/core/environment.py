"""
The project and its environments as values: what `deployer.toml` and `environments/*.toml` say, checked.

`core.settings` reads them from parsed TOML and reports Problems; nothing here reads files or secrets. A secret is a
`SecretRef`, resolved at the edge, right before it is used. One `Environment` value stands for one target: one Kibana
space, written `ENV/SPACE` where the environment lists its `spaces` and `ENV` where it has one `space`, or none.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import Any, Literal, get_args

from deployer.core.checks.policy import Policy
from deployer.core.selector import Selector
from deployer.errors import Problem, Severity

Ownership = Literal["shared", "git", "live", "once", "merge"]
Conflict = Literal["refuse", "skip", "git", "live"]
Removed = Literal["disable", "delete", "keep"]


@dataclass(frozen=True, slots=True)
class SecretRef:
    """A reference to a secret: `env:NAME` or `file:PATH`. Its text may be printed, its value never."""

    kind: Literal["env", "file"]
    name: str

    def __str__(self) -> str:
        """The reference as it stands in the file."""
        return f"{self.kind}:{self.name}"


@dataclass(frozen=True, slots=True)
class Credentials:
    """How to authenticate: an API key, a bearer token, or user name and password; all None for the sandbox."""

    api_key: SecretRef | None = None
    bearer: SecretRef | None = None
    username: str | SecretRef | None = None  # not a secret by itself, so it may stand in the file
    password: SecretRef | None = None


@dataclass(frozen=True, slots=True, repr=False)
class ResolvedCredentials:
    """
    Credentials with their secrets read, right before they are used: one way to authenticate, none for the sandbox.

    `api_key` is as it was found: the encoded form, or `id:key`.
    """

    api_key: str | None = None
    bearer: str | None = None
    username: str | None = None
    password: str | None = None

    def __repr__(self) -> str:
        """Say which way, never a value."""
        ways = [name for name in self.__slots__ if getattr(self, name)]
        return f"ResolvedCredentials({', '.join(ways) or 'none'})"


@dataclass(frozen=True, slots=True)
class Connection:
    """How to reach one Kibana. Times in seconds. `url` has no trailing slash, no credentials; "sandbox" is embedded."""

    url: str
    credentials: Credentials
    read_credentials: Credentials
    ca_file: str | None = None
    client_cert: str | None = None
    client_key: str | None = None
    proxy: str | None = None
    verify: bool = True
    allow_http: bool = False
    connect_timeout: float = 5.0
    read_timeout: float = 60.0
    run_timeout: float = 1200.0
    horizon: float = 150.0
    connections: int = 8
    stack: str | None = None  # for offline checks: "9.3"
    given_as: Literal["url", "cloud_id"] = "url"  # the key that the url comes from, for messages


@dataclass(frozen=True, slots=True)
class Exclusion:
    """One entry of `exclude`; `until` is the last day on which it holds."""

    selector: Selector
    reason: str = ""
    until: date | None = None


@dataclass(frozen=True, slots=True)
class RulesPolicy:
    """Which rules an environment desires, and what happens to new ones."""

    source: Literal["worktree", "promoted"] = "worktree"
    include: tuple[Selector, ...] = ()
    exclude: tuple[Exclusion, ...] = ()
    new_rules: Literal["enabled", "disabled"] = "enabled"
    min_stack: Literal["warn", "skip", "error"] = "warn"


@dataclass(frozen=True, slots=True)
class ConnectorRef:
    """What a logical connector name stands for: a connector's name in the space, or its id."""

    name: str | None = None
    id: str | None = None


@dataclass(frozen=True, slots=True)
class Override:
    """
    One `[[override]]`: applied in order to every rule that `match` selects.

    `set` maps dotted keys to JSON values; what the file wrote as nested tables is already spelled as dotted keys.
    """

    name: str
    match: tuple[Selector, ...]
    set: Mapping[str, Any] = field(default_factory=dict)
    add_tags: tuple[str, ...] = ()
    remove_tags: tuple[str, ...] = ()
    add_actions: tuple[Mapping[str, Any], ...] = ()
    rewrite_index: Mapping[str, str] = field(default_factory=dict)
    origin: str = ""  # file:line, for `render`

    @property
    def label(self) -> str:
        """Name and place, for `render` and messages."""
        return f'"{self.name}" ({self.origin})' if self.origin else f'"{self.name}"'

    def problem(self, message: str, code: str, remedy: str = "", severity: Severity = Severity.ERROR) -> Problem:
        """Return a Problem at the place of this override."""
        path, _, line = self.origin.rpartition(":")
        known = bool(path) and line.isdigit()
        place = (path, int(line), 1) if known and int(line) else (path if known else self.origin, 0, 0)
        return Problem(*place, "override", f'"{self.name}": {message}', code, remedy, severity)


@dataclass(frozen=True, slots=True)
class OwnershipPolicy:
    """Who wins, field by field. `fields` maps a top-level field name or "*" to an Ownership."""

    fields: Mapping[str, Ownership] = field(default_factory=dict)
    removed: Removed = "disable"
    delete_after_days: float = 30.0
    conflict: Conflict = "refuse"

    def of(self, name: str) -> Ownership:
        """Return the ownership of a field: its own entry, else the built-in `merge` of tags and lists, else "*"."""
        if name in self.fields:
            return self.fields[name]
        if name in ("tags", "exceptions_list"):
            return "merge"
        return self.fields.get("*", "shared")


@dataclass(frozen=True, slots=True)
class Limit:
    """A number, or a percentage of the managed rules (which never refuses fewer than five rules)."""

    value: int
    percent: bool = False


@dataclass(frozen=True, slots=True)
class Limits:
    """How much one apply may do. None is unlimited."""

    create: Limit | None = None
    update: Limit | None = None
    enable: Limit | None = None
    disable: Limit | None = field(default_factory=lambda: Limit(10))
    delete: Limit | None = field(default_factory=lambda: Limit(0))
    recreate: Limit | None = field(default_factory=lambda: Limit(0))
    weaken: Limit | None = None
    protected: tuple[Selector, ...] = ()


@dataclass(frozen=True, slots=True)
class Freeze:
    """A span of days, both included, in which nothing is deployed."""

    start: date
    end: date
    reason: str = ""


@dataclass(frozen=True, slots=True)
class DeployPolicy:
    """Who may write here. Rollback, hold and recover are exempt."""

    branch: str | None = None
    ci_only: bool = False
    reason: tuple[str, ...] = ()
    freeze: tuple[Freeze, ...] = ()


@dataclass(frozen=True, slots=True)
class PromotionPolicy:
    """What a rule must have shown in `source` before it is pinned here. `soak` in seconds."""

    source: str
    soak: float = 0.0
    require: tuple[str, ...] = ("deployed",)
    healthy_allows: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Environment:
    """One target, complete: everything that `plan` and `apply` need to know about one Kibana space."""

    name: str  # the file's stem
    space: str  # Kibana's space id, "default" for the default one
    target: str  # what users write and read: "prod/emea", or "dev"
    path: str  # environments/prod.toml, relative to the project
    connection: Connection
    rules: RulesPolicy = field(default_factory=RulesPolicy)
    ownership: OwnershipPolicy = field(default_factory=OwnershipPolicy)
    limits: Limits = field(default_factory=Limits)
    deploy: DeployPolicy = field(default_factory=DeployPolicy)
    promotion: PromotionPolicy | None = None
    connectors: Mapping[str, ConnectorRef] = field(default_factory=dict)
    overrides: tuple[Override, ...] = ()

    @property
    def sandbox(self) -> bool:
        """Whether this target is the embedded sandbox."""
        return self.connection.url == "sandbox"


NotifyEvent = Literal["apply", "rollback", "hold", "release", "drift", "recovery"]


@dataclass(frozen=True, slots=True)
class NotifyPolicy:
    """`[notify]`: the webhook that is told, by reference only, and after which events."""

    webhook: SecretRef | None = None
    on: tuple[NotifyEvent, ...] = get_args(NotifyEvent)
    body: Literal["full", "text"] = "full"  # text: nothing but `text`, for receivers that take no other key


@dataclass(frozen=True, slots=True)
class Project:
    """What `deployer.toml` says. Folders are relative to the project's root; `name` is "" where it is not set."""

    name: str = ""
    rules: tuple[str, ...] = ("rules",)
    exceptions: tuple[str, ...] = ("exceptions",)
    value_lists: tuple[str, ...] = ("value_lists",)
    prebuilt: tuple[str, ...] = ("prebuilt",)
    state: str = "file:.deployer"
    pull: str = ""  # where `pull` puts the file of a rule that has none, "" for core.pulling.places.default_template
    pull_lists: str = ""  # where it puts the file of an exception list that has none
    notify: NotifyPolicy = field(default_factory=NotifyPolicy)
    checks: Policy = field(default_factory=dict)  # [checks]: what `validate` judges beyond what Kibana accepts

    @property
    def marker(self) -> str:
        """The tag that marks a rule as ours. Only the sandbox takes rules of a project without a name."""
        return f"deployer:{self.name or 'sandbox'}"


@dataclass(frozen=True, slots=True)
class Settings:
    """
    Everything that the settings files say: the project, its targets in order, and what is wrong with the files.

    A target of a file with errors is not among `environments`; `broken` names such environments.
    """

    project: Project
    environments: tuple[Environment, ...] = ()
    problems: tuple[Problem, ...] = ()
    broken: tuple[str, ...] = ()

    @property
    def errors(self) -> tuple[Problem, ...]:
        """The problems that stop a command."""
        return tuple(problem for problem in self.problems if problem.severity is Severity.ERROR)
