"""
`/api/timeline`: timelines, and the templates that rules refer to by `timeline_id` (facts.md section 7.4).

Rules name a template by `templateTimelineId` and title; the server looks at neither. Notes and pinned events are not
kept. Elastic's package of templates is not here, so nothing of it can be installed.
"""

from __future__ import annotations

from typing import Any, Final

from deployer.sandbox.call import Call
from deployer.sandbox.clock import new_uuid
from deployer.sandbox.documents import Document
from deployer.sandbox.errors import SiemError
from deployer.sandbox.kinds import TIMELINE
from deployer.sandbox.messages import Body, NotJsonError, Response, from_json, json_response, ndjson_response
from deployer.sandbox.multipart import read_file_part
from deployer.sandbox.query_schema import query_integer
from deployer.sandbox.routing import Route
from deployer.sandbox.schema import Issues, array, may, need, nullable, obj, one_of, record, render, text
from deployer.sandbox.timeline_shape import CREATE, PATCH, STATUS, TYPE
from deployer.sandbox.timeline_shape import TIMELINE as SHAPE

_MOST_BYTES: Final = 10_485_760
_MOST: Final = 10_000
_DELETE: Final = obj({"savedObjectIds": need(array(text())), "searchIds": may(array(text()))})
_EXPORT: Final = nullable(obj({"ids": may(nullable(array(text())))}))
_NO_NOTES: Final[Body] = {
    **{"eventIdToNoteIds": [], "noteIds": [], "notes": [], "pinnedEventIds": [], "pinnedEventsSaveObject": []},
    "favorite": [],
}
_LIST: Final = {
    "only_user_favorite": may(one_of("true", "false")),
    "timeline_type": may(TYPE),
    "status": may(STATUS),
    "sort_field": may(one_of("title", "description", "updated", "created")),
    "sort_order": may(one_of("asc", "desc")),
    "page_size": may(query_integer(least=1)),
    "page_index": may(query_integer(least=1)),
    "search": may(text()),
}


def _plain(value: Any) -> Any:
    """A value without the keys that are null: what is not set is not there."""
    if isinstance(value, dict):
        return {name: _plain(entry) for name, entry in value.items() if entry is not None}
    return [_plain(entry) for entry in value] if isinstance(value, list) else value


def _shown(document: Document) -> Body:
    return {**document.body, "savedObjectId": document.id, "version": document.version_text, **_NO_NOTES}


def _all(call: Call) -> list[Document]:
    return call.kibana.documents.all(TIMELINE, call.space)


def _by_template(call: Call, id_: str) -> Document | None:
    return call.kibana.documents.by_key(TIMELINE, call.space, id_)


def _milliseconds(call: Call) -> int:
    return int(call.kibana.clock.time() * 1000)


def _add(call: Call, given: Body) -> Document:
    """Store a new timeline; a template without an id of its own gets one."""
    kind = given.get("timelineType", "default")
    body = {"status": "active", **given, "timelineType": kind}
    if kind == "template":
        body = {"templateTimelineId": new_uuid(), "templateTimelineVersion": 1, **body}
    now = _milliseconds(call)
    body |= {"created": now, "createdBy": call.user.name, "updated": now, "updatedBy": call.user.name}
    key = body["templateTimelineId"] if kind == "template" else ""
    return call.kibana.documents.add(TIMELINE, call.space, new_uuid(), body, key=key)


def _change(call: Call, document: Document, given: Body) -> Document:
    stamp = {"updated": _milliseconds(call), "updatedBy": call.user.name}
    return call.kibana.documents.replace(document, {**document.body, **given, **stamp})


def create(call: Call) -> Response:
    """A new timeline; one that is there cannot be written this way."""
    sent = _plain(call.body(CREATE))
    around = {name: value for name, value in sent.items() if name not in ("timeline", "timelineId", "version")}
    given = {**sent["timeline"], **around}
    template = given.get("timelineType") == "template"
    with call.kibana.documents.joined():
        known = call.kibana.documents.get(TIMELINE, call.space, sent.get("timelineId", ""))
        if template and "templateTimelineId" in given:
            known = known or _by_template(call, given["templateTimelineId"])
        if known is not None:
            kind = "template timeline" if template else "timeline"
            raise SiemError(405, f"UPDATE {kind} with POST is not allowed, please use PATCH instead")
        made = _add(call, given)
    return json_response(_shown(made))


def patch(call: Call) -> Response:
    """Change what is given; `version` guards against somebody else's write."""
    sent = call.body(PATCH)
    given = _plain(sent["timeline"])
    with call.kibana.documents.joined():
        document = call.kibana.documents.get(TIMELINE, call.space, sent["timelineId"] or "")
        if document is None and "templateTimelineId" in given:
            document = _by_template(call, given["templateTimelineId"])
        if document is None:
            kind = "template timeline" if given.get("timelineType") == "template" else "timeline"
            raise SiemError(405, f"CREATE {kind} with PATCH is not allowed, please use POST instead")
        if sent["version"] and sent["version"] != document.version_text:
            raise SiemError(409, f"Saved object [siem-ui-timeline/{document.id}] conflict")
        fixed = {"templateTimelineId", "timelineType"}
        changed = _change(call, document, {name: value for name, value in given.items() if name not in fixed})
    return json_response(_shown(changed))


def read(call: Call) -> Response:
    """One timeline by its id, or a template by its own."""
    given = call.query({"id": may(text()), "template_timeline_id": may(text())})
    if given.get("template_timeline_id"):
        document = _by_template(call, given["template_timeline_id"])
    elif given.get("id"):
        document = call.kibana.documents.get(TIMELINE, call.space, given["id"])
    else:
        raise SiemError(400, "please provide id or template_timeline_id")
    if document is None:
        id_ = given.get("template_timeline_id") or given["id"]
        raise SiemError(404, f"Saved object [siem-ui-timeline/{id_}] not found")
    return json_response(_shown(document))


def delete(call: Call) -> Response:
    """Remove timelines by their ids; one that is not there is no error."""
    ids = call.body(_DELETE)["savedObjectIds"]
    with call.kibana.documents.joined():
        for id_ in ids:
            document = call.kibana.documents.get(TIMELINE, call.space, id_)
            if document is not None:
                call.kibana.documents.remove(document)
    return Response(200)


def list_all(call: Call) -> Response:
    """Pages of timelines, and how many of each kind there are."""
    given = call.query(_LIST)
    everything = [document.body for document in _all(call)]
    found = [document for document in _all(call) if _wanted(document.body, given)]
    field = given.get("sort_field", "updated")
    found.sort(key=lambda document: document.body.get(field, ""), reverse=given.get("sort_order", "desc") == "desc")
    size, page = given.get("page_size", 10), given.get("page_index", 1)
    templates = [body for body in everything if body["timelineType"] == "template"]
    elastic = sum(body["status"] == "immutable" for body in templates)
    return json_response(
        {
            "timeline": [_shown(document) for document in found[(page - 1) * size : page * size]],
            "totalCount": len(found),
            "defaultTimelineCount": len(everything) - len(templates),
            "templateTimelineCount": len(templates),
            "elasticTemplateTimelineCount": elastic,
            "customTemplateTimelineCount": len(templates) - elastic,
            "favoriteCount": 0,
        }
    )


def _wanted(body: Body, given: Body) -> bool:
    if given.get("only_user_favorite") == "true":
        return False
    pairs = (("timelineType", "timeline_type"), ("status", "status"))
    searched = given.get("search", "").strip("* ").lower()
    return all(body[key] == given.get(name, body[key]) for key, name in pairs) and searched in (
        str(body.get("title", "")).lower()
    )


def export(call: Call) -> Response:
    """The chosen timelines, or all, as NDJSON."""
    file_name = call.query({"file_name": need(text())})["file_name"]
    chosen = (call.body(_EXPORT) or {}).get("ids") if call.payload is not None else None
    call.is_write = False
    documents = _all(call)
    if len(chosen or documents) > _MOST:
        raise SiemError(400, f"Can't export more than {_MOST} timelines")
    rows = [
        {**_shown(document), "eventNotes": [], "globalNotes": []}
        for document in documents
        if chosen is None or document.id in chosen
    ]
    return ndjson_response(rows, file_name)


def import_timelines(call: Call) -> Response:
    """Create or update what a file holds: a timeline is matched by its id, a template by its own."""
    errors: list[Body] = []
    counts = {"timelines_installed": 0, "timelines_updated": 0}
    lines = [line for line in read_file_part(call.request).splitlines() if line.strip()]
    if len(lines) > _MOST:
        raise SiemError(400, f"Can't import more than {_MOST} timelines")
    with call.kibana.documents.joined():
        for line in lines:
            entry, problem = _checked(call, line)
            if problem:
                id_ = str(entry.get("savedObjectId") or new_uuid())
                errors.append({"id": id_, "error": {"status_code": 400, "message": problem}})
            else:
                counts[_import_one(call, entry)] += 1
    done = sum(counts.values())
    return json_response({"success": not errors, "success_count": done, **counts, "errors": errors})


def _checked(call: Call, line: bytes) -> tuple[Body, str]:
    try:
        entry: Any = from_json(line)
    except NotJsonError as exc:
        return {}, str(exc)
    issues: Issues = []
    record(entry, (), issues)
    given = {} if issues else _plain(SHAPE(entry, (), issues))
    named = {"savedObjectId": entry["savedObjectId"]} if isinstance(entry, dict) and "savedObjectId" in entry else {}
    return {**given, **named}, render(issues, call.version)


def _import_one(call: Call, entry: Body) -> str:
    given = {name: value for name, value in entry.items() if name != "savedObjectId"}
    id_ = entry.get("savedObjectId")
    known = call.kibana.documents.get(TIMELINE, call.space, id_) if isinstance(id_, str) else None
    if given.get("timelineType") == "template":
        known = _by_template(call, given["templateTimelineId"]) if "templateTimelineId" in given else None
    if known is None:
        _add(call, given)
        return "timelines_installed"
    _change(call, known, given)
    return "timelines_updated"


def install_prepackaged(_call: Call) -> Response:
    """Nothing: Elastic's templates are not here."""
    counts = {"timelines_installed": 0, "timelines_updated": 0}
    return json_response({"success": True, "success_count": 0, **counts, "errors": []})


PATH: Final = "/api/timeline"
ROUTES = (
    Route("POST", PATH, create, "timeline-all", "json", writes=True),
    Route("GET", PATH, read, "timeline-read"),
    Route("PATCH", PATH, patch, "timeline-all", "json", writes=True),
    Route("DELETE", PATH, delete, "timeline-all", "json", writes=True),
    Route("GET", "/api/timelines", list_all, "timeline-read"),
    Route("POST", f"{PATH}/_export", export, "timeline-read", "json", writes=True),
    Route("POST", f"{PATH}/_import", import_timelines, "timeline-all", "multipart", most=_MOST_BYTES, writes=True),
    Route("POST", f"{PATH}/_prepackaged", install_prepackaged, "timeline-all", writes=True),
)
