"""Which targets `-e` means, and what an unknown one is told."""

from __future__ import annotations

import pytest

from deployer.core.environment import Connection, Credentials, Environment
from deployer.core.settings import parse_duration, select_targets
from deployer.errors import DeployerError, ExitCode, UsageError

pytestmark = pytest.mark.quick


def environment(name, space="default", *, listed=False):
    """Make a target of the sandbox."""
    connection = Connection("sandbox", Credentials(), Credentials())
    target = f"{name}/{space}" if listed else name
    return Environment(name, space, target, f"environments/{name}.toml", connection)


ALL = (
    environment("customer-a"),
    environment("customer-b", "soc"),
    environment("dev"),
    environment("eu-1", "acme", listed=True),
    environment("eu-1", "other", listed=True),
    environment("eu-2", "acme", listed=True),
    environment("prod", "amer", listed=True),
    environment("prod", "emea", listed=True),
)


@pytest.mark.parametrize(
    ("patterns", "targets"),
    [
        (["dev"], ["dev"]),
        (["prod"], ["prod/amer", "prod/emea"]),
        (["prod/emea"], ["prod/emea"]),
        (["prod/emea", "dev", "prod"], ["dev", "prod/amer", "prod/emea"]),
        (["customer-*"], ["customer-a", "customer-b"]),
        (["eu*/acme"], ["eu-1/acme", "eu-2/acme"]),
        (["*/acme"], ["eu-1/acme", "eu-2/acme"]),
        (["dev/default"], ["dev"]),
        (["customer-b/soc"], ["customer-b"]),
        (["*"], [e.target for e in ALL]),
        (["*/*"], [e.target for e in ALL]),
        (["eu-[12]"], ["eu-1/acme", "eu-1/other", "eu-2/acme"]),
    ],
)
def test_selects_by_environment_and_space(patterns, targets):
    """Names and globs over ENV and ENV/SPACE; each target once, in the order of the files."""
    assert [e.target for e in select_targets(ALL, patterns)] == targets


@pytest.mark.parametrize(
    ("patterns", "says", "hint"),
    [
        (
            ["prd"],
            'there is no environment "prd"',
            'did you mean "prod"? known: customer-a, customer-b, dev, eu-1/acme',
        ),
        (["prod/emae"], 'there is no environment "prod/emae"', 'did you mean "prod/emea"?'),
        (["dev", "zzz"], 'there is no environment "zzz"', "known: customer-a,"),
        (["Dev"], 'there is no environment "Dev"', 'did you mean "dev"?'),
        (["us*"], 'no environment matches "us*"', "known: customer-a,"),
        (["*emea"], 'no environment matches "*emea"', "prod/emea"),
        ([""], 'there is no environment ""', "known:"),
    ],
)
def test_unknown_lists_the_known(patterns, says, hint):
    """Exit 1, with a guess where one is near and all the names there are."""
    with pytest.raises(DeployerError) as caught:
        select_targets(ALL, patterns)
    assert (str(caught.value), caught.value.exit_code) == (says, ExitCode.ERROR)
    assert hint in caught.value.hint


def test_no_environment_named_and_none_there():
    """Without -e it is wrong usage; without any file the hint says how to get one."""
    with pytest.raises(UsageError):
        select_targets(ALL, [])
    with pytest.raises(DeployerError) as caught:
        select_targets((), ["dev"])
    assert "deployer init" in caught.value.hint


@pytest.mark.parametrize(
    ("written", "seconds"),
    [
        ("5s", 5),
        ("20m", 1200),
        ("24h", 86400),
        ("30d", 2592000),
        ("1.5h", 5400),
        ("250ms", 0.25),
        (" 2w ", 1209600),
        ("0s", 0),
    ],
)
def test_durations(written, seconds):
    """A number and a unit."""
    assert parse_duration(written) == seconds


@pytest.mark.parametrize("written", ["", "5", "s", "5 s", "-5s", "5M", "1h30m", "5sec", "1e3s", "٣s"])
def test_what_is_no_duration(written):
    """Anything else is refused with an example."""
    with pytest.raises(ValueError, match=r'"90s", "20m", "24h", "30d"'):
        parse_duration(written)
