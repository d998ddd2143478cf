"""
Responses against the official OpenAPI document, where it lies beside the repository.

`check(answer)` raises AssertionError for a response that breaks its schema. Where the document and facts.md disagree,
facts.md wins: `FACTS_WIN` lists each such case with its reason.
"""

from __future__ import annotations

import functools
import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from tests.support.sandbox import Answer
from tests.support.shared import SHARED

DOCUMENT = SHARED / "kibana" / "openapi.json"
ABSENT = f"{DOCUMENT.name} is not beside the repository: responses are not checked against the official contract"

_ERROR_SHAPES = ({"message", "status_code"}, {"statusCode", "error", "message"})
_BULK = "/api/detection_engine/rules/_bulk_action"
_LISTS_404 = ("/api/exception_lists/_duplicate", "/api/lists/items")

FACTS_WIN: tuple[tuple[str, Callable[[Answer, str], bool]], ...] = (
    (
        "message is a list of strings for validate* functions, the document knows a string only (facts.md 9.1)",
        lambda answer, _template: answer.status == 400 and isinstance(answer.json.get("message"), list),
    ),
    (
        "a partial failure of _bulk_action is HTTP 500 with attributes, the document has 200 only (facts.md 0.8, 4.2)",
        lambda answer, template: template == _BULK and answer.status == 500,
    ),
    (
        "_find with `fields` answers with parts of rules (facts.md 1.1)",
        lambda answer, template: template.endswith("/_find") and "fields=" in answer.path,
    ),
    (
        "before 9.3 an external rule_source has two keys, the document of 9.3 wants four (facts.md 6)",
        lambda answer, _template: (
            b'"rule_source":{"type":"external","is_customized":' in answer.body
            and b"has_base_version" not in answer.body
        ),
    ),
    (
        "what the lists handlers raise has the SIEM body, the document wants the other one of a 404 (facts.md 9.1)",
        lambda answer, template: answer.status == 404 and template in _LISTS_404 and "status_code" in answer.json,
    ),
    (
        "an alerts index that is not there is a SIEM error, the document of DELETE wants bare text (facts.md 9.1)",
        lambda answer, template: template == "/api/detection_engine/index" and answer.status == 404,
    ),
    (
        "before 9.0 there are bulk endpoints that the document of 9.3 has no more (facts.md 1.2)",
        lambda answer, _template: re.search(r"/_bulk_(create|update|delete)$", answer.path) is not None,
    ),
)

FACTS_ADD: tuple[tuple[str, str, str], ...] = (
    (
        "the list of connectors counts the rules that use each, the document allows no such key (facts.md 7.4)",
        "/api/actions/connectors",
        "referenced_by_count",
    ),
)
"""Reason, path and key: what answers have beyond the document, which is otherwise still checked."""


def available() -> bool:
    """Whether the document is here."""
    return DOCUMENT.is_file()


@functools.cache
def document() -> dict[str, Any]:
    """The OpenAPI document, `nullable` written as JSON Schema says it."""
    found: dict[str, Any] = _without_nullable(json.loads(DOCUMENT.read_text("utf-8")))
    return found


def _without_nullable(node: Any) -> Any:
    if isinstance(node, list):
        return [_without_nullable(entry) for entry in node]
    if not isinstance(node, dict):
        return node
    plain = {name: _without_nullable(value) for name, value in node.items() if name != "nullable"}
    return {"anyOf": [plain, {"type": "null"}]} if node.get("nullable") is True else plain


@functools.cache
def _templates() -> tuple[tuple[re.Pattern[str], str], ...]:
    """Path patterns without space prefix, those without parameters first."""
    paths = sorted(document()["paths"], key=lambda path: path.count("{"))
    short = [(path.removeprefix("/s/{spaceId}"), path) for path in paths]
    return tuple((re.compile(re.sub(r"\{\w+\}", "[^/]+", one)), path) for one, path in short)


def operation(answer: Answer) -> tuple[str, dict[str, Any]] | None:
    """The documented operation of a response and its path template."""
    path = re.sub(r"^/s/[^/]+", "", urlsplit(answer.path).path)
    for pattern, template in _templates():
        found = document()["paths"][template].get(answer.method.lower())
        if found is not None and pattern.fullmatch(path):
            return template.removeprefix("/s/{spaceId}"), found
    return None


@functools.cache
def _validator(text: str) -> Any:
    import jsonschema_rs

    return jsonschema_rs.validator_for({**json.loads(text), "components": document()["components"]})


def check_recorded(path: Path) -> int:
    """Hold every answer that a server has written down to the document; return how many there were."""
    count = 0
    with path.open("rb") as lines:
        for count, line in enumerate(lines, 1):  # noqa: B007 - counted
            seen = json.loads(line)
            headers = {"content-type": seen["type"]}
            check(
                Answer(seen["method"], seen["path"], seen["status"], headers, seen["body"].encode("utf-8", "replace"))
            )
    path.unlink()
    return count


def check(answer: Answer) -> None:
    """Raise AssertionError where a response breaks the contract; every error has one of Kibana's two bodies."""
    if not answer.body or not answer.headers.get("content-type", "").startswith("application/json"):
        return
    if answer.status >= 400:
        _check_error(answer)
    found = operation(answer)
    if found is None:
        return
    template, documented = found
    response = documented["responses"].get(str(answer.status))
    content = (response or {}).get("content", {})
    schema = content.get("application/json", {}).get("schema")
    if schema is None or any(wins(answer, template) for _, wins in FACTS_WIN):
        return
    body = _as_documented(template, answer.json)
    errors = [error.message for error in _validator(json.dumps(schema)).iter_errors(body)]
    assert not errors, f"{answer.method} {answer.path} {answer.status} breaks the contract: {errors[0][:2000]}"


def _as_documented(template: str, body: Any) -> Any:
    """The body without the keys of FACTS_ADD, in each entry where it is a list."""
    extra = {key for _, path, key in FACTS_ADD if path == template}
    if not extra or not isinstance(body, list):
        return body
    return [{name: value for name, value in entry.items() if name not in extra} for entry in body]


def _check_error(answer: Answer) -> None:
    body = answer.json
    assert isinstance(body, dict), f"{answer.method} {answer.path}: an error that is no object"
    shape = set(body) - {"attributes"}
    assert shape in _ERROR_SHAPES, f"{answer.method} {answer.path}: {sorted(body)} is neither error body of Kibana"
    assert body.get("status_code", body.get("statusCode")) == answer.status
    assert "Traceback" not in str(body["message"])
