"""The frame of every HTML page: escaping, the policy, data islands."""

from __future__ import annotations

import base64
import hashlib
import json
import re

import pytest

from deployer.render.html.frame import _environment, island, short

HOSTILE = [
    "<script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    "</title></script><script>x()</script>",
    "' onmouseover='x()",
    "{{ 7 * 7 }}",
    "a\u202eb\x1b[31m\x00c",
]


def rendered(source: str, **values: object) -> str:
    """A template that extends the frame, as a page."""
    from markupsafe import Markup

    template = _environment().from_string('{% extends "frame.html" %}{% block body %}' + source + "{% endblock %}")
    return template.render(style=Markup("s"), script=Markup("s"), policy="p", title="T", **values)


@pytest.mark.parametrize("name", HOSTILE)
def test_a_value_stays_text(name: str) -> None:
    """Wherever a value stands, it opens no tag, ends no attribute, and does not turn what follows."""
    page = rendered('<p title="{{ name }}">{{ name }}</p>', name=name)

    body = page.split("Skip to the content</a>")[1].split("<script>")[0]
    assert re.findall(r"<(\w+)", body) == ["p"]
    assert body.count('"') == 2
    assert not re.search("[\u202e\x1b\x00]", page)
    assert "49" not in body


@pytest.mark.parametrize("name", HOSTILE)
def test_an_island_is_json_that_nothing_in_it_ends(name: str) -> None:
    """The data comes back as it was, and holds no sign that HTML knows."""
    text = str(island({"name": [name]}))

    assert json.loads(text) == {"name": [name]}
    assert not set(text) & set("<>&")


def test_the_policy_allows_what_is_on_the_page_and_nothing_else(tmp_path: object) -> None:
    """The hashes are those of the one style and the one script of the page."""
    from deployer.render.html import frame

    page = frame.page("frame.html", title="T")

    (policy,) = re.findall(r'Content-Security-Policy" content="([^"]+)"', page)
    assert "default-src &#39;none&#39;" in policy
    for tag in ("style", "script"):
        (inside,) = re.findall(f"<{tag}>(.*?)</{tag}>", page, re.DOTALL)
        digest = base64.b64encode(hashlib.sha256(inside.encode()).digest()).decode()
        assert f"{tag}-src &#39;sha256-{digest}&#39;" in policy.replace("&#43;", "+")


def test_long_text_is_cut() -> None:
    """A name of 50 kB is one line of at most 240 signs."""
    assert len(short("x" * 50_000)) == 240
    assert short("a\nb") == "a\\nb"
