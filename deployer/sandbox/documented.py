"""
The public paths of the OpenAPI document (a subset of Kibana's), and a few more of facts.md section 1.1.

What is not among the routes of a resource module answers 501 naming itself.
"""

from __future__ import annotations

_METHODS = {
    "/api/actions/connector/{id}": "DELETE GET POST PUT",
    "/api/actions/connector_types": "GET",
    "/api/actions/connectors": "GET",
    "/api/alerting/rule/{id}": "GET",
    "/api/detection_engine/index": "DELETE GET POST",
    "/api/detection_engine/privileges": "GET",
    "/api/detection_engine/rules": "DELETE GET PATCH POST PUT",
    "/api/detection_engine/rules/_bulk_action": "POST",
    "/api/detection_engine/rules/_export": "POST",
    "/api/detection_engine/rules/_find": "GET",
    "/api/detection_engine/rules/_import": "POST",
    "/api/detection_engine/rules/prepackaged": "PUT",
    "/api/detection_engine/rules/prepackaged/_status": "GET",
    "/api/detection_engine/rules/preview": "POST",
    "/api/detection_engine/rules/{id}/exceptions": "POST",
    "/api/detection_engine/signals/assignees": "POST",
    "/api/detection_engine/signals/search": "POST",
    "/api/detection_engine/signals/status": "POST",
    "/api/detection_engine/signals/tags": "POST",
    "/api/detection_engine/tags": "GET",
    "/api/exception_lists": "DELETE GET POST PUT",
    "/api/exception_lists/_duplicate": "POST",
    "/api/exception_lists/_export": "POST",
    "/api/exception_lists/_find": "GET",
    "/api/exception_lists/_import": "POST",
    "/api/exception_lists/items": "DELETE GET POST PUT",
    "/api/exception_lists/items/_find": "GET",
    "/api/exception_lists/summary": "GET",
    "/api/exceptions/shared": "POST",
    "/api/lists": "DELETE GET PATCH POST PUT",
    "/api/lists/_find": "GET",
    "/api/lists/index": "DELETE GET POST",
    "/api/lists/items": "DELETE GET PATCH POST PUT",
    "/api/lists/items/_export": "POST",
    "/api/lists/items/_find": "GET",
    "/api/lists/items/_import": "POST",
    "/api/lists/privileges": "GET",
    "/api/spaces/space": "GET POST",
    "/api/spaces/space/{id}": "DELETE GET PUT",
    "/api/status": "GET",
    "/api/timeline": "DELETE GET PATCH POST",
    "/api/timeline/_export": "POST",
    "/api/timeline/_import": "POST",
    "/api/timeline/_prepackaged": "POST",
    "/api/timelines": "GET",
}

DOCUMENTED: tuple[tuple[str, str], ...] = tuple(
    (method, path) for path, methods in _METHODS.items() for method in methods.split()
)
