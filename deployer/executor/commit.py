"""Reading everything back, and the commit: the record, and one compare-and-swap that makes it the target's head."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from deployer.core.canonical import canonical_json, digest
from deployer.core.change import Action, Change
from deployer.core.normalise import canonical
from deployer.core.outcomes import Status
from deployer.core.plan import Entry
from deployer.core.ports import Body
from deployer.core.record import Record, RuleRecord, carried_over
from deployer.executor.stages import read_rules
from deployer.executor.transaction import Transaction

_BY_ID: int = 50  # up to so many rules are read back by id, more by their marker (design section 7)


def read_back(tx: Transaction) -> tuple[dict[str, Body], tuple[str, ...]]:
    """
    Read every touched rule until it has what the plan wants, for at most the settling time.

    Returns the bodies, and a sentence for each rule that does not have it. A rule_id that two rules have is reported,
    and the one that is not in our journal is switched off.
    """
    changes = [c for c in tx.plan.changes if c.action is not Action.DELETE and c.rule_id not in _left_out(tx)]
    deadline = tx.run.clock.monotonic() + tx.run.settle
    while True:
        bodies = _read_all(tx, [change.rule_id for change in changes])
        live = {rule_id: found[0] for rule_id, found in bodies.items()}
        wrong = tuple(sentence for change in changes for sentence in _differs(change, live.get(change.rule_id)))
        if not wrong or tx.run.clock.monotonic() >= deadline:
            break
        tx.run.clock.sleep(0.25)  # a search may be a second behind (facts.md 5.1)
    for rule_id, found in bodies.items():
        if len(found) > 1:
            _report_duplicates(tx, rule_id, found)
    return live, wrong


def committed(tx: Transaction, head: Record | None, live: Mapping[str, Body], *, event: str = "") -> Record:
    """Write the record of this plan on top of `head`, and make it the target's head."""
    number = tx.run.ledger.allocate_number(tx.run.run_id)
    record = Record(
        number=number,
        event=event or tx.plan.event,
        environment=tx.plan.target.environment,
        space=tx.plan.target.space,
        url=tx.plan.target.url,
        project=tx.plan.project,
        time=tx.stamp(),
        plan=tx.plan.digest,
        previous=head.number if head else None,
        provenance=tx.run.provenance,
        allowed=dict(tx.plan.allow),
        reason=tx.plan.reason,
        changed={c.rule_id: c.action.value for c in tx.plan.changes if c.rule_id not in _left_out(tx)},
        rules=_rules(tx, head, live, number),
    )
    tx.run.ledger.write_record(record)
    tx.lease.commit(number)
    return record


def _left_out(tx: Transaction) -> set[str]:
    return {outcome.rule_id for outcome in tx.outcomes if outcome.status is Status.LEFT_OUT}


def _read_all(tx: Transaction, rule_ids: list[str]) -> dict[str, list[Body]]:
    if len(rule_ids) > _BY_ID:
        bodies = tx.run.writer.read_space(marker=tx.run.marker, wanted=rule_ids).rules
    else:
        bodies = tx.run.writer.rules(rule_ids) if rule_ids else ()
    found: dict[str, list[Body]] = {}
    wanted = set(rule_ids)
    for body in bodies:
        if body.get("rule_id") in wanted:
            found.setdefault(str(body["rule_id"]), []).append(body)
    return found


def _differs(change: Change, live: Body | None) -> list[str]:
    if live is None:
        return [f"{change.rule_id} is not there"]
    names = change.differs_from_after(live)
    return [f"{change.rule_id}: {', '.join(names)} read back differently"] if names else []


def _report_duplicates(tx: Transaction, rule_id: str, found: list[Body]) -> None:
    others = sorted(str(body["id"]) for body in found[1:])
    tx.note(rule_id, "verify", Status.DUPLICATE, f"another rule has this rule_id: {', '.join(others)} (kibana#177283)")


def _rules(tx: Transaction, head: Record | None, live: Mapping[str, Body], number: int) -> dict[str, RuleRecord]:
    rules = carried_over(head)
    left_out, deleted = _left_out(tx), {c.rule_id for c in tx.plan.changes if c.action is Action.DELETE}
    entries = {rule_id: entry for rule_id, entry in tx.plan.entries.items() if rule_id not in left_out}
    for rule_id in [rule_id for rule_id, entry in entries.items() if entry is None and rule_id not in deleted]:
        rules.pop(rule_id, None)
    kept = {rule_id: entry for rule_id, entry in entries.items() if entry is not None}
    bodies = {**_unwritten(tx, kept, live), **live}
    written = {rule_id: canonical(bodies[rule_id]) for rule_id in kept if rule_id in bodies}
    documents = _documents(tx, head, kept, rules)
    bundle = tx.run.ledger.write_bundle([*documents.values(), *written.values()]) if kept else ""
    for rule_id, entry in kept.items():
        if rule_id in bodies:
            edited = _edited(documents.get(entry.authored), written[rule_id])
            made = _rule(
                entry, bodies[rule_id], digest(written[rule_id]), bundle, _since(entry, rules.get(rule_id), number)
            )
            rules[rule_id] = replace(made, edited=edited)
    return rules


def _edited(authored: Mapping[str, Any] | None, written: Mapping[str, Any]) -> bool:
    """Say whether what is live differs from what git asked for: an analyst's edit that this apply kept."""
    if authored is None:
        return False
    return any(
        canonical_json(authored[name]) != canonical_json(written.get(name)) for name in authored if name != "enabled"
    )


def _unwritten(tx: Transaction, entries: Mapping[str, Entry], live: Mapping[str, Body]) -> dict[str, Body]:
    """Read the rules whose entry changes though nothing was written to them."""
    missing = [rule_id for rule_id in entries if rule_id not in live]
    known = {str(body.get("rule_id")): body for body in tx.run.already_read or ()}
    unread = [rule_id for rule_id in missing if rule_id not in known]
    return {
        **{rule_id: known[rule_id] for rule_id in missing if rule_id in known},
        **(read_rules(tx, unread) if unread else {}),
    }


def _documents(
    tx: Transaction, head: Record | None, entries: Mapping[str, Entry], rules: Mapping[str, RuleRecord]
) -> dict[str, Mapping[str, Any]]:
    """Return the documents that the new entries name: from the plan, else from the bundle that had them."""
    named = {name for entry in entries.values() for name in (entry.fingerprint, entry.authored)}
    documents = {name: tx.plan.documents[name] for name in named if name in tx.plan.documents}
    elsewhere = named - documents.keys()
    if elsewhere and head is not None:
        bundles = {rules[rule_id].bundle for rule_id in entries if rule_id in rules}
        documents.update(tx.run.ledger.from_bundles(elsewhere, bundles))
    return documents


def _since(entry: Entry, recorded: RuleRecord | None, number: int) -> int:
    return recorded.since if recorded and recorded.fingerprint == entry.fingerprint else number


def _rule(entry: Entry, body: Body, written: str, bundle: str, since: int) -> RuleRecord:
    return RuleRecord(
        name=entry.name,
        path=entry.path,
        fingerprint=entry.fingerprint,
        authored=entry.authored,
        written=written,
        bundle=bundle,
        id=str(body.get("id", "")),
        revision=int(body.get("revision") or 0),
        updated_at=str(body.get("updated_at", "")),
        enabled=bool(body.get("enabled")) if entry.enabled is None else entry.enabled,
        since=since,
        retired=entry.retired,
    )
