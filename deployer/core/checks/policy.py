"""The policy of `[checks]` in deployer.toml: at which level each check runs, for which rules, with which options."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final, Literal

from deployer.core.selector import Selector, Subject, matches_any

Level = Literal["error", "warning", "off"]
LEVELS: Final[tuple[Level, ...]] = ("error", "warning", "off")


@dataclass(frozen=True, slots=True)
class Setting:
    """One entry of the policy: a level for the rules that `match` selects (all without it), and what options say."""

    level: Level
    match: tuple[Selector, ...] = ()
    options: Mapping[str, Any] = field(default_factory=dict)

    def concerns(self, rule: Subject) -> bool:
        """Say whether this entry speaks of a rule."""
        return not self.match or matches_any(self.match, rule)


Policy = Mapping[str, tuple[Setting, ...]]
"""The entries of each check, by code. The first that concerns a rule decides; without one, the check's own default."""
