"""Surroundings: CI systems, switches, durations, the clock."""

from __future__ import annotations

import io
import signal
import subprocess
import sys
import threading
from datetime import UTC

import pytest

from deployer.adapters.surroundings import Surroundings, SystemClock, look_around
from deployer.errors import DeployerError

pytestmark = pytest.mark.quick


@pytest.mark.parametrize(
    ("environ", "is_ci", "url"),
    [
        ({}, False, ""),
        ({"CI": "false", "GITHUB_ACTIONS": "true", "GITHUB_RUN_ID": "7"}, False, ""),
        ({"CI": ""}, False, ""),
        ({"CI": "true"}, True, ""),
        (
            {
                "CI": "true",
                "GITHUB_RUN_ID": "7",
                "GITHUB_REPOSITORY": "acme/rules",
                "GITHUB_SERVER_URL": "https://git.acme",
            },
            True,
            "https://git.acme/acme/rules/actions/runs/7",
        ),
        (
            {"GITHUB_ACTIONS": "true", "GITHUB_RUN_ID": "7", "GITHUB_REPOSITORY": "a/b", "GITHUB_RUN_ATTEMPT": "2"},
            True,
            "https://github.com/a/b/actions/runs/7/attempts/2",
        ),
        (
            {"GITLAB_CI": "true", "CI_JOB_URL": "https://gitlab.acme/j/1", "CI_PIPELINE_URL": "x"},
            True,
            "https://gitlab.acme/j/1",
        ),
        ({"JENKINS_URL": "https://j", "BUILD_URL": "https://j/job/1/"}, True, "https://j/job/1/"),
        (
            {
                "TF_BUILD": "True",
                "SYSTEM_TEAMFOUNDATIONCOLLECTIONURI": "https://dev.azure.com/acme/",
                "SYSTEM_TEAMPROJECT": "soc",
                "BUILD_BUILDID": "12",
            },
            True,
            "https://dev.azure.com/acme/soc/_build/results?buildId=12",
        ),
        (
            {"CI": "true", "BITBUCKET_BUILD_NUMBER": "3", "BITBUCKET_GIT_HTTP_ORIGIN": "https://bitbucket.org/a/b"},
            True,
            "https://bitbucket.org/a/b/pipelines/results/3",
        ),
        ({"CI": "1", "BUILDKITE_BUILD_URL": "https://buildkite.com/a/1"}, True, "https://buildkite.com/a/1"),
    ],
)
def test_ci_is_recognised_and_its_run_has_an_address(environ, is_ci, url):
    """`CI` decides where it is set; each system's own variables give the page of the run."""
    here = Surroundings(environ)
    assert (here.is_ci, here.ci_run_url) == (is_ci, url)


def test_the_actor_is_whom_ci_names_and_else_the_user():
    """A variable that is left over on a laptop does not make somebody else the actor."""
    assert Surroundings({"CI": "1", "GITHUB_ACTOR": "octo"}, user="runner").actor == "octo"
    assert Surroundings({"CI": "1"}, user="runner").actor == "runner"
    assert Surroundings({"GITHUB_ACTOR": "octo"}, user="me").actor == "me"


@pytest.mark.parametrize(
    ("written", "hosts"),
    [
        (None, None),
        ("", ()),
        (" , ", ()),
        ("Kibana.Example.com", ("kibana.example.com",)),
        ("a:5601, [::1]:9200 ,b", ("a:5601", "[::1]:9200", "b")),
    ],
)
def test_hosts_tells_unset_from_empty(written, hosts):
    """Not set: no pin. Set and empty, as CI makes an undefined variable: a pin that nothing passes."""
    assert Surroundings({} if written is None else {"DEPLOYER_HOSTS": written}).hosts == hosts


@pytest.mark.parametrize(
    ("written", "seconds"), [("", None), ("90s", 90), ("2m", 120), ("15", 15), ("0.5", 0.5), ("250ms", 0.25)]
)
def test_lease_and_horizon_are_durations(written, seconds):
    """A unit, or plain seconds."""
    here = Surroundings({"DEPLOYER_LEASE": written, "DEPLOYER_HORIZON": written})
    assert (here.lease, here.horizon) == (seconds, seconds)


@pytest.mark.parametrize("written", ["soon", "-5", "0", "5 minutes", "0s"])
def test_a_wrong_duration_names_the_variable(written):
    """The message says which variable, so that it can be found in a pipeline."""
    with pytest.raises(DeployerError, match="DEPLOYER_HORIZON"):
        _ = Surroundings({"DEPLOYER_HORIZON": written}).horizon


@pytest.mark.parametrize(
    ("written", "means"), [("1", True), ("true", True), ("yes", True), ("0", False), ("", False), ("No", False)]
)
def test_readonly_is_a_switch(written, means):
    """DEPLOYER_READONLY=0 is off."""
    assert Surroundings({"DEPLOYER_READONLY": written}).readonly is means
    assert not Surroundings().readonly


def test_no_color():
    """NO_COLOR set to anything but nothing, or a dumb terminal."""
    assert Surroundings({"NO_COLOR": "0"}).no_color
    assert not Surroundings({"NO_COLOR": ""}).no_color
    assert Surroundings({"TERM": "dumb"}).no_color


def test_the_environment_is_not_printed():
    """A representation in a log or a traceback shows no variable."""
    assert "hunter2" not in repr(Surroundings({"KIBANA_PASSWORD": "hunter2"}))


def test_look_around_sees_this_process(monkeypatch):
    """The real environment is copied once; a closed or missing stream is no terminal."""
    monkeypatch.setenv("DEPLOYER_READONLY", "1")
    closed = io.StringIO()
    closed.close()
    monkeypatch.setattr(sys, "stdin", closed)
    monkeypatch.setattr(sys, "stdout", None)
    here = look_around()
    monkeypatch.setenv("DEPLOYER_READONLY", "0")
    assert here.readonly
    assert here.user
    assert here.host
    assert (here.stdin_tty, here.stdout_tty) == (False, False)


def test_a_process_without_a_name_has_its_number(monkeypatch):
    """Containers run under numbers that no user has."""

    def nobody():
        raise KeyError("getpwuid(): uid not found: 12345")

    monkeypatch.setattr("getpass.getuser", nobody)
    assert look_around().user.startswith("uid ") or look_around().user == "unknown"


def test_the_clock_is_utc_and_its_sleep_ends_with_the_event():
    """A sleep of an hour ends when another thread sets the event; one that is set already does not begin."""
    clock = SystemClock()
    assert clock.now().tzinfo is UTC
    before = clock.monotonic()
    clock.sleep(0.01)
    assert clock.monotonic() - before >= 0.01
    threading.Timer(0.05, clock.stop.set).start()
    clock.sleep(3600)
    assert clock.stop.is_set()
    clock.sleep(3600)


SLEEPER = """
import signal, threading
from deployer.adapters.surroundings import SystemClock
stop = threading.Event()
signal.signal(signal.SIGTERM, lambda *_: stop.set())
print("ready", flush=True)
SystemClock(stop).sleep(3600)
print("woken", flush=True)
"""


def test_a_signal_ends_the_sleep():
    """A real process that sleeps an hour in its main thread wakes on SIGTERM and goes on."""
    with subprocess.Popen([sys.executable, "-c", SLEEPER], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout.readline() == "ready\n"
        process.send_signal(signal.SIGTERM)
        assert process.communicate(timeout=20)[0] == "woken\n"
    assert process.returncode == 0
