"""ATT&CK in rules: ids that have the right form, names and tactics that agree, and what ATT&CK itself says of them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from deployer.core.checks.check import Case, Entry, Finding, Technique

_MITRE: Final = "MITRE ATT&CK"
_FORMS: Final = {
    "MITRE ATT&CK": {
        "tactic": re.compile(r"TA\d{4}"),
        "technique": re.compile(r"T\d{4}"),
        "subtechnique": re.compile(r"T\d{4}\.\d{3}"),
    },
    "MITRE ATLAS": {
        "tactic": re.compile(r"AML\.TA\d{4}"),
        "technique": re.compile(r"AML\.T\d{4}"),
        "subtechnique": re.compile(r"AML\.T\d{4}\.\d{3}"),
    },
}
_LIKE: Final = {
    "MITRE ATT&CK": {"tactic": "TA0001", "technique": "T1059", "subtechnique": "T1059.001"},
    "MITRE ATLAS": {"tactic": "AML.TA0004", "technique": "AML.T0051", "subtechnique": "AML.T0051.000"},
}
_ID_IN_REFERENCE: Final = re.compile(r"/(?:tactics|techniques)/([A-Z][\w.]*(?:/\d{3})?)/?$")


def malformed_id(case: Case) -> Iterator[Finding]:
    """Find ids without the form of their kind, subtechniques of another technique, references to another id."""
    for entry in case.threats:
        forms = _FORMS.get(entry.framework)
        if forms is None:
            continue
        if not forms[entry.kind].fullmatch(entry.id):
            message = f'"{entry.id}" is not the id of a {entry.kind} of {entry.framework}'
            yield Finding((*entry.key, "id"), message, f"ids look like {_LIKE[entry.framework][entry.kind]}")
        elif entry.parent and not entry.id.startswith(f"{entry.parent}."):
            message = f"{entry.id} is not a subtechnique of {entry.parent}"
            yield Finding((*entry.key, "id"), message, "put it below its own technique")
        else:
            yield from _reference_to_another(entry)


def _reference_to_another(entry: Entry) -> Iterator[Finding]:
    found = _ID_IN_REFERENCE.search(entry.reference)
    if found and found[1].replace("/", ".") != entry.id:
        message = f"the reference leads to {found[1].replace('/', '.')}, the id is {entry.id}"
        yield Finding((*entry.key, "reference"), message, "correct the one that is wrong")


def other_name(case: Case) -> Iterator[Finding]:
    """Find names that are not ATT&CK's for the id; without ATT&CK, those that most other rules write otherwise."""
    for entry in case.threats:
        known = _known(case, entry)
        if known and not known.retired:
            if entry.name != known.name:
                message = f'{entry.id} is called "{known.name}", not "{entry.name}"'
                yield Finding((*entry.key, "name"), message, f'write name = "{known.name}"')
            continue
        names, _ = case.repository.attack
        if len(names[entry.id]) == 1:
            continue
        usual, count = names[entry.id].most_common(1)[0]
        if usual != entry.name and count > names[entry.id][entry.name]:
            message = f'{entry.id} is "{usual}" {_times(count)} in this repository, here it is "{entry.name}"'
            yield Finding((*entry.key, "name"), message, f'write name = "{usual}" if it is the same')


def other_tactic(case: Case) -> Iterator[Finding]:
    """Find techniques below a tactic that is not theirs; without ATT&CK, below one where only this rule puts them."""
    for entry in case.threats:
        if entry.kind == "tactic":
            continue
        known = _known(case, entry)
        if known:
            if not known.retired and slug(entry.tactic) not in known.tactics:
                theirs = ", ".join(sorted(known.tactics))
                message = f"{entry.id} does not belong to {entry.tactic}, but to {theirs}"
                yield Finding((*entry.key, "id"), message, "move it below one of its tactics")
            continue
        _, tactics = case.repository.attack
        if len(tactics[entry.id]) == 1:
            continue
        here = tactics[entry.id][entry.tactic]
        elsewhere, count = tactics[entry.id].most_common(1)[0]
        if here == 1 and count >= case.options["others"]:
            message = f"only this rule puts {entry.id} below {entry.tactic}; {count} rules put it below {elsewhere}"
            yield Finding((*entry.key, "id"), message, "check the tactic")


def unknown_id(case: Case) -> Iterator[Finding]:
    """Find technique ids of the right form that ATT&CK does not have, and tactics without a technique there."""
    catalogue = case.repository.catalogue
    if catalogue is None:
        return
    for entry in case.threats:
        if entry.framework != _MITRE:
            continue
        if entry.kind == "tactic":
            if slug(entry.name) not in catalogue.tactics:
                message = f'ATT&CK {catalogue.version} has no tactic "{entry.name}"'
                yield Finding((*entry.key, "name"), message, "correct it")
        elif _FORMS[_MITRE][entry.kind].fullmatch(entry.id) and entry.id not in catalogue.techniques:
            message = f"ATT&CK {catalogue.version} has no {entry.kind} {entry.id}"
            yield Finding((*entry.key, "id"), message, "correct it, or update the extra `attack`")


def retired_id(case: Case) -> Iterator[Finding]:
    """Find techniques that ATT&CK has revoked or deprecated."""
    catalogue = case.repository.catalogue
    for entry in case.threats:
        known = _known(case, entry)
        if catalogue and known and known.retired:
            message = f'{entry.id} "{known.name}" is {known.retired} in ATT&CK {catalogue.version}'
            yield Finding((*entry.key, "id"), message, "map the rule to what took its place")


def slug(tactic: str) -> str:
    """Return a tactic's name as ATT&CK abbreviates it: `initial-access`."""
    return tactic.strip().lower().replace(" ", "-")


def _known(case: Case, entry: Entry) -> Technique | None:
    catalogue = case.repository.catalogue
    if catalogue is None or entry.framework != _MITRE or entry.kind == "tactic":
        return None
    return catalogue.techniques.get(entry.id)


def _times(count: int) -> str:
    return "once" if count == 1 else f"{count} times"
