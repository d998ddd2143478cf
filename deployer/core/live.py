"""One rule as Kibana has it now, and whose it is (design section 6, "Object level")."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from deployer.core.fields import ABSENT, IDENTITY, SERVER_OWNED
from deployer.core.normalise import canonical, markers, without_markers
from deployer.core.ports import Body


@dataclass(frozen=True)
class LiveRule:
    """A rule of the space: the body as Kibana sent it, and what follows from it. It is a subject for selectors."""

    body: Body

    @property
    def rule_id(self) -> str:
        """The identity of the rule."""
        return str(self.body.get(IDENTITY, ""))

    @property
    def name(self) -> str:
        """The name that people read."""
        return str(self.body.get("name", ""))

    @property
    def type(self) -> str:
        """The rule type; a client must live with types that it does not know."""
        return str(self.body.get("type", ""))

    @property
    def severity(self) -> str:
        """The severity."""
        return str(self.body.get("severity", ""))

    @property
    def tags(self) -> tuple[str, ...]:
        """The tags without markers."""
        return tuple(without_markers(self.body.get("tags") or ()))

    @property
    def path(self) -> str:
        """No file is known from Kibana alone."""
        return ""

    @property
    def maturity(self) -> str:
        """No maturity is known from Kibana alone."""
        return ""

    @property
    def enabled(self) -> bool:
        """Whether the rule runs."""
        return bool(self.body.get("enabled", False))

    @property
    def by(self) -> str:
        """Who wrote the rule last."""
        return str(self.body.get("updated_by") or "")

    @property
    def at(self) -> str:
        """When the rule was written last, as Kibana says it."""
        return str(self.body.get("updated_at") or "")

    @property
    def prebuilt(self) -> bool:
        """Whether the rule is Elastic's own (facts.md section 6): `immutable`, or an external source."""
        source = self.body.get("rule_source") or {}
        return bool(self.body.get("immutable")) or source.get("type") == "external"

    @property
    def customised(self) -> bool:
        """Whether somebody changed the content of one of Elastic's rules, as far as Kibana says (8.18 and later)."""
        return bool((self.body.get("rule_source") or {}).get("is_customized"))

    @cached_property
    def markers(self) -> tuple[str, ...]:
        """The ownership markers on the rule."""
        return markers(self.body.get("tags") or ())

    @cached_property
    def canonical(self) -> Mapping[str, Any]:
        """The canonical form of the rule."""
        return canonical(self.body)

    def value(self, name: str) -> Any:
        """Return one field as it is live, tags without markers; ABSENT where the key is missing."""
        return list(self.tags) if name == "tags" else self.body.get(name, ABSENT)

    def content(self) -> dict[str, Any]:
        """Return the whole rule without what the server owns and without markers: the before of a delete."""
        result = {key: value for key, value in self.body.items() if key not in SERVER_OWNED and key != IDENTITY}
        result["tags"] = list(self.tags)
        return result


def by_rule_id(bodies: Iterable[Body]) -> tuple[dict[str, LiveRule], dict[str, list[LiveRule]]]:
    """Return the live rules by id, and apart from them those that share one id (kibana#177283)."""
    groups: dict[str, list[LiveRule]] = {}
    for body in bodies:
        groups.setdefault(str(body.get(IDENTITY, "")), []).append(LiveRule(body))
    single = {rule_id: group[0] for rule_id, group in groups.items() if len(group) == 1}
    return single, {rule_id: group for rule_id, group in groups.items() if len(group) > 1}
