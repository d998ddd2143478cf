"""The shape of a timeline, as the OpenAPI document has it (`Security_Timeline_API_SavedTimeline`)."""

from __future__ import annotations

from typing import Final

from deployer.sandbox.schema import (
    Check,
    Field,
    array,
    boolean,
    may,
    need,
    nullable,
    number,
    obj,
    one_of,
    text,
    union,
)

_text = may(nullable(text()))
_flag = may(nullable(boolean))
_number = may(nullable(number))
_either = may(nullable(union(text(), number)))


def _texts(*names: str) -> dict[str, Field]:
    return dict.fromkeys(names, _text)


_MATCH: Final = obj(
    {
        **_texts("field", "displayField", "displayValue", "operator"),
        "value": may(nullable(union(text(), array(text())))),
    }
)
_PROVIDER: Final = {
    **_texts("id", "name", "kqlQuery"),
    **dict.fromkeys(("enabled", "excluded"), _flag),
    "queryMatch": may(nullable(_MATCH)),
    "type": may(nullable(one_of("default", "template"))),
}
_COLUMN: Final = obj(
    {
        **_texts("id", "name", "category", "columnHeaderType", "description", "placeholder", "type"),
        **dict.fromkeys(("aggregatable", "searchable"), _flag),
        "indexes": may(nullable(array(text()))),
    }
)
_META: Final = obj(
    {
        **_texts("alias", "controlledBy", "field", "formattedValue", "index", "key", "params", "type", "value"),
        **dict.fromkeys(("disabled", "negate"), _flag),
    }
)
_FILTER: Final = obj(
    {**_texts("exists", "match_all", "missing", "query", "range", "script"), "meta": may(nullable(_META))}
)
_KUERY: Final = obj(_texts("expression", "kind"))
_FILTER_QUERY: Final = obj({"kuery": may(nullable(_KUERY)), "serializedQuery": _text})
_SORT: Final = obj(_texts("columnId", "columnType", "sortDirection"))
_EQL: Final = obj({**_texts("eventCategoryField", "tiebreakerField", "timestampField", "query"), "size": _either})
_RENDERERS: Final = (
    *("alert", "alerts", "auditd", "auditd_file", "library", "netflow", "plain", "registry", "suricata", "system"),
    *("system_dns", "system_endgame_process", "system_file", "system_fim", "system_security_event", "system_socket"),
    *("threat_match", "zeek"),
)

TYPE: Final = one_of("default", "template")
STATUS: Final = one_of("active", "draft", "immutable")
TIMELINE: Final[Check] = obj(
    {
        **_texts("title", "description", "dataViewId", "eventType", "kqlMode", "savedQueryId", "savedSearchId"),
        "templateTimelineId": _text,
        "templateTimelineVersion": _number,
        "timelineType": may(nullable(TYPE)),
        "status": may(nullable(STATUS)),
        "columns": may(nullable(array(_COLUMN))),
        "dataProviders": may(nullable(array(obj({**_PROVIDER, "and": may(nullable(array(obj(_PROVIDER))))})))),
        "dateRange": may(nullable(obj({"start": _either, "end": _either}))),
        "eqlOptions": may(nullable(_EQL)),
        "excludedRowRendererIds": may(nullable(array(one_of(*_RENDERERS)))),
        "filters": may(nullable(array(_FILTER))),
        "indexNames": may(nullable(array(text()))),
        "kqlQuery": may(nullable(obj({"filterQuery": may(nullable(_FILTER_QUERY))}))),
        "sort": may(nullable(union(_SORT, array(_SORT)))),
    }
)
CREATE: Final = obj(
    {
        "timeline": need(TIMELINE),
        "timelineId": _text,
        "timelineType": may(nullable(TYPE)),
        "templateTimelineId": _text,
        "templateTimelineVersion": _number,
        "status": may(nullable(STATUS)),
        "version": _text,
    }
)
PATCH: Final = obj(
    {"timeline": need(TIMELINE), "timelineId": need(nullable(text())), "version": need(nullable(text()))}
)
