"""What a response shows where a field was not sent (facts.md sections 2.2 and 2.3)."""

from __future__ import annotations

from typing import Any

ABSENT = object()

# What a response shows where nothing was sent, in the order in which Kibana prints it; ABSENT means the key is not
# there.
RESPONSE_FIELDS: tuple[tuple[str, Any], ...] = (
    ("risk_score", ABSENT),
    ("severity", ABSENT),
    ("building_block_type", ABSENT),
    ("namespace", ABSENT),
    ("note", ABSENT),
    ("license", ABSENT),
    ("output_index", ""),
    ("timeline_id", ABSENT),
    ("timeline_title", ABSENT),
    ("meta", ABSENT),
    ("rule_name_override", ABSENT),
    ("timestamp_override", ABSENT),
    ("timestamp_override_fallback_disabled", ABSENT),
    ("investigation_fields", ABSENT),
    ("author", []),
    ("false_positives", []),
    ("from", "now-6m"),
    ("max_signals", 100),
    ("risk_score_mapping", []),
    ("severity_mapping", []),
    ("threat", []),
    ("to", "now"),
    ("references", []),
    ("exceptions_list", []),
    ("related_integrations", []),
    ("required_fields", []),
    ("setup", ""),
    ("response_actions", ABSENT),
)
TYPE_DEFAULTS: dict[str, dict[str, Any]] = {
    "eql": {},
    "query": {"query": "", "language": "kuery"},
    "saved_query": {"language": "kuery"},
    "threshold": {"language": "kuery"},
    "threat_match": {"language": "kuery", "threat_indicator_path": "threat.indicator"},
    "machine_learning": {},
    "new_terms": {"language": "kuery"},
    "esql": {},
}
