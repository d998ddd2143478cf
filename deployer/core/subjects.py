"""Rules as people know them: name, type, severity, ATT&CK, age; from their files, or from Kibana without one."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import date

from deployer.core.checks.check import Entry, threats_in
from deployer.core.coverage import techniques_of
from deployer.core.live import LiveRule, by_rule_id
from deployer.core.matrix import Matrix
from deployer.core.ports import SpaceRead
from deployer.core.rule_file import DEPRECATED, RuleFile


@dataclass(frozen=True, slots=True)
class Subject:
    """
    One rule as a report names it. `created` and `updated` are the days that its file names, ISO, "" for none;
    `written`: git has it, and not as deprecated. `path` is "" where only a target has it.
    """

    rule_id: str
    name: str
    type: str
    severity: str
    path: str = ""
    description: str = ""
    tags: tuple[str, ...] = ()
    tactics: tuple[str, ...] = ()
    techniques: tuple[str, ...] = ()
    created: str = ""
    updated: str = ""
    written: bool = True


@dataclass(frozen=True, slots=True)
class Variant:
    """What a target runs of a rule, where that is not what git says: an older content, an overlay, an edit."""

    severity: str
    techniques: tuple[str, ...]


def variants(subjects: Iterable[Subject], space: SpaceRead) -> tuple[dict[str, Variant], list[Entry]]:
    """Return the rules of a space whose severity or techniques are others than those of git, with what they name."""
    live = by_rule_id(space.rules)[0]
    found: dict[str, Variant] = {}
    entries: list[Entry] = []
    for subject in subjects:
        if subject.rule_id in live:
            threats = list(threats_in(live[subject.rule_id].body))
            variant = Variant(live[subject.rule_id].severity, techniques_of(threats))
            if (variant.severity, variant.techniques) != (subject.severity, subject.techniques):
                found[subject.rule_id] = variant
                entries += threats
    return found, entries


def subjects_of(
    files: Iterable[RuleFile], tuned: Iterable[RuleFile], spaces: Iterable[SpaceRead], found: Matrix
) -> tuple[tuple[Subject, ...], list[Entry]]:
    """
    Return every rule of git, and those that only a target has, with all that they say of ATT&CK. What Elastic's rules
    are, of which git only sets something (`tuned`), a target says.
    """
    paths = {file.rule_id: file.path for file in tuned}
    result: dict[str, Subject] = {}
    entries: list[Entry] = []
    for file in files:
        threats = list(threats_in(file.payload))
        entries += threats
        result[file.rule_id] = _written(file, threats)
    lives = [by_rule_id(space.rules)[0] for space in spaces]
    for row in found.rows:
        live = next((rules[row.rule_id] for rules in lives if row.rule_id in rules), None)
        if row.rule_id not in result:
            threats = list(threats_in(live.body)) if live else []
            entries += threats
            path = paths.get(row.rule_id, "")
            subject = _only_live(row.rule_id, live.name if live and path else row.name, live, threats)
            result[row.rule_id] = replace(subject, path=path, written=bool(path))
    return tuple(sorted(result.values(), key=lambda one: (one.name.casefold(), one.rule_id))), entries


def _written(file: RuleFile, threats: Sequence[Entry]) -> Subject:
    return Subject(
        file.rule_id,
        file.name,
        file.type,
        file.severity,
        file.path,
        str(file.payload.get("description") or ""),
        file.tags,
        _tactics(threats),
        techniques_of(threats),
        _day(file.metadata.get("creation_date")),
        _day(file.metadata.get("updated_date")),
        written=file.maturity != DEPRECATED,
    )


def _only_live(rule_id: str, name: str, live: LiveRule | None, threats: Sequence[Entry]) -> Subject:
    if live is None:
        return Subject(rule_id, name, "", "", written=False)
    about = str(live.body.get("description") or "")
    return Subject(
        rule_id,
        name,
        live.type,
        live.severity,
        "",
        about,
        live.tags,
        _tactics(threats),
        techniques_of(threats),
        written=False,
    )


def _tactics(threats: Iterable[Entry]) -> tuple[str, ...]:
    """Return the names of the tactics of a rule, in its order."""
    return tuple(dict.fromkeys(entry.name for entry in threats if entry.kind == "tactic" and entry.name))


def _day(written: object) -> str:
    """Return a day as files write it (`2026/11/24`) as ISO, "" for anything else."""
    if isinstance(written, date):
        return written.isoformat()[:10]
    try:
        return date.fromisoformat(str(written).replace("/", "-")).isoformat()
    except ValueError:
        return ""
