"""What may be shown: credentials masked in every spelling, one printable line, bounded."""

from __future__ import annotations

import base64
import html
import json
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from deployer.adapters.kibana.credentials import Secrets
from deployer.adapters.kibana.redaction import Redactor, bare_url, userinfo
from deployer.errors import SecretError

pytestmark = pytest.mark.quick

KEY = base64.b64encode(b"VuaCfGcBCdbkQm-e5aOx:ui2lp2axTNmsyakw9tvNnw").decode()


def test_an_api_key_is_sent_as_kibana_shows_it_and_encoded_when_it_is_not() -> None:
    """Both ways in which people keep a key work."""
    assert Secrets(api_key=KEY + "\n").authorization() == f"ApiKey {KEY}"
    assert Secrets(api_key="VuaCfGcBCdbkQm-e5aOx:ui2lp2axTNmsyakw9tvNnw").authorization() == f"ApiKey {KEY}"


def test_the_other_ways_to_authenticate() -> None:
    """A token, a name with a password, nothing; in this order after the key."""
    assert Secrets(bearer="tok").authorization() == "Bearer tok"
    assert Secrets(username="jo", password="pä:ss").authorization() == "Basic " + base64.b64encode(
        "jo:pä:ss".encode()
    ).decode("ascii")
    assert Secrets().authorization() is None
    assert Secrets(api_key=KEY, bearer="tok").authorization() == f"ApiKey {KEY}"


@pytest.mark.parametrize("bad", ["two\nlines", "nul\x00", "blank inside", "schlüssel"])
def test_what_cannot_be_sent_is_refused_without_showing_it(bad: str) -> None:
    """A header with a line break would be two headers, and the library's error would print the key."""
    with pytest.raises(SecretError) as caught:
        Secrets(api_key=bad).authorization()
    assert bad not in str(caught.value)


@pytest.mark.parametrize("half", [Secrets(username="jo"), Secrets(password="x")])
def test_half_a_login_is_refused(half: Secrets) -> None:
    """A user without a password would silently be nobody."""
    with pytest.raises(SecretError):
        half.authorization()


def test_a_representation_shows_no_value() -> None:
    """Tracebacks and logs print representations."""
    shown = repr(Secrets(KEY, "tok-en", "jo", "s3cret")) + str(Secrets(KEY)) + f"{Secrets(bearer='tok-en')}"
    assert not any(value in shown for value in (KEY, "tok-en", "s3cret", "jo"))
    assert repr(Secrets()) == "Secrets(none)"


@given(st.text(min_size=6, max_size=40), st.text(max_size=20), st.text(max_size=20))
def test_no_spelling_of_a_secret_survives(secret: str, before: str, after: str) -> None:
    """Raw, in JSON, in HTML and in a URL a secret is masked, whatever stands around it."""
    redactor = Redactor([secret])
    for spelling in (secret, json.dumps(secret)[1:-1], html.escape(secret), quote(secret, safe="")):
        shown = redactor.show(f"{before} {spelling} {after}")
        visible = " ".join(secret.split())
        if visible and visible not in " ".join(f"{before} {after} [redacted]".split()):
            assert visible not in shown


@pytest.mark.parametrize("form", [0, 1, 2, 3])
def test_every_form_of_a_key_is_masked(form: int) -> None:
    """As configured, encoded, decoded, and the key without its id."""
    plain = base64.b64decode(KEY).decode()
    text = [KEY, plain, plain.partition(":")[2], f"Authorization: ApiKey {KEY}"][form]
    for secrets in (Secrets(api_key=KEY), Secrets(api_key=plain)):
        assert "ui2lp2" not in Redactor(secrets.forms()).show(f"x {text} y")
        assert KEY not in Redactor(secrets.forms()).show(f"x {text} y")


def test_a_secret_at_the_edge_of_the_cut_leaves_nothing() -> None:
    """Masking comes before cutting and before joining white space."""
    redactor = Redactor(["hunter2 secret"])
    for pad in range(560, 620):
        assert "hunt" not in redactor.show("x" * pad + " hunter2 secret " + "y" * 50)


def test_a_short_password_is_masked_only_by_itself() -> None:
    """`abc` as a password must not eat every word that has these letters."""
    assert Redactor(["abc"]).show("abc abcd (abc)") == "[redacted] abcd ([redacted])"


def test_somebody_elses_credential_is_masked_too() -> None:
    """A header or a URL in an echo is no place for a secret, known to us or not."""
    shown = Redactor(()).show('{"Authorization": "Basic Zm9vOmJhcg=="} http://u:p4ss@host/x')
    assert "Zm9v" not in shown
    assert "p4ss" not in shown
    assert "http://host/x" in shown


@given(st.text())
def test_what_is_shown_is_one_bounded_line_without_control(text: str) -> None:
    """Whatever a server sends."""
    shown = Redactor(["secret-value"]).show(text, 80)
    assert len(shown) <= 80
    assert not any(ord(char) < 32 or 127 <= ord(char) < 160 or char in "\u202e\u2066" for char in shown)


@pytest.mark.parametrize(
    ("url", "bare"),
    [
        ("https://u:p@h:1/a/b?token=x#f", "https://h:1/a/b"),
        ("/login?next=x", "/login"),
        ("https://[::1]:5601/x?y", "https://[::1]:5601/x"),
        ("http://[::1", "[malformed URL]"),
        ("http://h:99999/", "[malformed URL]"),
    ],
)
def test_a_location_is_cut_to_what_tells_where(url: str, bare: str) -> None:
    """Scheme, host, port, path."""
    assert bare_url(url) == bare


def test_the_password_of_a_proxy_is_known_to_the_redactor() -> None:
    """Raw and decoded."""
    assert userinfo("http://jo:p%40ss@proxy:3128") == ("p%40ss", "p@ss")
    assert userinfo("http://proxy:3128") == ()
    assert userinfo(None) == ()
    assert userinfo("http://[::1") == ()
