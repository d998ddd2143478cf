"""Which error an answer becomes, for reads and for writes: facts.md section 9, transactions.md section 5.4."""

from __future__ import annotations

import json

import pytest

from deployer.adapters.kibana.exchange import Answer, Call, WireError
from deployer.adapters.kibana.redaction import Redactor
from deployer.adapters.kibana.words import Words, is_absence, kibana_sentence
from deployer.errors import DeniedError, NotReadyError, RemoteError, UnknownOutcomeError, UnreachableError
from tests.adapters.kibana.exchanges import answered, html, platform, siem

pytestmark = pytest.mark.quick

CALL = Call("GET", "/api/detection_engine/rules", "read rule 'a'")
WORDS = Words("https://kibana.example", "emea", Redactor(()))


@pytest.mark.parametrize(
    ("answer", "sentence"),
    [
        (siem(400, "params invalid"), "params invalid"),
        (siem(400, ["one", "two"]), "one; two"),
        (platform(400, "[request body]: name: Required"), "[request body]: name: Required"),
        (platform(429, "", "Too Many Requests"), "Too Many Requests"),
        (siem(500, ""), "no reason given"),
        (html(400), None),
        (answered({"ok": False, "message": "Unknown resource."}, 404), None),
        (answered({"message": "no status"}, 400), None),
        (answered({"message": {"a": 1}, "status_code": 400}, 400), None),
        (answered({"message": [], "status_code": 400}, 400), None),
        (answered({"message": "x", "status_code": True}, 400), None),
        (answered(["message"], 400), None),
        (Answer(400, {}, b""), None),
        (Answer(400, {}, b"\xff\xfe"), None),
        (Answer(400, {}, b"[" * 100_000), None),
    ],
)
def test_kibanas_own_words(answer: Answer, sentence: str | None) -> None:
    """Both body shapes give one sentence; anything else is not Kibana speaking."""
    assert kibana_sentence(answer) == sentence


@pytest.mark.parametrize("status", [400, 401, 403, 404, 405, 413, 422])
def test_a_4xx_in_kibanas_words_refuses_a_write(status: int) -> None:
    """Definite: the write did not happen, and the error keeps status and sentence."""
    for answer in (siem(status, "no such luck"), platform(status, "no such luck")):
        error = WORDS.not_written(CALL, answer)
        assert isinstance(error, RemoteError)
        assert not isinstance(error, UnknownOutcomeError)
        assert error.status == status
        assert "no such luck" in str(error)


@pytest.mark.parametrize("status", [100, 302, 304, 408, 409, 429, 500, 502, 503, 504, 599])
def test_everything_else_leaves_the_outcome_of_a_write_unknown(status: int) -> None:
    """Also in Kibana's own words."""
    for answer in (siem(status, "busy"), platform(status, "busy"), html(status), Answer(status, {}, b"")):
        assert isinstance(WORDS.not_written(CALL, answer), UnknownOutcomeError)


@pytest.mark.parametrize("status", [400, 401, 403, 404, 413])
def test_a_4xx_in_other_words_leaves_the_outcome_of_a_write_unknown(status: int) -> None:
    """A proxy does not know what Kibana did."""
    for answer in (html(status), answered({"error": "nope"}, status), Answer(status, {}, b"")):
        assert isinstance(WORDS.not_written(CALL, answer), UnknownOutcomeError)


@pytest.mark.parametrize(
    ("answer", "kind"),
    [
        (siem(400, "x"), RemoteError),
        (platform(401, "x"), DeniedError),
        (html(401), DeniedError),
        (siem(403, "x"), DeniedError),
        (html(403), DeniedError),
        (platform(404, "Not Found"), RemoteError),
        (html(404), UnreachableError),
        (platform(429, "x"), RemoteError),
        (siem(500, "x"), RemoteError),
        (html(502), UnreachableError),
        (platform(503, "x"), NotReadyError),
        (html(503), NotReadyError),
        (html(302), UnreachableError),
    ],
)
def test_the_error_of_a_read(answer: Answer, kind: type[RemoteError]) -> None:
    """Exactly this class, with the status."""
    error = WORDS.not_read(CALL, answer)
    assert type(error) is kind
    assert error.status == answer.status


def test_a_missing_privilege_is_named_with_a_hint() -> None:
    """The route's 403 lists the privilege; ours says where to give it."""
    text = (
        "API [POST /api/detection_engine/rules] is unauthorized for user, "
        "this action is granted by the Kibana privileges [rules-all]"
    )
    error = WORDS.not_written(CALL, platform(403, text, "Forbidden"))
    assert isinstance(error, DeniedError)
    assert "rules-all" in error.hint
    assert "'emea'" in error.hint


def test_a_denial_by_the_alerting_framework_has_a_hint_too() -> None:
    """Its text names no Kibana privilege."""
    error = WORDS.not_written(CALL, siem(403, 'Unauthorized by "siem" to create "siem.queryRule" rule'))
    assert isinstance(error, DeniedError)
    assert "Security > Rules" in error.hint


def test_an_unknown_space_is_named() -> None:
    """The router's 404 within a space is most likely the space."""
    error = WORDS.not_read(CALL, platform(404, "Not Found", "Not Found"))
    assert "has no space 'emea'" in str(error)


def test_a_missing_api_in_the_default_space_is_about_the_url() -> None:
    """There is always a default space."""
    error = Words("https://kibana.example", "default", Redactor(())).not_read(CALL, platform(404, "Not Found"))
    assert "has no /api/detection_engine/rules" in str(error)
    assert "base path" in error.hint


@pytest.mark.parametrize("answer", [siem(404, 'rule_id: "a" not found')])
def test_absence_is_kibanas_own_404(answer: Answer) -> None:
    """The handler's 404 says that the object is not there."""
    assert is_absence(answer)


@pytest.mark.parametrize(
    "answer",
    [platform(404, "Not Found"), html(404), siem(400, "x"), answered({"message": "x"}, 404), answered("x", 404)],
)
def test_nothing_else_is_absence(answer: Answer) -> None:
    """Neither the router, nor a proxy, nor another status."""
    assert not is_absence(answer)


def test_a_starting_kibana_is_quoted_and_a_balancers_page_by_its_title() -> None:
    """Both are one line."""
    text = Answer(503, {"content-type": "text/plain"}, b"Kibana server is not ready yet")
    assert "is not ready: Kibana server is not ready yet (503)" in str(WORDS.not_read(CALL, text))
    page = html(503, "<html><head><title>503 Service\n Unavailable</title></head><body>long</body></html>")
    assert "is not ready: 503 Service Unavailable (503)" in str(WORDS.not_read(CALL, page))


def test_a_credential_is_masked_wherever_a_server_echoes_it() -> None:
    """In Kibana's words, in a page, in a hint, and in what the library says."""
    words = Words("https://kibana.example", "emea", Redactor(["pa55-word"]))
    echoes = [
        words.not_read(CALL, siem(400, "pa55-word")),
        words.not_read(CALL, html(502, "<title>pa55-word</title>")),
        words.not_read(CALL, platform(403, "granted by the Kibana privileges [pa55-word]")),
        words.not_written(CALL, html(500, "pa55-word")),
        words.unreached(CALL, WireError("pa55-word", sent=False)),
        words.unseen(CALL, "pa55-word"),
    ]
    for error in echoes:
        assert "pa55" not in str(error) + error.hint
        assert "[redacted]" in str(error)


def test_the_body_of_an_answer_that_is_not_json_is_quoted_briefly() -> None:
    """A message shows enough to recognise the page."""
    error = WORDS.not_read(CALL, Answer(500, {"content-type": "text/plain"}, b"y" * 10_000))
    assert 100 < len(str(error)) < 400


def test_json_of_kibana_is_not_mistaken_by_its_text() -> None:
    """An error body inside a string is not an error body."""
    assert kibana_sentence(Answer(400, {}, json.dumps(json.dumps({"message": "x", "status_code": 4})).encode())) is None
