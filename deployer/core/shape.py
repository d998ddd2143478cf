"""
What each field may hold: typed models of the eight rule types, from kibana/openapi.json and facts.md section 9.

The models are built from the field table, so that no second list of names exists. They run for `validate` and for the
rules that a plan would change; pydantic is imported then and not before. They judge and never rewrite: what is sent is
the payload itself.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from functools import cache
from typing import TYPE_CHECKING, Any, Final

from deployer.core.fields import FIELDS, IDENTITY, RULE_TYPES, SEVERITIES
from deployer.core.rule_file import Locate, RuleFile, dotted
from deployer.core.suggestion import did_you_mean
from deployer.errors import Problem, Severity

if TYPE_CHECKING:
    from pydantic import BaseModel

_ALWAYS: Final = frozenset({"name", "description", "risk_score", "severity", "type"})
_REQUIRED: Final[Mapping[str, frozenset[str]]] = {
    "query": frozenset(),
    "saved_query": frozenset({"saved_id"}),
    "eql": frozenset({"query", "language"}),
    "esql": frozenset({"query", "language"}),
    "machine_learning": frozenset({"anomaly_threshold", "machine_learning_job_id"}),
    "new_terms": frozenset({"query", "new_terms_fields", "history_window_start"}),
    "threat_match": frozenset({"query", "threat_query", "threat_mapping", "threat_index"}),
    "threshold": frozenset({"query", "threshold"}),
}
"""What Kibana refuses a rule without (facts.md 2.3), beside the fields that every type needs (2.2)."""

_LANGUAGES: Final = {"eql": ("eql",), "esql": ("esql",)}
_DURATION: Final = re.compile(r"[1-9]\d*[smhd]")


def shape_problems(file: RuleFile, locate: Locate) -> Iterator[Problem]:
    """Yield everything that is wrong with the fields of one rule: unknown, missing, of the wrong type, at odds."""
    yield from _unknown(file, locate)
    yield from _invalid(file, locate)
    yield from _at_odds(file, locate)


def _unknown(file: RuleFile, locate: Locate) -> Iterator[Problem]:
    known = {name for name, row in FIELDS.items() if row.exists_for(file.type)} | {IDENTITY}
    for name in file.payload.keys() - known:
        if name in FIELDS:
            message, remedy = f"{name} does not exist for {file.type} rules; Kibana drops it", "remove it"
            yield _problem(file, locate, (name,), message, "not-for-type", remedy)
        else:
            remedy = did_you_mean(name, known)
            yield _problem(file, locate, (name,), f"there is no field {name}", "unknown-key", remedy)


def _invalid(file: RuleFile, locate: Locate) -> Iterator[Problem]:
    from pydantic import ValidationError

    known = {name: value for name, value in file.payload.items() if name in FIELDS or name == IDENTITY}
    try:
        _model(file.type).model_validate(known, strict=True)
    except ValidationError as exc:
        seen: set[tuple[str | int, ...]] = set()
        for error in exc.errors(include_url=False, include_context=False, include_input=False):
            path = tuple(part for part in error["loc"] if isinstance(part, int) or not _is_branch(part))
            if path in seen:
                continue  # one problem for a value, not one for each branch of a union
            seen.add(path)
            if error["type"] == "missing":
                yield _problem(file, locate, path, f"{path[-1]} is missing", "missing-key", f"add {path[-1]}")
            else:
                yield _problem(file, locate, path, _sentence(error["msg"]), _code(error["type"]), "")


def _is_branch(part: str) -> bool:
    """Say whether a part of pydantic's path names a branch of a union and no key of the file."""
    return bool(re.search(r"[\[\](]|^(str|int|float|bool|list|dict|None|constrained-.*|_.*)$", part))


def _sentence(message: str) -> str:
    return message[:1].lower() + message[1:]


def _code(kind: str) -> str:
    return "unknown-key" if kind == "extra_forbidden" else "wrong-type" if kind.endswith("_type") else "wrong-value"


@cache
def _model(rule_type: str) -> type[BaseModel]:
    """Return the model of one rule type."""
    from pydantic import ConfigDict, create_model

    kinds = _kinds(rule_type)
    required = _ALWAYS | _REQUIRED[rule_type]
    fields: dict[str, Any] = {
        name: (kinds.get(name, Any), ... if name in required else None)
        for name, row in FIELDS.items()
        if row.exists_for(rule_type)
    }
    fields[IDENTITY] = (kinds[IDENTITY], ...)
    safe: dict[str, Any] = {f"f_{name}": (kind, _aliased(name, default)) for name, (kind, default) in fields.items()}
    made: type[BaseModel] = create_model(f"{rule_type}_rule", __config__=ConfigDict(extra="forbid"), **safe)
    return made


def _aliased(name: str, default: Any) -> Any:
    from pydantic import Field

    return Field(alias=name) if default is ... else Field(default=default, alias=name)


def _kinds(rule_type: str) -> dict[str, Any]:
    """Return the type of each field: what the API's schema says of it."""
    from typing import Annotated, Literal

    from pydantic import ConfigDict, Field, create_model

    text = str
    filled = Annotated[str, Field(min_length=1)]
    texts = list[str]
    free = dict[str, Any]
    percent = Annotated[int, Field(ge=0, le=100)]
    positive = Annotated[int, Field(ge=1)]
    severity = Literal[SEVERITIES]  # type: ignore[valid-type]
    duration = Annotated[str, Field(pattern=r"^[1-9]\d*[smhd]$")]
    closed, open_ = ConfigDict(extra="forbid"), ConfigDict(extra="allow")

    def table(title: str, /, *, extra: ConfigDict = closed, **fields: Any) -> Any:
        return create_model(f"_{title}", __config__=extra, **fields)

    def optional(kind: Any) -> Any:
        return (kind | None, None)

    def listed(kind: Any) -> Any:
        return list[kind]

    reference: dict[str, Any] = {"id": (filled, ...), "name": (filled, ...), "reference": (text, ...)}
    subtechnique = table("subtechnique", **reference)
    technique = table("technique", **reference, subtechnique=optional(listed(subtechnique)))
    threat = table(
        "threat",
        framework=(filled, ...),
        tactic=(table("tactic", **reference), ...),
        technique=optional(listed(technique)),
    )
    span = table("span", value=(positive, ...), unit=(Literal["s", "m", "h"], ...))
    suppression: Any = table(
        "suppression",
        group_by=(Annotated[list[filled], Field(min_length=1, max_length=3)], ...),
        duration=optional(span),
        missing_fields_strategy=optional(Literal["doNotSuppress", "suppress"]),
    )
    if rule_type == "threshold":
        suppression = table("suppression", extra=closed, duration=(span, ...))
    cardinality = table("cardinality", field=(filled, ...), value=(Annotated[int, Field(ge=0)], ...))
    threshold = table(
        "threshold",
        field=(text | Annotated[texts, Field(max_length=5)], ...),
        value=(positive, ...),
        cardinality=optional(listed(cardinality)),
    )
    entry = table(
        "entry", field=(filled, ...), type=(Literal["mapping"], ...), value=(filled, ...), negate=optional(bool)
    )
    mapping = table("mapping", entries=(Annotated[listed(entry), Field(min_length=1)], ...))
    risk = table(
        "risk", field=(text, ...), operator=(Literal["equals"], ...), value=(text, ...), risk_score=optional(percent)
    )
    severe = table(
        "severe", field=(text, ...), operator=(Literal["equals"], ...), severity=(severity, ...), value=(text, ...)
    )
    action = table(
        "action",
        extra=open_,
        id=optional(filled),
        connector=optional(filled),
        action_type_id=optional(filled),
        group=optional(text),
        params=(free, ...),
        uuid=optional(text),
        frequency=optional(free),
        alerts_filter=optional(free),
    )
    response = table(
        "response", extra=open_, action_type_id=(Literal[".osquery", ".endpoint"], ...), params=(free, ...)
    )
    linked = table(
        "linked",
        extra=closed,
        list_id=(filled, ...),
        id=optional(text),
        type=optional(text),
        namespace_type=optional(Literal["single", "agnostic"]),
    )
    integration = table("integration", package=(filled, ...), version=(filled, ...), integration=optional(filled))
    needed = table("needed", name=(filled, ...), type=(filled, ...), ecs=optional(bool))
    return {
        IDENTITY: filled,
        "name": filled,
        "description": filled,
        "note": text,
        "setup": text,
        "tags": texts,
        "references": texts,
        "author": texts,
        "license": text,
        "false_positives": texts,
        "threat": listed(threat),
        "timeline_id": filled,
        "timeline_title": filled,
        "investigation_fields": table("investigation", field_names=(texts, ...)),
        "version": positive,
        "meta": free,
        "related_integrations": listed(integration),
        "required_fields": listed(needed),
        "type": Literal[RULE_TYPES],
        "language": Literal[_LANGUAGES.get(rule_type, ("kuery", "lucene"))],
        "query": text,
        "index": texts,
        "data_view_id": filled,
        "filters": list[Any],
        "saved_id": filled,
        "event_category_override": filled,
        "tiebreaker_field": filled,
        "timestamp_field": filled,
        "machine_learning_job_id": filled | list[filled],
        "new_terms_fields": Annotated[list[filled], Field(min_length=1, max_length=3)],
        "threat_index": texts,
        "threat_query": text,
        "threat_language": Literal["kuery", "lucene"],
        "threat_filters": list[Any],
        "threat_mapping": Annotated[listed(mapping), Field(min_length=1)],
        "threat_indicator_path": filled,
        "threshold": threshold,
        "anomaly_threshold": Annotated[int, Field(ge=0)],
        "history_window_start": filled,
        "concurrent_searches": positive,
        "items_per_search": positive,
        "alert_suppression": suppression,
        "exceptions_list": listed(linked | filled),
        "interval": duration,
        "from": filled,
        "to": filled,
        "max_signals": positive,
        "timestamp_override": filled,
        "timestamp_override_fallback_disabled": bool,
        "enabled": bool,
        "severity": severity,
        "severity_mapping": listed(severe),
        "risk_score": percent,
        "risk_score_mapping": listed(risk),
        "rule_name_override": text,
        "building_block_type": text,
        "actions": listed(action),
        "response_actions": listed(response),
        "throttle": text,
        "namespace": text,
    }


_PAIRS: Final = (("timeline_id", "timeline_title"), ("concurrent_searches", "items_per_search"))


def _at_odds(file: RuleFile, locate: Locate) -> Iterator[Problem]:
    """Yield fields that Kibana refuses together, or takes and cannot work with (facts.md 2.4, 9.3)."""
    content = file.payload
    for one, other in _PAIRS:
        for name, missing in ((one, other), (other, one)):
            if name in content and missing not in content:
                message = f"{name} needs {missing} beside it"
                yield _problem(file, locate, (name,), message, "needs-partner", f"add {missing}, or remove {name}")
    if "index" in content and "data_view_id" in content:
        message = "index and data_view_id are both set; Kibana uses the data view and ignores index"
        yield _problem(file, locate, ("data_view_id",), message, "index-and-data-view", "remove one")
    if file.type == "query" and not str(content.get("query", "")).strip() and not content.get("filters"):
        yield _problem(
            file, locate, ("query",), "an empty query without filters matches everything", "empty-query", "write one"
        )
    yield from _actions(file, locate)


def _actions(file: RuleFile, locate: Locate) -> Iterator[Problem]:
    actions = file.payload.get("actions")
    for number, action in enumerate(actions if isinstance(actions, list) else ()):
        if isinstance(action, Mapping) and not ("connector" in action or {"id", "action_type_id"} <= action.keys()):
            remedy = 'write connector = "NAME", or id and action_type_id'
            yield _problem(file, locate, ("actions", number), "the action names no connector", "no-connector", remedy)


def _problem(
    file: RuleFile,
    locate: Callable[..., tuple[int, int]],
    path: tuple[str | int, ...],
    message: str,
    code: str,
    remedy: str,
) -> Problem:
    """Return a Problem at a path of the rule, or at the nearest key above it that the file has."""
    whole: tuple[str | int, ...] = ("rule", *path)
    place, here = locate(file.path, whole), whole
    while not place[0] and len(here) > 1:
        here = here[:-1]
        place = locate(file.path, here)
    return Problem(file.path, *place, dotted(whole), message, code, remedy, Severity.ERROR)
