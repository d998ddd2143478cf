"""Exception lists, items and value lists: what goes out, what must come back."""

from __future__ import annotations

import json
from email import message_from_bytes
from typing import Any

import pytest

from deployer.adapters.kibana import KibanaReader
from deployer.adapters.kibana.exchange import Answer, Call
from deployer.adapters.kibana.lists import ListReader, ListWriter
from deployer.errors import RemoteError, UnknownOutcomeError, UnreachableError
from tests.adapters.kibana.exchanges import (
    ScriptedSender,
    answered,
    html,
    in_turn,
    platform,
    session_of,
    siem,
    writer_of,
)

pytestmark = pytest.mark.quick


def container(list_id: str, **fields: Any) -> dict[str, Any]:
    """Return an exception list as Kibana answers."""
    return {"id": f"so-{list_id}", "list_id": list_id, "type": "detection", "namespace_type": "single"} | fields


def item(item_id: str, **fields: Any) -> dict[str, Any]:
    """Return an exception item as Kibana answers."""
    return {"id": f"so-{item_id}", "item_id": item_id, "list_id": "l", "namespace_type": "single"} | fields


VALUE_LIST = {"id": "ips", "type": "ip", "name": "ips"}
VALUE = {"id": "v1", "list_id": "ips", "value": "10.0.0.1"}


def lists_of(*answers: Answer) -> tuple[ListWriter, ScriptedSender]:
    """Return the lists of a space on a scripted sender, and the sender."""
    writer, sender = writer_of(in_turn(*answers))
    return writer.lists, sender


def test_a_reader_gets_lists_to_read_only() -> None:
    """As with rules."""
    session, _ = session_of(in_turn(html()))
    assert type(KibanaReader(session).lists) is ListReader


def test_containers_of_both_namespaces_are_paged() -> None:
    """The space's own and the agnostic ones, each once."""
    found = [container(f"l{number}") for number in range(1500)]

    def reply(call: Call) -> Answer:
        query = dict(call.query)
        assert query["namespace_type"] == "single,agnostic"
        start = (int(query["page"]) - 1) * 1000
        return answered({"page": 1, "per_page": 1000, "total": 1500, "data": found[start : start + 1000]})

    writer, sender = writer_of(reply)
    assert list(writer.exception_lists()) == found
    assert len(sender.calls) == 2


def test_items_of_one_list() -> None:
    """A list that is not there is an error, not an empty list."""
    lists, sender = lists_of(answered({"total": 1, "data": [item("i")]}), siem(404, 'list_id: "l" does not exist'))
    assert lists.exception_items("l", "agnostic") == (item("i"),)
    assert {("list_id", "l"), ("namespace_type", "agnostic")} <= set(sender.calls[0].query)
    with pytest.raises(RemoteError):
        lists.exception_items("l")


def test_one_of_each_or_none() -> None:
    """Absent is said by Kibana only."""
    gone = siem(404, "does not exist")
    reads = {
        "exception_list": (container("l"), "l"),
        "exception_item": (item("i"), "i"),
        "value_list": (VALUE_LIST, "ips"),
    }
    for name, (body, id_) in reads.items():
        lists, _ = lists_of(answered(body), gone, platform(404, "Not Found"), answered({"name": "x"}))
        assert getattr(lists, name)(id_) == body
        assert getattr(lists, name)(id_) is None
        with pytest.raises(RemoteError):
            getattr(lists, name)(id_)
        with pytest.raises(UnreachableError):
            getattr(lists, name)(id_)


@pytest.mark.parametrize(
    ("write", "method", "path", "body"),
    [
        ("create_exception_list", "POST", "/api/exception_lists", container("l")),
        ("update_exception_list", "PUT", "/api/exception_lists", container("l", _version="WzEsMV0=")),
        ("create_exception_item", "POST", "/api/exception_lists/items", item("i")),
        ("update_exception_item", "PUT", "/api/exception_lists/items", item("i", _version="WzEsMV0=")),
        ("create_value_list", "POST", "/api/lists", VALUE_LIST),
    ],
)
def test_a_body_is_sent_as_it_is(write: str, method: str, path: str, body: dict[str, Any]) -> None:
    """With its `_version`, which makes Kibana refuse when somebody was faster: unknown, with 409, to be read."""
    lists, sender = lists_of(answered(body), siem(409, "version conflict"), answered({}), siem(400, "no"))
    assert getattr(lists, write)(body) == body
    call = sender.calls[0]
    assert (call.method, call.path, json.loads(call.body or b"")) == (method, path, body)
    with pytest.raises(UnknownOutcomeError) as caught:
        getattr(lists, write)(body)
    assert caught.value.status == 409
    with pytest.raises(UnknownOutcomeError):
        getattr(lists, write)(body)
    with pytest.raises(RemoteError) as refused:
        getattr(lists, write)(body)
    assert type(refused.value) is RemoteError


def test_deletes_name_what_they_delete() -> None:
    """And return it."""
    lists, sender = lists_of(answered(container("l")), answered(item("i")), answered(VALUE_LIST), answered([VALUE]))
    assert lists.delete_exception_list("l", "agnostic") == container("l")
    assert lists.delete_exception_item("i") == item("i")
    assert lists.delete_value_list("ips", ignore_references=True) == VALUE_LIST
    assert lists.delete_value("ips", "10.0.0.1") == (VALUE,)
    assert [call.method for call in sender.calls] == ["DELETE"] * 4
    assert dict(sender.calls[0].query) == {"list_id": "l", "namespace_type": "agnostic"}
    assert dict(sender.calls[2].query) == {"id": "ips", "deleteReferences": "false", "ignoreReferences": "true"}
    assert dict(sender.calls[3].query)["value"] == "10.0.0.1"


def test_value_lists_need_their_data_streams() -> None:
    """Both must be there; a 404 means that neither is."""
    both = {"list_index": True, "list_item_index": True}
    lists, _ = lists_of(answered(both), answered(both | {"list_item_index": False}), siem(404, "no index"))
    assert lists.value_lists_ready() is True
    assert lists.value_lists_ready() is False
    assert lists.value_lists_ready() is False
    lists, sender = lists_of(answered({"acknowledged": True}), answered({}))
    lists.prepare_value_lists()
    assert (sender.calls[0].method, sender.calls[0].path) == ("POST", "/api/lists/index")
    with pytest.raises(UnknownOutcomeError):
        lists.prepare_value_lists()


def test_value_lists_and_their_items() -> None:
    """By value Kibana answers with an array or one object; no such value is empty."""
    lists, _ = lists_of(
        answered({"total": 1, "data": [VALUE_LIST]}), answered([VALUE]), answered(VALUE), siem(404, "no"), answered({})
    )
    assert lists.value_lists() == (VALUE_LIST,)
    assert lists.value_items("ips", "10.0.0.1") == (VALUE,)
    assert lists.value_items("ips", "10.0.0.1") == (VALUE,)
    assert lists.value_items("ips", "10.0.0.1") == ()
    with pytest.raises(UnreachableError):
        lists.value_items("ips", "10.0.0.1")


def test_values_are_exported_in_one_request() -> None:
    """Plain lines under the type of NDJSON; a page is not an export, nor is something that is not UTF-8."""
    headers = {"content-type": "application/ndjson", "content-disposition": 'attachment; filename="ips"'}
    lists, sender = lists_of(
        Answer(200, headers, "10.0.0.1\n10.0.0.2\nü\n".encode()),
        Answer(200, headers, b""),
        html(),
        Answer(200, headers, b"\xff\n"),
    )
    assert lists.values("ips") == ("10.0.0.1", "10.0.0.2", "ü")
    assert lists.values("ips") == ()
    assert sender.calls[0].method == "POST"
    for _ in range(2):
        with pytest.raises(UnreachableError):
            lists.values("ips")


def test_values_are_imported_as_a_file() -> None:
    """The import is a form with one text file, one value a line."""
    lists, sender = lists_of(answered(VALUE_LIST))
    assert lists.import_values('i"p/s', ["10.0.0.1", "ü"]) == VALUE_LIST
    (call,) = sender.calls
    assert dict(call.query)["list_id"] == 'i"p/s'
    form = message_from_bytes(b"Content-Type: " + call.content_type.encode() + b"\r\n\r\n" + (call.body or b""))
    (part,) = form.get_payload()  # type: ignore[misc]
    assert part.get_param("name", header="content-disposition") == "file"  # type: ignore[union-attr]
    assert part.get_filename() == "i_p_s.txt"  # type: ignore[union-attr]
    assert part.get_payload(decode=True) == "10.0.0.1\nü\n".encode()  # type: ignore[union-attr]
