"""
The stages that write forward, in the order of transactions.md 5.2: what is easiest to take back comes first.

lists -> create disabled -> update content -> recreate (delete, create disabled) -> flips; deletes come last of all,
after everything was verified, because nothing brings an internal id back (K9), and they never make an apply fail.
Each stage is safe to run again: a rule that already has what the plan wants is read back and left.
"""

from __future__ import annotations

from deployer.core import compose
from deployer.core.change import Action, Change
from deployer.core.outcomes import Status
from deployer.core.ports import Body
from deployer.executor import flips
from deployer.executor.images import NOTHING, content, has_after, image, image_of, stale_fields, switched
from deployer.executor.jobs import Halt, Job, Op, Send
from deployer.executor.lists import put_lists
from deployer.executor.touched import Touched
from deployer.executor.transaction import Transaction
from deployer.executor.waves import each, send_all


def forward(tx: Transaction) -> None:
    """Carry out every stage up to the flips, until one fails or the run is interrupted. Raises StateError."""
    put_lists(tx)
    send_all(tx, "created", each([_creation(tx, rule) for rule in _with(tx, Action.CREATE)]))
    send_all(tx, "updated", each([_update(tx, rule) for rule in _active(tx) if _writes_content(rule.change)]))
    send_all(tx, "replaced, old", each([_removal(rule) for rule in _with(tx, Action.RECREATE)]))
    send_all(tx, "replaced, new", each([_creation(tx, rule) for rule in _with(tx, Action.RECREATE)]))
    for enabled in (True, False):
        jobs = [
            flips.flip_job(rule, flips.to(rule, enabled=enabled), enabled=enabled) for rule in _to_flip(tx, enabled)
        ]
        send_all(tx, "enabled" if enabled else "disabled", flips.lots(jobs))


def deletes(tx: Transaction) -> tuple[str, ...]:
    """Delete what the plan deletes; return the rules that are still there, each with an outcome that says why."""
    jobs = [_removal(rule, late=True) for rule in _with(tx, Action.DELETE)]
    send_all(tx, "deleted", each(jobs))
    return tuple(job.rule.rule_id for job in jobs if job.rule.live is not None)


def _active(tx: Transaction) -> list[Touched]:
    return [rule for rule in tx.rules.values() if not rule.kept]


def _with(tx: Transaction, action: Action) -> list[Touched]:
    return [rule for rule in _active(tx) if rule.change.action is action]


def _writes_content(change: Change) -> bool:
    """Say whether a change writes content into a rule that stays the same object."""
    same_object = change.action not in (Action.CREATE, Action.RECREATE, Action.DELETE)
    return same_object and bool(change.content or change.marker or change.adopts)


def _to_flip(tx: Transaction, enabled: bool) -> list[Touched]:
    """Return the rules to switch; those with response actions come last (transactions.md 5.10)."""
    chosen = [rule for rule in _active(tx) if _flips_to(rule, enabled)]
    return sorted(chosen, key=lambda rule: bool((rule.live or {}).get("response_actions")))


def _flips_to(rule: Touched, enabled: bool) -> bool:
    change = rule.change
    wanted = (change.after or {}).get("enabled")
    if change.action is Action.RECREATE:  # created disabled, whatever the old one was
        wanted = bool((rule.before or {}).get("enabled")) if wanted is None else wanted
        return enabled and bool(wanted)
    return change.flips and bool(wanted) is enabled


def _creation(tx: Transaction, rule: Touched) -> Job:
    """
    Return the POST of a new rule. It needs no read before it: the plan's read said that there is none, POST answers
    409, and the end check demands exactly one. A run that goes on from an earlier one reads.
    """
    body = compose.creation(rule.change, tx.run.marker)
    said = content(body)
    post = image_of(said, body)

    def decide(live: Body | None) -> Send | Halt:
        if live is None:
            return Send(post, body, said)
        if switched(image(live), enabled=False) == post:
            return Halt(Status.READBACK)
        return Halt(Status.CONFLICT, f"exists already, written by {_editor(live)}")

    return Job(Op.CREATE, rule, decide, reads=tx.resumed)


def _update(tx: Transaction, rule: Touched) -> Job:
    change = rule.change

    def decide(live: Body | None) -> Send | Halt:
        if live is None:
            return Halt(Status.CONFLICT, "is gone from Kibana")
        if has_after(change, live, change.content) and not _lacks_marker(tx, change, live):
            return Halt(Status.READBACK)
        if moved := _moved(rule, live):
            return Halt(Status.CONFLICT, f"{', '.join(moved)} changed since the plan, by {_editor(live)}")
        body = _content(tx, change, live)
        whole = {**live, **body} if change.prebuilt else body
        return Send(switched(image(whole), enabled=bool(live.get("enabled"))), body)

    return Job(Op.UPDATE, rule, decide)


def _content(tx: Transaction, change: Change, live: Body) -> Body:
    return compose.amendment(live, change) if change.prebuilt else compose.replacement(live, change, tx.run.marker)


def _removal(rule: Touched, *, late: bool = False) -> Job:
    """Return the DELETE of a rule: of the old half of a recreate, or of a retired rule (`late`)."""

    def decide(live: Body | None) -> Send | Halt:
        if live is None:
            known = late or NOTHING in rule.ours
            return Halt(Status.READBACK) if known else Halt(Status.CONFLICT, "is gone from Kibana")
        if rule.sent and live.get("id") != (rule.before or {}).get("id"):
            return Halt(Status.READBACK)  # replaced already
        if moved := stale_fields(rule.change, live):
            return Halt(Status.CONFLICT, f"{', '.join(moved)} changed since the plan, by {_editor(live)}")
        return Send(NOTHING)

    return Job(Op.DELETE, rule, decide, late=late)


def _moved(rule: Touched, live: Body) -> list[str]:
    """Return the planned fields that lost their before; a switch of our own is none."""
    moved = rule.change.differs_from_before(live)
    return [name for name in moved if not (name == "enabled" and rule.flipped)]


def _lacks_marker(tx: Transaction, change: Change, live: Body) -> bool:
    return (change.marker or change.adopts) and tx.run.marker not in (live.get("tags") or ())


def _editor(live: Body) -> str:
    return str(live.get("updated_by") or "somebody")
