"""
The field table: everything the program knows about a rule's fields, and the only place that names them.

One row per field of Kibana's rule API (kibana/openapi.json, facts.md sections 2.2 to 2.4): the rule types it exists
for, what an absent key means, the value Kibana fills in, how lists compare, how a change of it is categorised, who owns
it by default and since which stack it exists. Parsing, the canonical form, the diff, ownership, the plan and the
writers all read this table.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final, Literal

RULE_TYPES: Final = (
    "query",
    "saved_query",
    "eql",
    "esql",
    "machine_learning",
    "new_terms",
    "threat_match",
    "threshold",
)

_QUERY_LIKE: Final = frozenset({"query", "saved_query", "eql", "new_terms", "threat_match", "threshold"})
_KQL: Final = frozenset({"query", "saved_query", "new_terms", "threat_match", "threshold"})
_QUERIES: Final = _QUERY_LIKE | {"esql"}
_ALL: Final = frozenset(RULE_TYPES)


class Absent:
    """The value of a key that is not there. There is one instance, `ABSENT`; it is false and prints as `absent`."""

    _instance: Absent | None = None

    def __new__(cls) -> Absent:
        """Return the one instance."""
        if cls._instance is None:
            cls._instance = super().__new__(cls)
        return cls._instance

    def __bool__(self) -> bool:
        """Be false, so that `value or default` reads naturally."""
        return False

    def __repr__(self) -> str:
        """Print as a word."""
        return "absent"

    def __copy__(self) -> Absent:
        """Stay the one instance."""
        return self

    def __deepcopy__(self, memo: Mapping[int, object]) -> Absent:
        """Stay the one instance."""
        return self


ABSENT: Final = Absent()


class Category(StrEnum):
    """What a change of a field means to the people on shift, mildest first."""

    COSMETIC = "cosmetic"
    TUNING = "tuning"
    EXPOSURE = "exposure"
    SEMANTIC = "semantic"


Listing = Literal["ordered", "set", "keyed"]


@dataclass(frozen=True, slots=True)
class Field:
    """
    One field of the rule API.

    `default`: what a response has when the field was omitted; ABSENT where the key is then missing (facts.md 2.2, 2.3).
    `opinion`: False where an absent key in a file means "no opinion" and the live value is carried over (design 5).
    `empty`: whether an empty list or string says the same as an absent key (facts.md 2.4, noise list).
    `text`: whether changes are shown line by line.
    """

    name: str
    category: Category
    default: Any = ABSENT
    types: frozenset[str] = _ALL
    opinion: bool = True
    listing: Listing = "ordered"
    keys: tuple[str, ...] = ()
    empty: bool = False
    text: bool = False
    since: str = ""
    weaker: Literal["lower", "grows", ""] = ""

    def exists_for(self, rule_type: str) -> bool:
        """Say whether Kibana keeps this field for a rule type; an unknown type keeps every field."""
        return rule_type in self.types or rule_type not in _ALL


_COSMETIC = Category.COSMETIC
_TUNING = Category.TUNING
_EXPOSURE = Category.EXPOSURE
_SEMANTIC = Category.SEMANTIC

_ROWS: Final = (
    # identity and reading
    Field("name", _COSMETIC),
    Field("description", _COSMETIC, text=True),
    Field("note", _COSMETIC, text=True, empty=True),
    Field("setup", _COSMETIC, "", text=True, since="8.3"),
    Field("tags", _COSMETIC, [], listing="set"),
    Field("references", _COSMETIC, []),
    Field("author", _COSMETIC, []),
    Field("license", _COSMETIC),
    Field("false_positives", _COSMETIC, []),
    Field("threat", _COSMETIC, []),
    Field("timeline_id", _COSMETIC),
    Field("timeline_title", _COSMETIC),
    Field("investigation_fields", _COSMETIC, since="8.11"),
    Field("version", _COSMETIC, 1, opinion=False),
    Field("meta", _COSMETIC, opinion=False),
    Field("related_integrations", _COSMETIC, [], opinion=False, since="8.3"),
    Field("required_fields", _COSMETIC, [], opinion=False, since="8.3"),
    # what is detected
    Field("type", _SEMANTIC),
    Field("language", _SEMANTIC, types=_QUERIES),
    Field("query", _SEMANTIC, types=_QUERIES, text=True),
    Field("index", _SEMANTIC, types=_QUERY_LIKE, listing="set"),
    Field("data_view_id", _SEMANTIC, types=_QUERY_LIKE),
    Field("filters", _SEMANTIC, types=_QUERY_LIKE, empty=True),
    Field("saved_id", _SEMANTIC, types=frozenset({"query", "saved_query", "threat_match", "threshold"})),
    Field("event_category_override", _SEMANTIC, types=frozenset({"eql"})),
    Field("tiebreaker_field", _SEMANTIC, types=frozenset({"eql"})),
    Field("timestamp_field", _SEMANTIC, types=frozenset({"eql"})),
    Field("machine_learning_job_id", _SEMANTIC, types=frozenset({"machine_learning"})),
    Field("new_terms_fields", _SEMANTIC, types=frozenset({"new_terms"})),
    Field("threat_index", _SEMANTIC, types=frozenset({"threat_match"}), listing="set"),
    Field("threat_query", _SEMANTIC, types=frozenset({"threat_match"}), text=True),
    Field("threat_language", _SEMANTIC, types=frozenset({"threat_match"})),
    Field("threat_filters", _SEMANTIC, types=frozenset({"threat_match"}), empty=True),
    Field("threat_mapping", _SEMANTIC, types=frozenset({"threat_match"})),
    Field("threat_indicator_path", _SEMANTIC, "threat.indicator", types=frozenset({"threat_match"})),
    # how much and how often
    Field("threshold", _TUNING, types=frozenset({"threshold"})),
    Field("anomaly_threshold", _TUNING, types=frozenset({"machine_learning"})),
    Field("history_window_start", _TUNING, types=frozenset({"new_terms"})),
    Field("concurrent_searches", _TUNING, types=frozenset({"threat_match"})),
    Field("items_per_search", _TUNING, types=frozenset({"threat_match"})),
    Field("alert_suppression", _TUNING, since="8.8", weaker="grows"),
    Field("exceptions_list", _TUNING, [], listing="keyed", keys=("list_id", "namespace_type"), weaker="grows"),
    Field("interval", _TUNING, "5m"),
    Field("from", _TUNING, "now-6m"),
    Field("to", _TUNING, "now"),
    Field("max_signals", _TUNING, 100),
    Field("timestamp_override", _TUNING),
    Field("timestamp_override_fallback_disabled", _TUNING),
    # what an alert looks like and does
    Field("enabled", _EXPOSURE, True, opinion=False),
    Field("severity", _EXPOSURE, weaker="lower"),
    Field("severity_mapping", _EXPOSURE, []),
    Field("risk_score", _EXPOSURE, weaker="lower"),
    Field("risk_score_mapping", _EXPOSURE, []),
    Field("rule_name_override", _EXPOSURE),
    Field("building_block_type", _EXPOSURE),
    Field("actions", _EXPOSURE, []),
    Field("response_actions", _EXPOSURE, empty=True),
    Field("throttle", _EXPOSURE, opinion=False),
    Field("namespace", _EXPOSURE),
)

FIELDS: Final[Mapping[str, Field]] = {row.name: row for row in _ROWS}

IDENTITY: Final = "rule_id"

SERVER_OWNED: Final = frozenset(
    {
        "id",
        "immutable",
        "revision",
        "created_at",
        "created_by",
        "updated_at",
        "updated_by",
        "rule_source",
        "execution_summary",
        "output_index",
        "outcome",
        "alias_target_id",
        "alias_purpose",
    }
)
"""Keys that Kibana sets: a warning in a file, never compared, never sent (facts.md 2.4, noise list)."""

PREBUILT: Final = "deployer:prebuilt"
"""
The key that says of a content that it is no rule, but what we set on one of Elastic's: `TUNED` fields, and only those
that it has. No TOML file and no answer of Kibana has such a key, so a document of a record says by itself what it is.
"""

TUNED: Final = ("enabled", "actions", "exceptions_list")
"""What we manage on a prebuilt rule: none of it is content, so none of it customises the rule (facts.md section 6)."""

SERVER_TAGS: Final = frozenset({"Missing Universal Api Key"})
"""Tags that serverless Kibana adds by itself (facts.md 2.4)."""

LANGUAGE_DEFAULTS: Final[Mapping[str, str]] = {
    "query": "kuery",
    "saved_query": "kuery",
    "new_terms": "kuery",
    "threat_match": "kuery",
    "threshold": "kuery",
    "eql": "eql",
    "esql": "esql",
}

SEVERITIES: Final = ("low", "medium", "high", "critical")


def field(name: str) -> Field:
    """Return the row of a field. A field that the table does not know is managed only while a file sets it."""
    return FIELDS.get(name) or Field(name, Category.SEMANTIC, opinion=False)


def default_of(name: str, rule_type: str) -> Any:
    """Return the value Kibana answers with when the field was omitted, ABSENT where it leaves the key out."""
    if name == "language":
        return LANGUAGE_DEFAULTS.get(rule_type, ABSENT)
    if name == "query" and rule_type == "query":
        return ""
    row = field(name)
    return row.default if row.exists_for(rule_type) else ABSENT
