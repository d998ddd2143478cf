"""
One TOML file as a rule, before any environment looks at it.

Reading is cheap on purpose: only what every later step relies on is checked here (the file parses, has its tables,
names its rule). What each field may hold is `core.shape`, which runs for `validate` and for the rules that a plan would
change; an unchanged rule costs no model and no parser.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Final

from deployer.core.canonical import digest
from deployer.core.fields import IDENTITY, PREBUILT, RULE_TYPES, SERVER_OWNED
from deployer.core.flaw import Flaw, Locate, dotted
from deployer.core.kinds import kind_of
from deployer.core.normalise import canonical, markers
from deployer.core.payload import payload
from deployer.core.rule_tables import table_flaws
from deployer.core.toml import TomlError, locator, read
from deployer.errors import Problem, Severity

DEPRECATED: Final = "deprecated"
_STRINGS: Final = (IDENTITY, "name", "type", "severity")
_LISTS: Final = ("actions", "exceptions_list", "index", "threat_index")


@dataclass(frozen=True)
class RuleFile:
    """
    A rule as its file says it. `payload` is the API payload with connector names and list ids unresolved, `path` is
    relative to the project, with `/`. It is the subject that selectors look at.
    """

    path: str
    metadata: Mapping[str, Any]
    payload: Mapping[str, Any]

    @property
    def rule_id(self) -> str:
        """The identity of the rule."""
        return str(self.payload[IDENTITY])

    @property
    def name(self) -> str:
        """The name that people read; playbooks key on it."""
        return str(self.payload["name"])

    @property
    def type(self) -> str:
        """The rule type."""
        return str(self.payload.get("type", ""))

    @property
    def severity(self) -> str:
        """The severity."""
        return str(self.payload.get("severity", ""))

    @property
    def prebuilt(self) -> bool:
        """Whether this is no rule of ours but what we set on one of Elastic's: an entry of `prebuilt/*.toml`."""
        return PREBUILT in self.payload

    def key(self, name: str, number: int, last: str) -> tuple[str | int, ...]:
        """Return where the file has a key of an entry of one of its lists."""
        if not self.prebuilt:
            return ("rule", name, number, last)
        entry = ("prebuilt", int(self.metadata.get("entry", 0)))
        return (*entry, "exceptions", number) if name == "exceptions_list" else (*entry, name, number, last)

    @property
    def tags(self) -> tuple[str, ...]:
        """The tags."""
        return tuple(self.payload.get("tags") or ())

    @property
    def maturity(self) -> str:
        """What `[metadata] maturity` says; only `deprecated` means something to us."""
        return str(self.metadata.get("maturity", ""))

    @property
    def min_stack(self) -> str:
        """The lowest stack version that the author names, "" for none."""
        return str(self.metadata.get("min_stack_version", ""))

    @cached_property
    def canonical(self) -> Mapping[str, Any]:
        """The canonical form of the rule from its file alone."""
        return canonical(unresolved(self.payload))

    @cached_property
    def fingerprint(self) -> str:
        """
        The content address of the rule from its file alone: what promotion, lock file and holds compare. The form is
        not kept for it: of most rules nobody else asks for it, and 20,000 forms are a fifth of a plan's memory.
        """
        return digest(canonical(unresolved(self.payload)))


def unresolved(content: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return a payload as every space would see it: exception lists by `list_id`, without the id of one space."""
    lists = content.get("exceptions_list")
    if not isinstance(lists, list):
        return content
    named = [{"list_id": entry} if isinstance(entry, str) else entry for entry in lists]
    return {
        **content,
        "exceptions_list": [
            {key: value for key, value in entry.items() if key != "id"} if isinstance(entry, Mapping) else entry
            for entry in named
        ],
    }


def read_rule(path: str, text: str) -> tuple[RuleFile | None, tuple[Problem, ...]]:
    """Return the rule of one file and what is wrong with it; no rule where an error makes it useless."""
    try:
        data = read(text)
    except TomlError as exc:
        remedy = "mend the syntax; `deployer validate` shows the line"
        return None, (Problem(path, exc.line, exc.column, "", f"not TOML: {exc.message}", "toml-syntax", remedy),)
    found = _Findings(path, text)
    rule, metadata = data.get("rule"), data.get("metadata", {})
    if not isinstance(rule, dict):
        found.error((), "there is no [rule] table", "no-rule-table", "a rule file has [metadata] and [rule]")
    elif not isinstance(metadata, dict):
        found.error(("metadata",), "[metadata] is not a table", "wrong-type", "write it as [metadata]")
    else:
        _check(rule, found)
        found.flaws(table_flaws(data))
    if found.failed or not isinstance(rule, dict):
        return None, tuple(found.problems)
    kept = {key: value for key, value in rule.items() if key not in SERVER_OWNED}
    return RuleFile(path, metadata, payload(kept, data.get("transform"))), tuple(found.problems)


class _Findings:
    """The Problems of one file; positions are worked out only when there is one."""

    def __init__(self, path: str, text: str) -> None:
        self._path = path
        self._text = text
        self.problems: list[Problem] = []
        self.failed = False

    def error(self, key: tuple[str | int, ...], message: str, code: str, remedy: str) -> None:
        """Note something that makes the rule unusable."""
        self.failed = True
        self._add(key, message, code, remedy, Severity.ERROR)

    def warn(self, key: tuple[str | int, ...], message: str, code: str, remedy: str) -> None:
        """Note something that a person should know."""
        self._add(key, message, code, remedy, Severity.WARNING)

    def flaws(self, flaws: Iterable[Flaw]) -> None:
        """Note flaws whose paths start at the top of the file."""
        for flaw in flaws:
            self.failed = self.failed or flaw.severity is Severity.ERROR
            self._add(flaw.path, flaw.message, flaw.code, flaw.remedy, flaw.severity)

    def _add(self, key: tuple[str | int, ...], message: str, code: str, remedy: str, severity: Severity) -> None:
        locate, here = locator(self._text), key
        while not (place := locate(here))[0] and here:
            here = here[:-1]
        line, column = place
        self.problems.append(Problem(self._path, line, column, dotted(key), message, code, remedy, severity))


def _check(rule: Mapping[str, Any], found: _Findings) -> None:
    for name in _STRINGS:
        value = rule.get(name)
        if value is None:
            found.error(("rule", name), f"{name} is missing", "missing-key", f"add {name} to [rule]")
        elif not isinstance(value, str) or not value.strip():
            said = f"must be text, not {kind_of(value)}" if not isinstance(value, str) else "an empty text"
            found.error(("rule", name), said, "wrong-type", f"write {name} as a quoted text")
    if isinstance(rule.get("type"), str) and rule["type"] not in RULE_TYPES:
        found.error(
            ("rule", "type"), f'no rule type "{rule["type"]}"', "unknown-type", "one of " + ", ".join(RULE_TYPES)
        )
    if isinstance(rule.get(IDENTITY), str) and ('"' in rule[IDENTITY] or "\\" in rule[IDENTITY]):
        # Kibana looks a rule_id up in an unescaped filter (facts.md 3.1): such a rule could be created, never found.
        found.error(("rule", IDENTITY), 'rule_id has a " or \\ in it', "bad-rule-id", "use a UUID")
    _check_tags(rule.get("tags", []), found)
    for name in _LISTS:
        if not isinstance(rule.get(name, []), list):
            found.error(("rule", name), f"must be a list, not {kind_of(rule[name])}", "wrong-type", "put it into [ ]")
    for name in rule.keys() & SERVER_OWNED:
        found.warn(("rule", name), f"{name} is set by Kibana and is not sent", "server-owned", "remove it")


def _check_tags(tags: Any, found: _Findings) -> None:
    """Every later step relies on tags being texts, of which none is a marker of ours."""
    if not isinstance(tags, list):
        message = f"must be a list of texts, not {kind_of(tags)}"
        found.error(("rule", "tags"), message, "wrong-type", 'write tags = ["…", "…"]')
        return
    for number, tag in enumerate(tags):
        key = ("rule", "tags", number)
        if not isinstance(tag, str):
            found.error(key, f"must be text, not {kind_of(tag)}", "wrong-type", "write it in quotes")
        elif markers([tag]):
            found.error(key, f'the tag "{tag}" is deployer\'s own', "marker-tag", "remove it")


def duplicates(files: Iterable[RuleFile], locate: Locate) -> tuple[Problem, ...]:
    """Return a Problem for every file whose `rule_id` another file has too, and a warning for equal live names."""
    ids: dict[str, RuleFile] = {}
    names: dict[str, RuleFile] = {}
    problems: list[Problem] = []
    for file in files:
        first = ids.setdefault(file.rule_id, file)
        if first is not file:
            message = f"rule_id {file.rule_id} is also in {first.path}"
            place = locate(file.path, ("rule", IDENTITY))
            problems.append(
                Problem(file.path, *place, "rule.rule_id", message, "duplicate-rule-id", "give one a new id")
            )
        if file.maturity == DEPRECATED:
            continue
        first = names.setdefault(file.name, file)
        if first is not file and first.rule_id != file.rule_id:
            message = f'the name "{file.name}" is also in {first.path}'
            remedy = "rename one: playbooks key on the name"
            place = locate(file.path, ("rule", "name"))
            problems.append(
                Problem(file.path, *place, "rule.name", message, "duplicate-name", remedy, Severity.WARNING)
            )
    return tuple(problems)
