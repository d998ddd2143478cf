"""Every quality check, by code: the one list that policy, ignores, documentation and tests read."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from deployer.core.checks import attack, naming, queries, schedule, triage, upkeep
from deployer.core.checks.check import Check, Option
from deployer.core.fields import LANGUAGE_DEFAULTS, SEVERITIES
from deployer.core.settings.checking import band, pattern
from deployer.core.settings.reading import choice, duration, list_of, mapping_of, text, whole

_LANGUAGES: Final = (*dict.fromkeys(LANGUAGE_DEFAULTS.values()), "lucene")
_BANDS: Final = {"low": (0, 21), "medium": (22, 47), "high": (48, 73), "critical": (74, 100)}
"""The bands that Elastic's documentation gives for the severities."""

_CHECKS: Final = (
    Check(
        "required-tags",
        naming.required_tags,
        "A tag that the project asks for is missing.",
        options=(Option("tags", list_of(text), (), "Globs; each must match one tag of the rule."),),
    ),
    Check(
        "severity-risk",
        triage.risk_band,
        "The risk score lies outside the band of the severity.",
        options=(Option("bands", mapping_of(band), _BANDS, "Lowest and highest risk score of each severity."),),
    ),
    Check("attack-id", attack.malformed_id, "An id has not the form of ATT&CK or ATLAS, or its reference differs."),
    Check(
        "attack-name",
        attack.other_name,
        "A tactic or technique has another name than in ATT&CK, or than elsewhere in the repository.",
        needs="repository",
    ),
    Check(
        "attack-tactic",
        attack.other_tactic,
        "A technique stands below a tactic that is not its own, or below which no other rule puts it.",
        options=(Option("others", whole(1, 10_000), 10, "Without ATT&CK: how many rules must say otherwise."),),
        needs="repository",
    ),
    Check("attack-unknown", attack.unknown_id, "ATT&CK has no such tactic or technique.", needs="attack"),
    Check("attack-retired", attack.retired_id, "ATT&CK has revoked or deprecated the technique.", needs="attack"),
    Check(
        "triage-note",
        triage.triage_note,
        "A severe rule has no note for whoever gets its alerts.",
        options=(Option("severities", list_of(choice(SEVERITIES)), ("high", "critical"), "Which are severe."),),
    ),
    Check(
        "look-back-overlap",
        schedule.look_back_overlap,
        "The look-back reaches hardly beyond the interval, so that late events are missed.",
        options=(Option("overlap", duration, 60.0, "The least overlap of two runs."),),
    ),
    Check(
        "leading-wildcard",
        queries.leading_wildcard,
        "A pattern of the query begins with a wildcard.",
        "off",
        (Option("languages", list_of(choice(_LANGUAGES)), _LANGUAGES, "In which languages."),),
    ),
    Check("max-signals", triage.many_signals, "More alerts a run than Kibana writes, and setup does not say so."),
    Check(
        "file-name",
        naming.file_name,
        "The file's name does not follow the project's form.",
        options=(Option("pattern", pattern, r"[a-z0-9_]+\.toml", "A regular expression for the whole name."),),
    ),
    Check("file-tactic", naming.file_tactic, "The file's name does not begin with a tactic of the rule.", "off"),
    Check(
        "rule-name",
        naming.rule_name,
        "The rule's name has hidden white space, or does not follow the project's form.",
        options=(Option("pattern", pattern, r".+", "A regular expression for the whole name."),),
    ),
    Check("duplicate-name", naming.duplicate_name, "Two rules have one name.", needs="repository"),
    Check("review-expired", upkeep.review_expired, "The day of deployer_review_by is past, or is no day."),
    Check("review-missing", upkeep.review_missing, "deployer_review_by is missing.", "off"),
    Check("owner-missing", upkeep.owner_missing, "deployer_owner is missing.", "off"),
)

CHECKS: Final[Mapping[str, Check]] = {check.code: check for check in _CHECKS}
