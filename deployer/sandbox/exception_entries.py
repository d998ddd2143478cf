"""The shape of exception items and their entries, and what lists of the Endpoint refuse (facts.md section 7.1)."""

from __future__ import annotations

import re
from typing import Any, Final

from deployer.sandbox.errors import SiemError
from deployer.sandbox.exception_lists import NAMESPACES, OS_TYPES
from deployer.sandbox.messages import Body
from deployer.sandbox.schema import (
    Issue,
    Issues,
    Path,
    array,
    discriminated,
    may,
    need,
    non_empty,
    obj,
    one_of,
    record,
    text,
)

VALUE_LIST_TYPES: Final = (
    *("binary", "boolean", "byte", "date", "date_nanos", "date_range", "double", "double_range", "float"),
    *("float_range", "geo_point", "geo_shape", "half_float", "integer", "integer_range", "ip", "ip_range", "keyword"),
    *("long", "long_range", "shape", "short", "text"),
)
_DATE_TIME: Final = re.compile(
    r"\d{4}-(0[1-9]|1[0-2])-(0[1-9]|[12]\d|3[01])T([01]\d|2[0-3]):[0-5]\d:[0-5]\d(\.\d+)?Z", re.ASCII
)


def date_time(value: Any, path: Path, issues: Issues) -> Any:
    """A time in UTC as ISO 8601 writes it."""
    before = len(issues)
    text()(value, path, issues)
    if len(issues) == before and not _DATE_TIME.fullmatch(value):
        issues.append(Issue(path, "Invalid datetime", "Invalid ISO datetime"))
    return value


_operator = need(one_of("included", "excluded"))
_field = need(non_empty())
_value_list = obj({"id": need(non_empty()), "type": need(one_of(*VALUE_LIST_TYPES))})
_plain = {
    "match": obj({"type": need(text()), "field": _field, "operator": _operator, "value": need(non_empty())}),
    "match_any": obj(
        {"type": need(text()), "field": _field, "operator": _operator, "value": need(array(non_empty(), least=1))}
    ),
    "exists": obj({"type": need(text()), "field": _field, "operator": _operator}),
}
ENTRIES = array(
    discriminated(
        "type",
        {
            **_plain,
            "wildcard": obj({"type": need(text()), "field": _field, "operator": _operator, "value": need(non_empty())}),
            "list": obj({"type": need(text()), "field": _field, "operator": _operator, "list": need(_value_list)}),
            "nested": obj(
                {"type": need(text()), "field": _field, "entries": need(array(discriminated("type", _plain), least=1))}
            ),
        },
    )
)
_SHARED: Final = {
    "item_id": may(non_empty()),
    "name": need(non_empty()),
    "description": need(text()),
    "type": need(one_of("simple")),
    "entries": need(ENTRIES),
    "namespace_type": may(one_of(*NAMESPACES)),
    "os_types": may(OS_TYPES),
    "tags": may(array(non_empty())),
    "meta": may(record),
    "expire_time": may(date_time),
}
ITEM_FIELDS: Final = {**_SHARED, "comments": may(array(obj({"comment": need(non_empty())})))}
"""What a new item may have, but for its list."""

NEW_ITEM: Final = obj({**ITEM_FIELDS, "list_id": need(non_empty())})
ITEM: Final = obj({**ITEM_FIELDS, "item_id": need(non_empty()), "list_id": need(non_empty())})
"""An item of an import file."""

ITEM_UPDATE: Final = obj(
    {
        **_SHARED,
        "id": may(non_empty()),
        "list_id": may(non_empty()),
        "_version": may(text()),
        "comments": may(array(obj({"comment": need(non_empty()), "id": may(non_empty())}))),
    }
)

_OF_ENDPOINT: Final = {"match": ("included",), "match_any": ("included",), "wildcard": ("included", "excluded")}
_DISALLOWED: Final = frozenset(
    {
        "file.Ext.quarantine_path",
        "file.Ext.quarantine_result",
        "process.entity_id",
        "process.parent.entity_id",
        "process.ancestry",
    }
)


def check_endpoint_entries(entries: list[Body]) -> None:
    """
    Raise the 400 of entries that the Elastic Endpoint cannot apply: on lists of type `endpoint` only (`validate.ts` and
    `endpoint_disallowed_fields.ts` of the lists plugin).
    """
    wrong = ['Invalid value "[]" supplied to "entries"'] if not entries else []
    for entry in entries:
        inner = entry["entries"] if entry["type"] == "nested" else [entry]
        wrong += [problem for one in inner if (problem := _unfit(one, nested=entry["type"] == "nested"))]
    if wrong:
        raise SiemError(400, wrong)
    for entry in entries:
        if entry["field"] in _DISALLOWED:
            raise SiemError(400, f"cannot add endpoint exception item on field {entry['field']}")


def _unfit(entry: Body, *, nested: bool) -> str:
    operators = _OF_ENDPOINT.get(entry["type"], ())
    if not operators or (nested and entry["type"] == "wildcard"):
        return f'Invalid value "{entry["type"]}" supplied to "type"'
    if entry["operator"] not in operators:
        return f'Invalid value "{entry["operator"]}" supplied to "operator"'
    return ""
