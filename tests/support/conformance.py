"""
The conformance cases of `tests/sandbox/conformance/AREA/*.toml`: what they say, and how one is played.

A file has `[[case]]` tables with `name`, `source` ("facts.md 2.4") and steps; `stack` (one version or a list, "9.3"
where it is left out) and `options` (those of the server) choose the sandbox. Every case has a fresh space.

A `[[case.step]]` sends one request and says what comes back:

    call      "POST rules": a path without leading slash is below /api/detection_engine/
    rule      a body of bodies.toml, changed by `with` (fields) and `without` (names)
    body      any JSON body; `raw` is sent as text; `lines` is uploaded as NDJSON (`upload`: name, file_name, times)
    user      a user of the sandbox, `key` one by API key; `headers` adds headers, "<none>" takes one away
    space     "<none>" sends the request outside the case's space; another name goes into that one
    status    200 where it is left out; "<cut>" where the connection ends without a whole answer
    answer    what the JSON body contains; `absent` names keys of it that are not there; `exact` allows no other
    replies   what the lines of an NDJSON body contain, in order; `text` is the body as it is; `sent_back` are headers
    keep      values of the answer under a name, later written as ${name}
    times     send it so often; ${n} counts from 0
    admin     "POST faults": a request to the sandbox's own admin path, with `body`

In sent values "<null>" is null, "<uuid>" a new one, "<N uuids>" a list of them, "<N bytes>" a long text. In expected
values "<any>", "<uuid>", "<time>", "<null>", "<absent>" and "~REGEX" stand for what they say; `{"<has>" = […]}` is a
list with at least those entries, `{"<length>" = N}` a list of that length, `{"<not>" = VALUE}` anything else.
"""

from __future__ import annotations

import functools
import http.client
import json
import re
import uuid
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import tomli

from tests.support.sandbox import Answer, Sandbox, in_space
from tests.support.uploads import form, ndjson

FOLDER = Path(__file__).resolve().parents[1] / "sandbox" / "conformance"
DEFAULT_STACK = "9.3"
_CALL_KEYS = {"call", "rule", "with", "without", "body", "raw", "lines", "upload", "user", "key", "headers", "space"}
_ANSWER_KEYS = {"status", "answer", "absent", "exact", "replies", "text", "sent_back", "keep"}
STEP_KEYS = _CALL_KEYS | _ANSWER_KEYS | {"times", "admin"}
_UUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[1-8][0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}")
_TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z")


@dataclass(frozen=True, slots=True)
class Case:
    """One case under one stack version; `number` makes the space's name."""

    area: str
    file: str
    number: int
    name: str
    source: str
    stack: str
    options: dict[str, Any]
    steps: tuple[dict[str, Any], ...]

    @property
    def section(self) -> str:
        """The section of facts.md, such as "2.4"."""
        return self.source.removeprefix("facts.md ")


@functools.cache
def suite() -> dict[str, Any]:
    """The areas that must have cases, and the sections of facts.md that they may name."""
    return tomli.loads((FOLDER / "suite.toml").read_text("utf-8"))


@functools.cache
def bodies() -> dict[str, Any]:
    """The named bodies that steps start from."""
    return tomli.loads((FOLDER / "bodies.toml").read_text("utf-8"))


@functools.cache
def cases() -> tuple[Case, ...]:
    """Every case once for each of its stack versions, in the order of files."""
    return tuple(case for path in sorted(FOLDER.glob("*/*.toml")) for case in _of_file(path))


def _of_file(path: Path) -> Iterator[Case]:
    for number, entry in enumerate(tomli.loads(path.read_text("utf-8"))["case"]):
        stacks = entry.get("stack", DEFAULT_STACK)
        for stack in [stacks] if isinstance(stacks, str) else stacks:
            options = entry.get("options", {})
            steps = tuple(entry["step"])
            yield Case(path.parent.name, path.stem, number, entry["name"], entry["source"], stack, options, steps)


def play(case: Case, sandbox: Sandbox, space: str) -> None:
    """Play a case in an existing space. Raises AssertionError with every difference of the step that differs."""
    known: dict[str, Any] = {"space": space}
    for number, step in enumerate(case.steps):
        for count in range(step.get("times", 1)):
            known["n"] = count
            found = _step(filled(step, known), sandbox, space, known)
            assert not found, f"{case.source}, step {number + 1}, {step.get('call', 'admin')}:\n  " + "\n  ".join(found)


def _step(step: Mapping[str, Any], sandbox: Sandbox, space: str, known: dict[str, Any]) -> list[str]:
    if "admin" in step:
        method, path = step["admin"].split(" ", 1)
        found = sandbox.admin(method, path, {"space": space, **step["body"]} if "body" in step else None)
        known.update({name: _at(found, place) for name, place in step.get("keep", {}).items()})
        return differences(step["answer"], found) if "answer" in step else []
    try:
        answer = _ask(step, sandbox, space)
    except (http.client.HTTPException, ConnectionError):
        return [] if step.get("status") == "<cut>" else ["the connection ended without an answer"]
    found = _judged(step, answer)
    if not found:
        known.update({name: _at(answer.json, place) for name, place in step.get("keep", {}).items()})
    return found


def _ask(step: Mapping[str, Any], sandbox: Sandbox, space: str) -> Answer:
    method, path = step["call"].split(" ", 1)
    place = {"<none>": ""}.get(step.get("space", space), step.get("space", space))
    full = in_space(place, path if path.startswith("/") else f"/api/detection_engine/{path}")
    headers = {name: None if value == "<none>" else value for name, value in step.get("headers", {}).items()}
    body = _body(step)
    if "lines" in step:
        body, upload_headers = _upload(step)
        headers = upload_headers | headers
    if "key" in step:
        (key,) = [user["api_key"] for user in sandbox.admin("GET", "users") if user["username"] == step["key"]]
        headers["authorization"] = f"ApiKey {key}"
    return sandbox.request(method, full, body, user=step.get("user", "elastic"), headers=headers)


def _body(step: Mapping[str, Any]) -> Any:
    if "rule" in step:
        body = bodies()[step["rule"]] | step.get("with", {})
        return to_send({name: value for name, value in body.items() if name not in step.get("without", ())})
    return step["raw"].encode() if "raw" in step else to_send(step.get("body"))


def _upload(step: Mapping[str, Any]) -> tuple[bytes, dict[str, str]]:
    upload = step.get("upload", {})
    lines = [_line(line, {"n": count}) for count in range(upload.get("times", 1)) for line in step["lines"]]
    return form(ndjson(lines), name=upload.get("name", "file"), file_name=upload.get("file_name", "rules.ndjson"))


def _line(line: Any, known: Mapping[str, Any]) -> Any:
    """A line of an upload: text as it is, else an object; `rule` starts from a named body."""
    line = filled(line, known)
    return _body(line) if isinstance(line, dict) and "rule" in line else to_send(line)


def filled(value: Any, known: Mapping[str, Any]) -> Any:
    """A sent or expected value with its ${names} and markers of sent values replaced."""
    if isinstance(value, dict):
        return {filled(name, known): filled(entry, known) for name, entry in value.items()}
    if isinstance(value, list):
        return [filled(entry, known) for entry in value]
    if not isinstance(value, str):
        return value
    whole = re.fullmatch(r"\$\{(\w+)\}", value)
    if whole and whole[1] in known:
        return known[whole[1]]
    many = re.fullmatch(r"<(\d+) (uuids|bytes)>", value)
    if many:
        return [str(uuid.uuid4()) for _ in range(int(many[1]))] if many[2] == "uuids" else "x" * int(many[1])
    return re.sub(r"\$\{(\w+)\}", lambda found: str(known.get(found[1], found[0])), value)


def _judged(step: Mapping[str, Any], answer: Answer) -> list[str]:
    wanted = step.get("status", 200)
    if answer.status != wanted:
        return [f"status {answer.status}, expected {wanted}: {answer.body[:600]!r}"]
    found = []
    if "text" in step:
        found += differences(step["text"], answer.body.decode())
    if "replies" in step:
        found += differences(step["replies"], answer.lines)
    if "answer" in step:
        found += differences(step["answer"], answer.json)
    if step.get("exact") and set(answer.json) != set(step["answer"]):
        found.append(f"keys {sorted(answer.json)}, expected {sorted(step['answer'])}")
    found += [f"{key}: is there, {answer.json[key]!r}" for key in step.get("absent", ()) if key in answer.json]
    for name, value in step.get("sent_back", {}).items():
        found += differences(value, answer.headers.get(name, "<absent>"), f"header {name}")
    return found


def differences(expected: Any, found: Any, place: str = "") -> list[str]:
    """Every place where a value is not what the case expects; objects may have more keys."""
    if isinstance(expected, dict) and "<has>" in expected:
        missing = [entry for entry in expected["<has>"] if all(differences(entry, one) for one in found)]
        return [f"{place}: has no {entry!r} in {found!r}" for entry in missing]
    if isinstance(expected, dict) and "<length>" in expected:
        return [] if len(found) == expected["<length>"] else [f"{place}: {len(found)} entries"]
    if isinstance(expected, dict) and "<not>" in expected:
        return [] if differences(expected["<not>"], found) else [f"{place}: is {found!r}"]
    if isinstance(expected, dict) and isinstance(found, dict):
        return [
            text
            for name, value in expected.items()
            for text in differences(value, found.get(name, "<absent>"), f"{place}.{name}")
        ]
    if isinstance(expected, list) and isinstance(found, list) and len(expected) == len(found):
        pairs = zip(expected, found, strict=True)
        return [text for n, (one, other) in enumerate(pairs) for text in differences(one, other, f"{place}[{n}]")]
    return [] if _matches(expected, found) else [f"{place}: {found!r}, expected {expected!r}"]


def _matches(expected: Any, found: Any) -> bool:
    if not isinstance(expected, str):
        return bool(json.dumps(expected, sort_keys=True) == json.dumps(found, sort_keys=True))
    if expected == "<any>":
        return bool(found != "<absent>")
    if expected == "<null>":
        return found is None
    if expected in ("<uuid>", "<time>"):
        pattern = _UUID if expected == "<uuid>" else _TIME
        return isinstance(found, str) and pattern.fullmatch(found) is not None
    if expected.startswith("~"):
        return isinstance(found, str) and re.fullmatch(expected[1:], found, re.DOTALL) is not None
    return bool(expected == found)


def to_send(value: Any) -> Any:
    """A body with "<null>" as null and "<uuid>" as a new one."""
    if isinstance(value, dict):
        return {name: to_send(entry) for name, entry in value.items()}
    if isinstance(value, list):
        return [to_send(entry) for entry in value]
    return {"<null>": None, "<uuid>": str(uuid.uuid4())}.get(value, value) if isinstance(value, str) else value


def _at(value: Any, place: str) -> Any:
    for part in filter(None, place.split(".")):
        value = value[int(part)] if isinstance(value, list) else value[part]
    return value
