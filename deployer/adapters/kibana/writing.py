"""One Kibana space to write to: `core.ports.RuleWriter`. Each write is sent exactly once."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import islice

from deployer.adapters.kibana import kql, shapes
from deployer.adapters.kibana.exchange import RULES, Call, Method, json_body
from deployer.adapters.kibana.lists import ListWriter
from deployer.adapters.kibana.reading import KibanaReader
from deployer.core.ports import Body, Flipped
from deployer.errors import RemoteError, UnknownOutcomeError

FLIP_BATCH = 100  # ids in one `_bulk_action`; more are refused before 9.5 (facts.md section 4.1)
_FLIPS_AT_ONCE = 3  # a Kibana process takes 5 and refuses the rest; people need some, too


class KibanaWriter(KibanaReader):
    """
    A Kibana space that can be written to.

    Writes raise RemoteError (a definite refusal, or its UnreachableError branch: nothing was sent) and
    UnknownOutcomeError (everything else that is not a complete 2xx).
    """

    @property
    def lists(self) -> ListWriter:
        """The exception lists and value lists of this space."""
        return ListWriter(self._session)

    def create(self, body: Body) -> Body:
        """POST one rule, which names its `rule_id`; return what Kibana stored."""
        rule_id = body["rule_id"]
        call = Call("POST", RULES, f"create rule {rule_id!r}", body=json_body(body))
        return self._session.write(call, shapes.rule(rule_id))

    def replace(self, body: Body) -> Body:
        """PUT one rule by its `rule_id`; return what Kibana stored. An `id` in the body is left out (section 3.1)."""
        return self._send("PUT", "replace", body)

    def amend(self, body: Body) -> Body:
        """PATCH one rule by its `rule_id`; return what Kibana stored. What is not sent stays (section 3.3)."""
        return self._send("PATCH", "amend", body)

    def _send(self, method: Method, verb: str, body: Body) -> Body:
        rule_id = body["rule_id"]
        address = self._address(rule_id)
        sent = {key: value for key, value in body.items() if key not in ("id", "rule_id")} | address
        call = Call(method, RULES, f"{verb} rule {rule_id!r}", body=json_body(sent))
        return self._session.write(call, shapes.rule(rule_id))

    def delete(self, rule_id: str) -> Body:
        """DELETE one rule by its `rule_id`; return the rule that Kibana removed."""
        query = tuple(self._address(rule_id).items())
        return self._session.write(Call("DELETE", RULES, f"delete rule {rule_id!r}", query), shapes.rule(rule_id))

    def set_enabled(self, ids: Sequence[str], *, enabled: bool) -> Flipped:
        """
        Enable or disable the rules with these saved-object `id`s, at most 100 in one `_bulk_action`.

        Of more than 100 ids, a refused batch is part of the result (`failed`), and an unknown one means that the
        outcome of every id is unknown. No ids: nothing is sent, since Kibana would take that for "every rule".
        """
        flipped = Flipped({})
        for lot in _lots(ids):
            try:
                result = self._flip(lot, enabled=enabled)
            except UnknownOutcomeError:
                raise
            except RemoteError as exc:
                if not flipped.done:
                    raise
                result = Flipped({}, dict.fromkeys(lot, str(exc)))
            flipped = Flipped({**flipped.done, **result.done}, {**flipped.failed, **result.failed})
        return flipped

    def _flip(self, ids: tuple[str, ...], *, enabled: bool) -> Flipped:
        action = "enable" if enabled else "disable"
        call = Call(
            "POST",
            f"{RULES}/_bulk_action",
            f"{action} {len(ids)} {'rule' if len(ids) == 1 else 'rules'}",
            body=json_body({"action": action, "ids": ids}),
            at_most=_FLIPS_AT_ONCE,
        )
        return self._session.write(call, shapes.flipped(ids), also=500)

    def _address(self, rule_id: str) -> dict[str, str]:
        """How to name a rule to Kibana: by `rule_id`, or by `id` where its own lookup would misread the former."""
        if not kql.breaks_lookups(rule_id):
            return {"rule_id": rule_id}
        found = self.rules([rule_id])
        if len(found) != 1:
            raise RemoteError(
                f"rule {rule_id!r} cannot be named to Kibana: {len(found)} rules have this rule_id",
                status=404 if not found else 0,
                hint='give the rule a rule_id without " and \\',
            )
        return {"id": found[0]["id"]}


def _lots(ids: Sequence[str]) -> Iterator[tuple[str, ...]]:
    source = iter(dict.fromkeys(ids))
    while lot := tuple(islice(source, FLIP_BATCH)):
        yield lot
