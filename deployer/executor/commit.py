"""The commit: a record on top of the target's head, and one compare-and-swap that makes it the head, the pivot."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from typing import Any

from deployer.core.canonical import canonical_bytes, digest_of_bytes, same
from deployer.core.dependencies import EXTRA
from deployer.core.documents import pack_texts
from deployer.core.fields import PREBUILT
from deployer.core.holds import extra_with
from deployer.core.normalise import canonical
from deployer.core.plan import Entry
from deployer.core.ports import Body
from deployer.core.record import BACK_TO, Record, RuleRecord, carried_over
from deployer.errors import StateError
from deployer.executor.lists import unrecorded
from deployer.executor.transaction import Transaction, grouped, singles


@dataclass(frozen=True, slots=True)
class Entries:
    """What a record says anew: entries (None takes a rule out), the body of each rule, and what was done to which."""

    rules: Mapping[str, Entry | None]
    bodies: Mapping[str, Body]
    changed: Mapping[str, str]


def entries_of(tx: Transaction, bodies: Mapping[str, Body], pending: Collection[str]) -> Entries:
    """
    Return the entries of a plan that was carried out. Rules that were left out, and deletes that are still due, keep
    the entry that they have.
    """
    unchanged = {rule.rule_id for rule in tx.rules.values() if rule.kept} | set(pending)
    rules = {rule_id: entry for rule_id, entry in tx.plan.entries.items() if rule_id not in unchanged}
    for rule in tx.rules.values():
        if rule.change.after is None and rule.rule_id not in unchanged:
            rules[rule.rule_id] = None
    changed = {c.rule_id: c.action.value for c in tx.plan.changes if c.rule_id not in unchanged}
    written = [need for need in tx.needs.values() if not need.kept and need.key not in tx.due]
    changed |= {need.key: need.dependency.action for need in written}
    return Entries(rules, bodies, changed)


def unwritten(tx: Transaction, read: Mapping[str, Body]) -> dict[str, Body]:
    """Return the bodies of rules whose entry changes though nothing was written to them. Raises RemoteError."""
    missing = {rule_id for rule_id, entry in tx.plan.entries.items() if entry is not None and rule_id not in read}
    known = singles(grouped(tx.run.already_read or (), missing))
    unread = sorted(missing - known.keys())
    return {**known, **(singles(tx.read(unread)) if unread else {})}


def committed(tx: Transaction, head: Record | None, new: Entries, *, event: str = "") -> Record:
    """Write the record and make it the target's head. Raises LostLockError, and StateError if it did not happen."""
    number = tx.run.ledger.allocate_number(tx.run.run_id)
    rules, bundle = _rules(tx, head, new, number)
    record = Record(
        number=number,
        event=event or tx.plan.event,
        environment=tx.plan.target.environment,
        space=tx.plan.target.space,
        url=tx.plan.target.url,
        project=tx.plan.project,
        time=tx.server.stamp(),
        plan=tx.plan.digest,
        previous=head.number if head else None,
        provenance=tx.run.provenance,
        allowed=dict(tx.plan.allow),
        reason=tx.reason,
        changed=dict(new.changed),
        rules=rules,
        extra=_extra(tx, head, number, new, accepted=bool(event), bundle=bundle),
    )
    tx.run.ledger.write_record(record, bundle)
    tx.decided = True
    try:
        tx.lease.commit(number)
    except StateError:
        if not tx.lease.committed(number):  # the store's answer was lost: it knows whether the head has moved
            raise
    return record


def _extra(
    tx: Transaction,
    head: Record | None,
    number: int,
    new: Entries,
    *,
    accepted: bool,
    bundle: tuple[str, bytes] | None,
) -> dict[str, Any]:
    """
    Return what the record says beside its rules: the lists, and the holds, numbered by the deployment that makes them.

    Where a person `accepted` what is live, only rules that are as the plan wanted them begin or end to be held.
    """
    extra = {name: value for name, value in (head.extra if head else {}).items() if name != BACK_TO}
    if not accepted:
        extra = {**extra, **_lists(tx, extra, bundle[0] if bundle else "")}
    time, actor, reason = tx.server.stamp(), tx.run.provenance.actor, tx.reason
    entries = tx.plan.entries
    planned = {r for r in entries if not accepted or (r in new.rules and new.rules[r] == entries[r])}
    holds = [
        replace(hold, number=number, time=time, actor=actor, reason=reason)
        for hold in tx.plan.holds
        if not accepted or hold.rule_id in planned
    ]
    extra = extra_with(extra, holds, [r for r in tx.plan.released if not accepted or r in planned])
    return extra if accepted or tx.plan.back_to is None else {**extra, BACK_TO: tx.plan.back_to}


def _rules(
    tx: Transaction, head: Record | None, new: Entries, number: int
) -> tuple[dict[str, RuleRecord], tuple[str, bytes] | None]:
    rules = carried_over(head)
    kept = {rule_id: entry for rule_id, entry in new.rules.items() if entry is not None and rule_id in new.bodies}
    written = {rule_id: canonical(_as_read(entry, new.bodies[rule_id])) for rule_id, entry in kept.items()}
    documents = _documents(tx, kept, rules)
    texts = {name: tx.plan.texts.get(name) or canonical_bytes(document) for name, document in documents.items()}
    digests: dict[str, str] = {}
    for rule_id, document in written.items():
        text = canonical_bytes(document)
        digests[rule_id] = digest_of_bytes(text)
        texts[digests[rule_id]] = text
    texts.update({name: tx.plan.text(name) for name in _list_documents(tx)})
    bundle = pack_texts(texts) if texts else None
    for rule_id in [rule_id for rule_id, entry in new.rules.items() if entry is None]:
        rules.pop(rule_id, None)
    for rule_id, entry in kept.items():
        old, body = rules.get(rule_id), new.bodies[rule_id]
        rules[rule_id] = RuleRecord(
            name=entry.name,
            path=entry.path,
            fingerprint=entry.fingerprint,
            authored=entry.authored,
            written=digests[rule_id],
            bundle=bundle[0] if bundle else "",
            id=str(body.get("id", "")),
            revision=int(body.get("revision") or 0),
            updated_at=str(body.get("updated_at", "")),
            enabled=bool(body.get("enabled")) if entry.enabled is None else entry.enabled,
            since=old.since if old and old.fingerprint == entry.fingerprint else number,
            retired=entry.retired,
            edited=_edited(documents.get(entry.authored), written[rule_id]),
            as_of=_as_of(entry, old, number),
            kept=entry.kept,
            prebuilt=entry.prebuilt,
        )
    return rules, bundle


def _as_read(entry: Entry, body: Body) -> Mapping[str, Any]:
    """Return what a record keeps of a rule as read: of Elastic's rules only what we manage."""
    return {**body, "name": entry.name, PREBUILT: True} if entry.prebuilt else body


def _lists(tx: Transaction, extra: Mapping[str, Any], bundle: str) -> dict[str, Any]:
    """Return what the record says of lists: one that was left out, or of which a delete is due, as it was."""
    if not tx.plan.lists:
        return {}
    result = dict(extra.get(EXTRA, {}))
    unchanged = unrecorded(tx, tx.due)
    for key, entry in tx.plan.lists.items():
        if entry is None:
            result.pop(key, None)
        elif key not in unchanged:
            result[key] = {"authored": entry.authored, "bundle": bundle, "path": entry.path}
    return {EXTRA: result}


def _list_documents(tx: Transaction) -> set[str]:
    return {entry.authored for entry in tx.plan.lists.values() if entry is not None}


def _as_of(entry: Entry, old: RuleRecord | None, number: int) -> int:
    """Return the deployment that first made this entry what it is."""
    if entry.as_of is not None:
        return entry.as_of
    unchanged = old is not None and old.content == (entry.fingerprint, entry.authored, entry.retired is not None)
    return (old.as_of or old.since) if old is not None and unchanged else number


def _edited(authored: Mapping[str, Any] | None, written: Mapping[str, Any]) -> bool:
    """Say whether what is live differs from what git asked for: an analyst's edit that this apply kept."""
    asked = {name: value for name, value in (authored or {}).items() if name != "enabled"}
    return not all(same(value, written.get(name)) for name, value in asked.items())


def _documents(
    tx: Transaction, entries: Mapping[str, Entry], rules: Mapping[str, RuleRecord]
) -> dict[str, Mapping[str, Any]]:
    """Return the documents that the new entries name: from the plan, else from the bundles that have them."""
    named = {name for entry in entries.values() for name in (entry.fingerprint, entry.authored) if name}
    documents = {name: tx.plan.documents[name] for name in named if name in tx.plan.documents}
    elsewhere = named - documents.keys()
    bundles = {rules[rule_id].bundle for rule_id in entries if rule_id in rules and rules[rule_id].bundle}
    if elsewhere and bundles:
        documents.update(tx.run.ledger.from_bundles(elsewhere, bundles))
    return documents
