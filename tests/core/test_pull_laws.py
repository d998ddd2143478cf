"""The laws of pulling: a plan right after it is empty but for adoption, and a second pull changes nothing."""

from __future__ import annotations

from hypothesis import HealthCheck, given, settings

from deployer.core.ports import Body
from tests.support.pulling import START, Checkout, another, bodies, differences

OVERRIDES = """
[[override]]
name = "all"
match = ["*"]
add_tags = ["env:s"]
remove_tags = ["a"]
rewrite_index = { "logs-*" = "us:logs-*" }
add_actions = [{ connector = "soc-slack", group = "default", params = { message = "for all" } }]

[[override]]
name = "high ones"
match = ["severity:high"]
set = { interval = "10m", max_signals = 50 }  # less noise
"""
MANY = settings(
    max_examples=500, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large]
)
SOME = settings(MANY, max_examples=150)


def empty_and_stable(checkout: Checkout, body: Body) -> None:
    """Hold a checkout right after a pull to both laws."""
    assert differences(checkout.plan(body)) == {}
    before = dict(checkout.texts), checkout.settings
    again = checkout.pull(body)
    assert (again.changes, again.overridden, again.problems) == ((), {}, ())
    assert (checkout.texts, checkout.settings) == before


@MANY
@given(bodies())
def test_a_plan_right_after_a_pull_of_new_rules_is_empty(body: Body) -> None:
    """500 rules of every type with every optional field, pulled into an empty project."""
    checkout = Checkout()

    pulled = checkout.pull(body)

    assert pulled.problems == ()
    empty_and_stable(checkout, body)


@SOME
@given(bodies(), bodies())
def test_a_plan_right_after_a_pull_of_edited_rules_is_empty(first: Body, second: Body) -> None:
    """A rule that becomes any other one in Kibana, its type included, is brought into the file that is there."""
    checkout = Checkout()
    checkout.pull(first)
    path = next(iter(checkout.texts))
    edited = another(first, second)

    pulled = checkout.pull(edited)

    assert pulled.problems == ()
    assert list(checkout.texts) == [path]
    empty_and_stable(checkout, edited)


@SOME
@given(bodies(), bodies())
def test_overrides_that_are_there_never_get_into_the_file_or_the_way(first: Body, second: Body) -> None:
    """With overrides that add, take away, rewrite and set, the plan is empty too."""
    checkout = Checkout(settings=START + OVERRIDES)
    checkout.pull(first)
    empty_and_stable(checkout, first)
    edited = another(first, second)

    assert checkout.pull(edited).problems == ()
    empty_and_stable(checkout, edited)
    assert checkout.settings.startswith(START + OVERRIDES)
