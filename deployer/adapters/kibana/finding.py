"""Reading many rules at once with `_find` (design section 7: reads when planning are bulk)."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence

from deployer.adapters.kibana import kql, shapes
from deployer.adapters.kibana.exchange import RULES, Call
from deployer.adapters.kibana.paging import PAGE, WINDOW, read_pages
from deployer.adapters.kibana.session import Session
from deployer.adapters.kibana.shapes import Page
from deployer.core.ports import Body, SpaceRead
from deployer.errors import RemoteError

_TYPES = ("eql", "esql", "machine_learning", "new_terms", "query", "saved_query", "threat_match", "threshold")
_BY_TYPE = (*(kql.equals(kql.TYPE, name) for name in _TYPES), f"not {kql.any_of(kql.TYPE, _TYPES)}")
_PAGES_AT_ONCE = 3  # a page of 1,000 is 8 MB, and more while it is read: with 4, 20,000 rules take 150 MB more
_BY_ENABLED = (f"{kql.ENABLED}: true", f"not {kql.ENABLED}: true")


def read_space(session: Session, *, marker: str, wanted: Collection[str]) -> SpaceRead:
    """
    Return every rule of the space, or, above 10,000 rules, those with the tag `marker` or a wanted `rule_id`.

    Raises the RemoteError branch; also when the rules do not hold still, or when one part of a marked set that is
    split by type and by `enabled` is still above 10,000.
    """
    before = session.traffic.requests
    first = _fetch(session, "", 1)
    if first.total <= WINDOW:
        rules = read_pages(session, lambda number: _fetch(session, "", number), "rules", first)
        return SpaceRead(rules, requests=session.traffic.requests - before)
    found = {rule["id"]: rule for rule in _in_parts(session, kql.equals(kql.TAGS, marker), (_BY_TYPE, _BY_ENABLED))}
    known = {rule["rule_id"] for rule in found.values()}
    found |= {rule["id"]: rule for rule in rules_of(session, [id_ for id_ in wanted if id_ not in known])}
    return SpaceRead(tuple(found.values()), max(0, first.total - len(found)), session.traffic.requests - before)


def rules_of(session: Session, rule_ids: Iterable[str]) -> tuple[Body, ...]:
    """Return every rule that has one of these `rule_id`s, looked up in batches that run at once."""
    wanted = dict.fromkeys(rule_ids)
    found = session.gather(lambda lot: _matching(session, kql.any_of(kql.RULE_ID, lot)), kql.batches(wanted))
    return tuple(rule for rules in found for rule in rules if rule["rule_id"] in wanted)


def _in_parts(session: Session, condition: str, splits: Sequence[Sequence[str]]) -> tuple[Body, ...]:
    """Everything that matches; a set above the window is read in parts, each split by the next of `splits`."""
    first = _fetch(session, condition, 1)
    if first.total <= WINDOW:
        return _matching(session, condition, first)
    if not splits:
        raise RemoteError(
            f"space {session.space!r} has {first.total} rules with {condition}; Kibana lets at most {WINDOW} be read",
            hint="spread the rules over several spaces",
        )
    parts = [_in_parts(session, f"{condition} and {part}", splits[1:]) for part in splits[0]]
    return tuple(rule for part in parts for rule in part)


def _matching(session: Session, condition: str, first: Page | None = None) -> tuple[Body, ...]:
    return read_pages(session, lambda number: _fetch(session, condition, number), "rules", first)


def _fetch(session: Session, condition: str, number: int) -> Page:
    """One page of the rules, oldest first: what is created meanwhile lands behind, not between."""
    query = (("page", str(number)), ("per_page", str(PAGE)), ("sort_field", "created_at"), ("sort_order", "asc"))
    condition_query = (("filter", condition),) if condition else ()
    call = Call("GET", f"{RULES}/_find", "find rules", query + condition_query, at_most=_PAGES_AT_ONCE)
    return session.read(call, shapes.page("id", "rule_id"))
