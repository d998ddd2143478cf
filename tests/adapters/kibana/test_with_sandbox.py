"""The client against the sandbox over real HTTP: two independent readings of one contract meet here."""

from __future__ import annotations

import base64
import zlib
from collections.abc import Iterator
from typing import Any

import pytest

from deployer.adapters.kibana import KibanaWriter, Secrets, connect
from deployer.errors import (
    DeniedError,
    DeployerError,
    NotReadyError,
    RemoteError,
    UnknownOutcomeError,
    UnreachableError,
)
from tests.adapters.kibana.exchanges import RealClock, connection
from tests.support.sandbox import PASSWORD, Sandbox, query_rule, running

MARKER = "deployer:acme"


@pytest.fixture(scope="module")
def sandbox(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sandbox]:
    """One server for this module; each test has a space of its own."""
    with running(tmp_path_factory.mktemp("sandbox") / "kibana.sqlite3") as server:
        yield server


@pytest.fixture
def space(sandbox: Sandbox, request: pytest.FixtureRequest) -> str:
    """A fresh space, named after the test; faults of earlier tests are gone."""
    name = (
        request.node.originalname[:40].replace("_", "-").strip("-")
        + f"-{zlib.crc32(request.node.name.encode()) % 10_000}"
    )
    sandbox.request("POST", "/api/spaces/space", {"id": name, "name": name})
    sandbox.admin("DELETE", "faults")
    return name


def opened(sandbox: Sandbox, space: str, user: str = "elastic", **settings: Any) -> KibanaWriter:
    """Open a space of the sandbox."""
    secrets = Secrets(username=user, password=PASSWORD)
    return connect(connection(sandbox.url, **settings), space, secrets, clock=RealClock(), read_only=False)


def test_the_life_of_a_rule(sandbox: Sandbox, space: str) -> None:
    """Created, read, replaced, switched, deleted, absent."""
    with opened(sandbox, space) as kibana:
        stored = kibana.create(query_rule("r-1", enabled=False, tags=[MARKER]))
        assert (stored["revision"], stored["enabled"]) == (0, False)
        assert kibana.rule("r-1") == stored
        changed = kibana.replace(stored | {"name": "Renamed"})
        assert (changed["name"], changed["revision"], changed["id"]) == ("Renamed", 1, stored["id"])
        flipped = kibana.set_enabled([stored["id"]], enabled=True)
        assert flipped.done[stored["id"]]["enabled"] is True
        assert kibana.delete("r-1")["id"] == stored["id"]
        assert kibana.rule("r-1") is None
        assert kibana.requests == 6


def test_a_space_is_read_whole_and_rules_by_id(sandbox: Sandbox, space: str) -> None:
    """Sixty rules, one page; one hundred and twenty ids, three look-ups."""
    with opened(sandbox, space) as kibana:
        made = dict(
            kibana.map_concurrently(
                lambda number: kibana.create(query_rule(f"r-{number}", enabled=False)), range(60), stop=lambda: False
            )
        )
        assert all(not isinstance(result, DeployerError) for result in made.values())
        read = kibana.read_space(marker=MARKER, wanted=[])
        assert {rule["rule_id"] for rule in read.rules} == {f"r-{number}" for number in range(60)}
        assert (read.requests, read.others) == (1, 0)
        before = kibana.requests
        assert len(kibana.rules([f"r-{number}" for number in range(120)])) == 60
        assert kibana.requests - before == 3


@pytest.mark.parametrize("rule_id", ["a:b* (c) OR d", "ünïcode 規則", "x" * 300, "it's & more?#%2F"])
def test_ids_of_any_shape_are_found(sandbox: Sandbox, space: str, rule_id: str) -> None:
    """By the single read and by the batch."""
    with opened(sandbox, space) as kibana:
        stored = kibana.create(query_rule(rule_id, enabled=False))
        assert kibana.rules([rule_id, "other"]) == (stored,)
        assert kibana.rule(rule_id) == stored
        assert kibana.replace(stored | {"name": "New"})["name"] == "New"
        assert kibana.delete(rule_id)["id"] == stored["id"]


@pytest.mark.parametrize("rule_id", ['with "quotes"', "back\\slash", 'r-1" or alert.attributes.name: "*'])
def test_an_id_that_breaks_kibanas_lookups_never_touches_another_rule(
    sandbox: Sandbox, space: str, rule_id: str
) -> None:
    """Kibana cannot look it up, and so does not create it; ours find nothing, and change nothing."""
    with opened(sandbox, space) as kibana:
        other = kibana.create(query_rule("r-1", enabled=False))
        with pytest.raises(RemoteError):
            kibana.create(query_rule(rule_id, enabled=False))
        assert kibana.rule(rule_id) is None
        assert kibana.rules([rule_id, "r-1"]) == (other,)
        for write in (lambda: kibana.delete(rule_id), lambda: kibana.replace(query_rule(rule_id))):
            with pytest.raises(RemoteError) as caught:
                write()
            assert caught.value.status == 404
        assert kibana.rule("r-1") == other


def test_errors_of_users_and_roles(sandbox: Sandbox, space: str) -> None:
    """A wrong password, a role without writing, an unknown space."""
    wrong = Secrets(username="elastic", password="wrong-password")
    with connect(connection(sandbox.url), space, wrong, clock=RealClock(), read_only=True) as kibana:
        with pytest.raises(DeniedError) as denied:
            kibana.rule("r-1")
        assert denied.value.status == 401
    with opened(sandbox, space, user="viewer") as kibana:
        assert kibana.rule("r-1") is None
        with pytest.raises(DeniedError, match="403") as denied:
            kibana.create(query_rule("r-1"))
        assert denied.value.hint
    with opened(sandbox, "no-such-space") as kibana, pytest.raises(RemoteError, match="no space 'no-such-space'"):
        kibana.read_space(marker=MARKER, wanted=[])


def test_an_api_key_in_both_forms(sandbox: Sandbox, space: str) -> None:
    """Encoded as Kibana shows it, and as id:key."""
    for key in (sandbox.api_key, base64.b64decode(sandbox.api_key).decode()):
        with connect(connection(sandbox.url), space, Secrets(api_key=key), clock=RealClock(), read_only=True) as kibana:
            assert kibana.rule("r-1") is None


def test_what_doctor_asks_for(sandbox: Sandbox, space: str) -> None:
    """Version, flavor, clock, user, spaces, privileges, connectors."""
    with opened(sandbox, space, user="soc-day") as kibana:
        status = kibana.status()
        assert (status.version[:3], status.flavor, status.level) == ("9.3", "traditional", "available")
        assert status.date is not None
        assert kibana.user() == "soc-day"
        assert {"default", space} <= {found["id"] for found in kibana.spaces()}
        assert kibana.privileges()["has_encryption_key"] is True
        assert isinstance(kibana.connectors(), tuple)


def test_a_refused_rule_is_definite(sandbox: Sandbox, space: str) -> None:
    """Both kinds of 400, and a rule that is not there."""
    with opened(sandbox, space) as kibana:
        for body in (query_rule("r-1", severity="enormous"), query_rule("r-1", timeline_id="t")):
            with pytest.raises(RemoteError) as caught:
                kibana.create(body)
            assert (type(caught.value), caught.value.status) == (RemoteError, 400)
        with pytest.raises(RemoteError) as caught:
            kibana.delete("absent")
        assert (type(caught.value), caught.value.status) == (RemoteError, 404)


FAULTS = ["drop-after", "drop-before", "truncate", "html", "redirect", "busy", "conflict", "starting", "refuse"]


@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault_leaves_a_write_unknown_and_a_read_undisturbed(sandbox: Sandbox, space: str, fault: str) -> None:
    """Whether it happened is found by reading; the write itself went out once."""
    with opened(sandbox, space) as kibana:
        sandbox.fault(f"{fault}:method=POST,path=/api/detection_engine/rules,times=1,space={space}")
        sandbox.admin("DELETE", "requests")
        with pytest.raises(UnknownOutcomeError):
            kibana.create(query_rule("r-1", enabled=False))
        assert len(sandbox.writes()) == 1
        happened = kibana.rule("r-1") is not None
        assert happened == (fault in ("drop-after", "truncate"))


@pytest.mark.parametrize("fault", ["drop-before", "truncate", "busy"])
def test_a_passing_fault_of_a_read_is_not_noticed(sandbox: Sandbox, space: str, fault: str) -> None:
    """It is asked again."""
    with opened(sandbox, space) as kibana:
        kibana.create(query_rule("r-1", enabled=False))
        sandbox.fault(f"{fault}:method=GET,times=2,space={space}")
        assert [rule["rule_id"] for rule in kibana.read_space(marker=MARKER, wanted=[]).rules] == ["r-1"]
        assert kibana.requests == 1 + 3


def test_lasting_faults_of_a_read_are_errors(sandbox: Sandbox, space: str) -> None:
    """A page, a redirect, a starting server: never an empty space."""
    kinds = {"html": UnreachableError, "redirect": UnreachableError, "starting": NotReadyError}
    with opened(sandbox, space, read_timeout=1.0) as kibana:
        for fault, kind in kinds.items():
            number = sandbox.fault(f"{fault}:method=GET,path=/api/detection_engine/*,space={space}")
            with pytest.raises(kind):
                kibana.read_space(marker=MARKER, wanted=[])
            sandbox.admin("DELETE", f"faults?number={number}")


def test_a_bulk_action_that_fails_in_part(sandbox: Sandbox, space: str) -> None:
    """HTTP 500 with attributes becomes done and failed; an unknown id fails."""
    with opened(sandbox, space) as kibana:
        ids = {name: kibana.create(query_rule(name, enabled=False))["id"] for name in ("a", "b", "c")}
        sandbox.fault(f"rule-fails:rule_id=b,message=no luck,space={space}")
        missing = "5c8a1b1e-0d44-4bd6-9a0c-000000000000"
        flipped = kibana.set_enabled([*ids.values(), missing], enabled=True)
        assert set(flipped.done) == {ids["a"], ids["c"]}
        assert set(flipped.failed) == {ids["b"], missing}
        assert "no luck" in flipped.failed[ids["b"]]


def test_many_flips_at_once_stay_below_kibanas_limit(sandbox: Sandbox, space: str) -> None:
    """Kibana takes five bulk actions at a time; eight workers must not run into its 429."""
    with opened(sandbox, space) as kibana:
        ids = [kibana.create(query_rule(f"r-{number}", enabled=False))["id"] for number in range(16)]
        results = dict(
            kibana.map_concurrently(lambda id_: kibana.set_enabled([id_], enabled=True), ids, stop=lambda: False)
        )
        assert all(not isinstance(result, DeployerError) for result in results.values())


def test_concurrent_creates_after_an_error_stop(sandbox: Sandbox, space: str) -> None:
    """Rules that were not handed out were not sent."""
    with opened(sandbox, space) as kibana:
        sandbox.fault(f"refuse:method=POST,rule_id=r-5,status=400,message=no,space={space}")
        results = dict(
            kibana.map_concurrently(
                lambda number: kibana.create(query_rule(f"r-{number}", enabled=False)), range(200), stop=lambda: False
            )
        )
        created = {number for number, result in results.items() if not isinstance(result, DeployerError)}
        assert isinstance(results[5], RemoteError)
        assert 5 <= len(created) < 40
        read = kibana.read_space(marker=MARKER, wanted=[])
        assert {rule["rule_id"] for rule in read.rules} == {f"r-{number}" for number in created}


def test_latency_is_hidden_by_concurrency(sandbox: Sandbox, space: str) -> None:
    """The limiter has grown to its most after a few dozen writes of even pace."""
    with running(sandbox.data.with_name("slow.sqlite3"), latency_ms=20) as slow:
        kibana = opened(slow, "default")
        with kibana:
            list(
                kibana.map_concurrently(
                    lambda number: kibana.create(query_rule(f"r-{number}", enabled=False)),
                    range(80),
                    stop=lambda: False,
                )
            )
            assert kibana._session._limiter.limit == 8  # the adaptive state has no public face


def test_exception_lists_and_items(sandbox: Sandbox, space: str) -> None:
    """Created, read, updated by version, in conflict, deleted."""
    with opened(sandbox, space) as kibana:
        lists = kibana.lists
        made = lists.create_exception_list(
            {"list_id": "l", "name": "L", "description": "d", "type": "detection", "namespace_type": "single"}
        )
        lists.create_exception_list(
            {
                "list_id": f"all-{space}",
                "name": "A",
                "description": "d",
                "type": "detection",
                "namespace_type": "agnostic",
            }
        )
        assert {"l", f"all-{space}"} <= {found["list_id"] for found in kibana.exception_lists()}
        entry = {"field": "host.name", "operator": "included", "type": "match", "value": "x"}
        body = {"list_id": "l", "item_id": "i", "name": "I", "description": "d", "type": "simple", "entries": [entry]}
        item = lists.create_exception_item(body)
        assert lists.exception_items("l") == (item,)
        assert lists.exception_item("i") == item
        update = {key: item[key] for key in ("id", "description", "type", "entries", "_version")}
        assert lists.update_exception_item(update | {"name": "J"})["name"] == "J"
        with pytest.raises(UnknownOutcomeError) as caught:
            lists.update_exception_item(update | {"name": "K"})
        assert caught.value.status == 409
        assert lists.delete_exception_item("i")["item_id"] == "i"
        assert lists.exception_item("i") is None
        assert lists.delete_exception_list("l")["id"] == made["id"]
        assert lists.exception_list("l") is None


def test_value_lists(sandbox: Sandbox, space: str) -> None:
    """Prepared, created, filled, exported, deleted."""
    with opened(sandbox, space) as kibana:
        lists = kibana.lists
        if not lists.value_lists_ready():
            lists.prepare_value_lists()
        assert lists.value_lists_ready()
        lists.create_value_list({"id": "ips", "name": "ips", "description": "d", "type": "ip"})
        lists.import_values("ips", ["10.0.0.1", "10.0.0.2", "10.0.0.3"])
        assert sorted(lists.values("ips")) == ["10.0.0.1", "10.0.0.2", "10.0.0.3"]
        assert [found["value"] for found in lists.value_items("ips", "10.0.0.2")] == ["10.0.0.2"]
        assert lists.delete_value("ips", "10.0.0.2")[0]["value"] == "10.0.0.2"
        assert sorted(lists.values("ips")) == ["10.0.0.1", "10.0.0.3"]
        assert [found["id"] for found in lists.value_lists()] == ["ips"]
        lists.delete_value_list("ips")
        assert lists.value_list("ips") is None
