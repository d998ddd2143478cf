"""Progress as a line, and text for outputs that cannot take it."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from deployer.render.plainly import plainly, plainly_json
from deployer.render.progress import finished_line, progress_line

pytestmark = pytest.mark.quick


@pytest.mark.parametrize(
    ("given_", "expected"),
    [
        (("read back", 0, 1, 0.0), "  read back"),
        (("updated", 0, 2068, 0.0), "  updated  0/2,068  0 %"),
        (("updated", 10, 2068, 0.5), "  updated  10/2,068  0 %"),
        (("updated", 1200, 2068, 8.0), "  updated  1,200/2,068  58 %  150/s  6 s left"),
        (("updated", 100, 2000, 100.0), "  updated  100/2,000  5 %  1/s  31 min 40 s left"),
        (("updated", 1, 200, 30.0), "  updated  1/200  0 %  2/min  1 h 39 min left"),
        (("updated", 2068, 2068, 14.0), "  updated  2,068/2,068  100 %  148/s"),
        (
            ("waiting: a write may still land", 30, 151, 30.0),
            "  waiting: a write may still land  30/151  2 min 1 s left",
        ),
    ],
)
def test_the_line_says_what_is_known(given_: tuple[str, int, int, float], expected: str) -> None:
    """No rate in the first second, none for a wait; the time left is rounded up."""
    assert progress_line(*given_, width=96) == expected


@given(st.text(max_size=40), st.integers(0, 10**6), st.integers(1, 10**6), st.floats(0, 10**6), st.integers(10, 96))
def test_the_line_is_one_line_that_fits(name: str, done: int, total: int, elapsed: float, width: int) -> None:
    """Whatever the numbers are."""
    text = progress_line(name, min(done, total), total, elapsed, width)

    assert len(text) <= width
    assert not {"\n", "\r", "\x1b"} & set(text)
    assert not {"\n", "\r", "\x1b"} & set(finished_line(name, total))


@given(st.text(), st.sampled_from(["ascii", "cp437", "cp1252", "utf-8"]))
def test_text_fits_every_encoding_and_stays_where_it_fitted(text: str, encoding: str) -> None:
    """No error, and no change where there was no need."""
    spelled = plainly(text, encoding)

    spelled.encode(encoding)
    if text.isascii():
        assert spelled == text


@given(
    st.recursive(
        st.text() | st.integers() | st.none(), lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner)
    )
)
def test_json_stays_the_same_json(value: object) -> None:
    """Escapes in place of characters mean the same."""
    text = json.dumps(value, ensure_ascii=False)

    for encoding in ("ascii", "cp437", "cp1252"):
        spelled = plainly_json(text, encoding)
        spelled.encode(encoding)
        assert json.loads(spelled) == value


def test_our_signs_are_spelled() -> None:
    """What we write ourselves reads well everywhere."""
    assert plainly("… and 3 more → “x” ≥ 5", "ascii") == '... and 3 more -> "x" >= 5'
    assert plainly("é", "ascii") == "\\xe9"
