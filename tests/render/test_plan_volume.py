"""Large plans: every format stays within what its reader takes, and what does not fit is counted and named."""

from __future__ import annotations

import time

import pytest

from deployer.render.plan.document import Document
from deployer.render.plan.markdown import LIMIT, plan_markdown
from tests.support.plans import hostile, many, renderers, several, single, unlike, updates

COUNT = 2_068


@pytest.mark.parametrize("make", [many, unlike])
def test_a_comment_on_a_large_plan_fits(make: object) -> None:
    """2,068 changes, alike or all different: within 65,536 signs, the first ones in full, a link to the rest."""
    plan = make(COUNT)  # type: ignore[operator]
    text = plan_markdown(single(plan))

    assert LIMIT * 0.8 < len(text.encode("utf-16-le")) // 2 <= LIMIT
    assert "https://ci.example.com/runs/1" in text
    assert text.rstrip().splitlines()[-1].startswith("Next: `deployer apply")
    assert text.index("### Look at these first") < text.index("The rest:") if "The rest:" in text else True
    assert "2,068 changes" in text


def test_a_comment_on_many_targets_fits() -> None:
    """Of 400 targets the table stays, as far as it fits."""
    text = plan_markdown(Document(tuple(updates() for _ in range(400))))

    assert len(text) <= LIMIT
    assert "## Plan for 400 targets" in text


@pytest.mark.parametrize("limit", [4_000, 8_000, 20_000])
def test_a_shorter_limit_holds_too(limit: int) -> None:
    """Whatever the limit, the summary and the next command stay."""
    text = plan_markdown(single(unlike(300)), limit=limit)

    assert len(text) <= limit
    assert "300 changes" in text
    assert "Next: `deployer apply" in text


def test_letters_outside_the_basic_plane_count_twice() -> None:
    """GitHub counts UTF-16 units."""
    text = plan_markdown(single(hostile(["\U0001f9ff" * 200] * 200)))

    assert len(text.encode("utf-16-le")) // 2 <= LIMIT


def test_ten_alike_are_one_with_an_example() -> None:
    """The group is said once in each format for people; the others are named where there is room."""
    made = {ending: render(several()) for ending, render in renderers().items()}

    for ending in ("txt", "md", "html"):
        assert made[ending].count("10 more disables like this one") >= 1, ending
        assert made[ending].count("Disabled 0") == 1, ending
    assert "Disabled 10" not in made["txt"]
    assert "Disabled 10" in made["md"]
    assert "Disabled 10" in made["html"]


@pytest.mark.bench
@pytest.mark.parametrize("make", [many, unlike])
@pytest.mark.parametrize("ending", renderers())
def test_a_large_plan_is_written_within_a_second(ending: str, make: object) -> None:
    """2,068 changes; seconds of the processor, the best of three: a shared machine is busy at times."""
    plan = make(COUNT)  # type: ignore[operator]
    best = min(_seconds(ending, plan) for _ in range(3))

    assert best <= 1.0


def _seconds(ending: str, plan: object) -> float:
    started = time.process_time()
    renderers()[ending](single(plan))  # type: ignore[arg-type]
    return time.process_time() - started
