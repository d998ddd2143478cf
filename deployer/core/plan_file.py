"""
The plan file, version 1: canonical bytes, so that one edited byte is seen, and complete, so that `apply` needs no tree.

Documents that a create already carries are left out and worked out again on reading; every document is checked against
its address, the digest against the changes, and the seal against everything else.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Mapping
from dataclasses import asdict, replace
from typing import Any, Final

from deployer.core.canonical import canonical_bytes, canonical_object, digest, digest_of_bytes
from deployer.core.change import Action, Change, Label
from deployer.core.dependency import dependency_from
from deployer.core.fields import IDENTITY
from deployer.core.guards import Verdict
from deployer.core.holds import restored
from deployer.core.normalise import canonical
from deployer.core.plan import (
    FORMAT,
    VERSION,
    Blocked,
    Branch,
    Census,
    Edit,
    Entry,
    Held,
    ListEntry,
    Notes,
    Plan,
    Target,
    Waiting,
    change_json,
    essence,
)
from deployer.core.record import Provenance, Retired
from deployer.errors import DeployerError, Problem, Refusal, RefusedError, Severity

_EDITED: Final = "the plan file was changed after it was made"
_AGAIN: Final = "make it again: deployer plan -e ENV -o FILE"
_HEAD: Final = b'{"plan":'
_TAIL: Final = len(',"seal":"sha256:') + 64 + len('"}\n')
_DECODER: Final = json.JSONDecoder()


def dumps(plan: Plan) -> bytes:
    """Return the bytes of the plan file; those of a plan that was read are the ones that were read."""
    if plan.source:
        return plan.source
    derivable = _derivable(plan.changes, plan.entries)
    body: dict[str, Any] = {
        **essence(plan),
        "digest": plan.digest,
        "target": asdict(plan.target),
        "entries": {rule_id: _entry_json(entry) for rule_id, entry in plan.entries.items()},
        "documents": {name: document for name, document in plan.documents.items() if name not in derivable},
        "labels": {rule_id: asdict(label) for rule_id, label in plan.labels.items()},
        "base": plan.base,
        "event": plan.event,
        "reason": plan.reason,
        "holds": [asdict(hold) for hold in plan.holds],
        "released": list(plan.released),
        "back_to": plan.back_to,
        **({"lists": {key: asdict(e) if e else None for key, e in plan.lists.items()}} if plan.lists else {}),
        "notes": notes_json(plan.notes),
        "provenance": asdict(plan.provenance),
        "made_at": plan.made_at,
    }
    parts = {name: canonical_bytes(value) for name, value in body.items()}
    inner = canonical_object(parts)
    return b"".join((_HEAD, inner, _seal(inner)))


def loads(data: bytes, *, where: str) -> Plan:
    """
    Return the plan of a file. `where` names the file in messages.

    Raises RefusedError (stale) when the bytes are not those that were written, DeployerError when it is no plan file or
    one of another version.
    """
    body, changes = _opened(data, where)
    try:
        plan, texts = _plan(body)
        sound = _digest(plan, changes) == body["digest"] and _complete(plan, body["documents"])
    except (KeyError, TypeError, AttributeError, ValueError) as exc:
        raise DeployerError(f"{where} is not a complete plan file: {exc}", hint=_AGAIN) from exc
    if not sound:
        raise RefusedError(f"{where}: {_EDITED}", Refusal.STALE, hint=_AGAIN)
    # Costly to work out again, and the journal keeps these very bytes; the plan is frozen for everybody else.
    vars(plan).update(source=data, digest=body["digest"], texts=texts)
    return plan


def notes_json(notes: Notes) -> dict[str, Any]:
    """Return the notes of a plan as JSON; `branch` only where `--base` was asked for."""
    return {name: value for name, value in asdict(notes).items() if name != "branch" or value is not None}


def _opened(data: bytes, where: str) -> tuple[dict[str, Any], bytes]:
    """Return the body of a plan file whose bytes are those that were sealed, and the text of its changes."""
    try:
        text = data.decode("utf-8", "surrogatepass")
        body, places = _parts(text)
    except UnicodeDecodeError as exc:
        raise DeployerError(f"{where} is not a plan file: it is not UTF-8", hint=_AGAIN) from exc
    except (ValueError, IndexError, RecursionError):
        raise _no_plan(text, where) from None
    end = len(data) - _TAIL
    if not data.startswith(_HEAD) or data[end:] != _seal(memoryview(data)[len(_HEAD) : end]):
        raise _no_plan(text, where)
    _check_version(body, where)
    return body, _slice(data, text, *places["changes"]) if "changes" in body else b""


def _parts(text: str) -> tuple[dict[str, Any], dict[str, tuple[int, int]]]:
    """
    Return each part of a plan, by name, and where in the text it stands: in one pass, so that no megabytes are written
    out again to be proven. Raises ValueError or IndexError where the text is not framed as `dumps` frames it.
    """
    body: dict[str, Any] = {}
    places: dict[str, tuple[int, int]] = {}
    place = len(_HEAD)
    while text[place] != "}":
        if text[place] != ("," if body else "{"):
            raise ValueError(place)
        name, after = _DECODER.raw_decode(text, place + 1)
        body[name], place = _DECODER.raw_decode(text, after + 1)
        places[name] = (after + 1, place)
    if len(text) - place - 1 != _TAIL:
        raise ValueError(place)
    return body, places


def _slice(data: bytes, text: str, start: int, end: int) -> bytes:
    """Return the bytes of text[start:end], of which `data` has those of all: what stands around it is shorter."""
    before, behind = (len(part.encode("utf-8", "surrogatepass")) for part in (text[:start], text[end:]))
    return data[before : len(data) - behind]


def _no_plan(text: str, where: str) -> DeployerError:
    """Return why a file is not a plan file that was left as it was written."""
    try:
        outer = json.loads(text)
    except json.JSONDecodeError as exc:
        return DeployerError(f"{where} is not JSON: {exc.msg} in line {exc.lineno}", hint=_AGAIN)
    except RecursionError:
        outer = None
    body = outer.get("plan") if isinstance(outer, dict) else None
    _check_version(body, where)
    return RefusedError(f"{where}: {_EDITED}", Refusal.STALE, hint=_AGAIN)


def _check_version(body: Any, where: str) -> None:
    """Raise DeployerError where a body is not that of a plan, or of another version."""
    if not isinstance(body, dict) or body.get("format") != FORMAT:
        raise DeployerError(f"{where} is not a plan file of deployer", hint=_AGAIN)
    if body.get("version") != VERSION:
        message = f"{where} is plan version {body.get('version')}, this deployer reads {VERSION}"
        raise DeployerError(message, hint="use the deployer that made it, or plan again")


def _seal(inner: bytes | memoryview) -> bytes:
    """Return what follows the plan in its file."""
    return b',"seal":"%s"}\n' % digest_of_bytes(inner).encode()


def _digest(plan: Plan, changes: bytes) -> str:
    """Return the digest of a plan, as `Plan.digest`, from the text of its changes: most of a plan is changes."""
    rest = {name: canonical_bytes(value) for name, value in essence(replace(plan, changes=())).items()}
    return digest_of_bytes(canonical_object({**rest, "changes": changes}))


def _plan(body: Mapping[str, Any]) -> tuple[Plan, dict[str, bytes]]:
    """Return the plan, and the texts of the documents that were worked out."""
    changes = tuple(_change(entry) for entry in body["changes"])
    entries = {rule_id: _entry(entry) for rule_id, entry in body["entries"].items()}
    derived = _derivable(changes, entries, body["documents"])
    plan = Plan(
        target=Target(**body["target"]),
        project=body["project"],
        changes=changes,
        allow=body["allow"],
        entries=entries,
        documents={**body["documents"], **{name: document for name, (document, _) in derived.items()}},
        labels={rule_id: Label(**label) for rule_id, label in body["labels"].items()},
        base=body["base"],
        event=body["event"],
        reason=body["reason"],
        holds=tuple(restored(hold) for hold in body["holds"]),
        released=tuple(body["released"]),
        back_to=body["back_to"],
        dependencies=tuple(dependency_from(entry) for entry in body.get("dependencies", ())),
        lists={key: ListEntry(**entry) if entry else None for key, entry in body.get("lists", {}).items()},
        notes=_notes(body["notes"]),
        provenance=Provenance(**body["provenance"]),
        made_at=body["made_at"],
    )
    return plan, {name: text for name, (_, text) in derived.items()}


def _complete(plan: Plan, stored: Mapping[str, Mapping[str, Any]]) -> bool:
    """Say whether every document is there that an entry names, and each stored one is what its address says."""
    named = {name for entry in plan.entries.values() if entry for name in (entry.fingerprint, entry.authored)}
    needed = {entry.authored for entry in plan.entries.values() if entry and not entry.retired}
    lists = {entry.authored for entry in plan.lists.values() if entry}
    named, needed = named | lists, needed | lists
    sound = all(digest(document) == name for name, document in stored.items() if name in named)
    return sound and needed <= plan.documents.keys()


def _derivable(
    changes: Iterable[Change], entries: Mapping[str, Entry | None], stored: Collection[str] = ()
) -> dict[str, tuple[Mapping[str, Any], bytes]]:
    """Return the documents, beside the stored ones, that the creates of a plan carry themselves, with their texts."""
    found: dict[str, tuple[Mapping[str, Any], bytes]] = {}
    for change in changes:
        entry = entries.get(change.rule_id)
        if entry is not None and change.after is not None and change.action is Action.CREATE:
            wanted = {name for name in (entry.authored, entry.fingerprint) if name and name not in stored}
            found.update(_carried({**change.after, IDENTITY: change.rule_id}, wanted))
    return found


def _carried(rule: Mapping[str, Any], wanted: Collection[str]) -> dict[str, tuple[Mapping[str, Any], bytes]]:
    """Return the wanted documents that are this rule, without its `enabled` or with it, each with its text."""
    whole = canonical(rule)
    found: dict[str, tuple[Mapping[str, Any], bytes]] = {}
    for document in ({name: value for name, value in whole.items() if name != "enabled"}, whole):
        if len(found) < len(wanted):
            text = canonical_bytes(document)
            if (name := digest_of_bytes(text)) in wanted:
                found[name] = (document, text)
    return found


def _entry_json(entry: Entry | None) -> dict[str, Any] | None:
    return None if entry is None else asdict(entry)


def _entry(data: dict[str, Any] | None) -> Entry | None:
    if data is None:
        return None
    retired = data.get("retired")
    return Entry(**{**data, "retired": Retired(**retired) if retired else None})


def _change(data: dict[str, Any]) -> Change:
    change = Change(
        data["rule_id"],
        data["type"],
        data["before"],
        data["after"],
        marker=data.get("marker", False),
        adopts=data.get("adopts", False),
        prebuilt=data.get("prebuilt", False),
    )
    if change_json(change) != data:
        raise ValueError(f"a change of {change.rule_id} says more than this version knows")
    return change


def _notes(data: dict[str, Any]) -> Notes:
    census = data["census"]
    return Notes(
        census=Census(**{**census, "copies": tuple(census["copies"])}),
        edits=tuple(Edit(**edit) for edit in data["edits"]),
        blocked=tuple(Blocked(**blocked) for blocked in data["blocked"]),
        unmarked=tuple(data["unmarked"]),
        left_out=tuple(data["left_out"]),
        warnings=tuple(Problem(**{**p, "severity": Severity(p["severity"])}) for p in data["warnings"]),
        verdicts=tuple(Verdict(**{**verdict, "rules": tuple(verdict["rules"])}) for verdict in data["verdicts"]),
        held=tuple(Held(**held) for held in data["held"]),
        lines=tuple(data["lines"]),
        details={rule_id: tuple(sentences) for rule_id, sentences in data["details"].items()},
        rekeyed=tuple(data.get("rekeyed", ())),
        recovery=data["recovery"],
        requests=data["requests"],
        seconds=data["seconds"],
        branch=_branch(data["branch"]) if "branch" in data else None,
    )


def _branch(data: dict[str, Any]) -> Branch:
    return Branch(
        **{
            **data,
            "mixed": {key: tuple(names) for key, names in data["mixed"].items()},
            "undone": tuple(data["undone"]),
            "waiting": tuple(Waiting(**row) for row in data["waiting"]),
        }
    )
