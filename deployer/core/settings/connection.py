"""`[kibana]`: where a Kibana is, how it is reached and how long one waits for it."""

from __future__ import annotations

import re
from typing import Any, Final, Literal

from deployer.core.environment import Connection, Credentials
from deployer.core.settings.addresses import (
    SANDBOX,
    AddressError,
    decode_cloud_id,
    host_of,
    is_loopback,
    parse_kibana_url,
    parse_proxy_url,
)
from deployer.core.settings.layers import SECTION_OF
from deployer.core.settings.nodes import Node
from deployer.core.settings.reading import Table, distinct, flag, positive_duration, text, whole
from deployer.core.settings.secret_refs import secret_ref, username
from deployer.core.stack import OLDEST, older
from deployer.errors import Problem, Severity

_SPACE: Final = re.compile(r"[a-z0-9_-]{1,100}")
_STACK: Final = re.compile(r"[0-9]+\.[0-9]+(\.[0-9]+)?")
_WAYS: Final = ("api_key", "bearer", "username")
_TIMEOUTS: Final = {"connect": 5.0, "read": 60.0, "run": 1200.0}

Given = tuple[str, Literal["url", "cloud_id"]]


def spaces_of(node: Node) -> tuple[tuple[str, ...], bool]:
    """Return the spaces that `[kibana]` names, "default" for what is wrong there, and whether it has them as a list."""
    if not isinstance(node.value, dict):
        return ("default",), False
    table = Table(node)
    if "spaces" not in table:
        return (table.read("space", _space, "default"),), False
    named = table.at("spaces").value
    right = [item.value for item in named if _SPACE.fullmatch(str(item.value))] if isinstance(named, tuple) else []
    return tuple(dict.fromkeys(right)) or ("default",), True


def kibana(node: Node) -> Connection:
    """Read `[kibana]`. A file that only others extend may lack what `missing-url` and `missing-credential` report."""
    table = Table(node)
    url, given_as = _address(table)
    credentials = _credentials(table, sandbox=url == SANDBOX)
    read_key = table.read("read_api_key", secret_ref, None)
    _spaces(table)
    connection = Connection(
        url=url,
        credentials=credentials,
        read_credentials=Credentials(api_key=read_key) if read_key else credentials,
        given_as=given_as,
        verify=table.read("verify", flag, default=True),
        allow_http=table.read("allow_http", flag, default=False),
        connections=table.read("connections", whole(1, 64), 8),
        stack=table.read("stack", _stack, None),
        **_transport(table),
        **_times(table),
    )
    table.add(*_contradictions(table, connection))
    return table.done(connection, SECTION_OF)


def warnings(node: Node, connection: Connection) -> tuple[Problem, ...]:
    """Return what is allowed and still deserves a word."""
    if connection.verify or connection.url == SANDBOX:
        return ()
    remedy = "give the authority's certificate as ca_file instead"
    message = "certificates are not checked: whoever answers for this host is sent the key"
    place: Node = node.value["verify"]
    return (place.problem(message, "tls-not-verified", remedy, severity=Severity.WARNING),)


def _address(table: Table) -> Given:
    """Read `url` or `cloud_id`; "" when there is none, which is then reported."""
    url = table.read("url", _url, "")
    cloud = table.read("cloud_id", _cloud_url, "")
    if "url" in table and "cloud_id" in table:
        table.add(
            table.at("cloud_id").problem("url and cloud_id both say where Kibana is", "duplicate-key", "keep one")
        )
    if "url" not in table and "cloud_id" not in table:
        remedy = 'write url = "https://…", cloud_id = "…" or url = "sandbox" under [kibana]'
        table.add(table.node.problem('"url" is missing', "missing-url", remedy))
    return (url, "url") if "url" in table else (cloud, "cloud_id")


def _url(node: Node) -> str:
    return _checked(node, parse_kibana_url)


def _cloud_url(node: Node) -> str:
    return _checked(node, decode_cloud_id)


def _proxy(node: Node) -> str:
    return _checked(node, parse_proxy_url)


def _checked(node: Node, parse: Any) -> str:
    """Read an address with one of the parsers, whose errors never repeat it."""
    try:
        return str(parse(text(node).strip()))
    except AddressError as error:
        raise node.wrong(str(error), error.code, error.remedy) from None


def _credentials(table: Table, *, sandbox: bool) -> Credentials:
    """Read the one way to authenticate that `[kibana]` names."""
    found = Credentials(
        api_key=table.read("api_key", secret_ref, None),
        bearer=table.read("bearer", secret_ref, None),
        username=table.read("username", username, None),
        password=table.read("password", secret_ref, None),
    )
    ways = [way for way in _WAYS if way in table]
    if len(ways) > 1:
        message = f"{' and '.join(ways)} are {len(ways)} ways to authenticate"
        table.add(table.at(ways[-1]).problem(message, "duplicate-key", "keep one"))
    if ("username" in table) != ("password" in table):
        there, missing = ("username", "password") if "username" in table else ("password", "username")
        table.add(table.at(there).problem(f"{there} without {missing}", "missing-key", f"add {missing}"))
    elif not ways and not sandbox:
        remedy = 'add api_key = "env:KIBANA_API_KEY" under [kibana] and set that variable where deployer runs'
        table.add(table.node.problem("no way to authenticate", "missing-credential", remedy))
    return found


def _spaces(table: Table) -> None:
    """Check `space` and `spaces`; `spaces_of` gives their values."""
    listed = table.read("spaces", distinct(_space), ("default",))
    table.read("space", _space, "default")
    if "spaces" in table and not listed:
        table.add(table.at("spaces").problem("an empty list of spaces", "wrong-value", "name one, or remove the line"))
    if "space" in table and "spaces" in table:
        table.add(table.at("space").problem("space and spaces both say where to deploy", "duplicate-key", "keep one"))


def _space(node: Node) -> str:
    """Read a space id, as it stands in Kibana's addresses; not the name that people see (detection-rules#4208)."""
    space = text(node)
    if not _SPACE.fullmatch(space):
        remedy = "write the id that stands behind /s/ in Kibana's address: a-z, 0-9, _ and -"
        raise node.wrong(f'"{space}" is not the id of a space', "wrong-value", remedy)
    return space


def _stack(node: Node) -> str:
    """Read the version that offline checks assume."""
    version = text(node)
    if not _STACK.fullmatch(version):
        raise node.wrong(f'"{version}" is not a version', "wrong-value", 'write it like "9.3"')
    if older(version, OLDEST):
        raise node.wrong(f"Kibana {version} is older than what deployer supports", "wrong-value", f"{OLDEST} or newer")
    return version


def _transport(table: Table) -> dict[str, Any]:
    """Read certificates and proxy; paths are relative to the project."""
    found: dict[str, Any] = {key: table.read(key, text, None) for key in ("ca_file", "client_cert", "client_key")}
    found["proxy"] = table.read("proxy", _proxy, None)
    if "client_key" in table and "client_cert" not in table:
        table.add(table.at("client_key").problem("client_key without client_cert", "missing-key", "add client_cert"))
    return found


def _times(table: Table) -> dict[str, Any]:
    """Read how long to wait, in seconds."""
    return table.read("timeout", _timeouts, {}) | {"horizon": table.read("horizon", positive_duration, 150.0)}


def _timeouts(node: Node) -> dict[str, float]:
    table = Table(node)
    found = {f"{name}_timeout": table.read(name, positive_duration, usual) for name, usual in _TIMEOUTS.items()}
    return table.done(found)


def _contradictions(table: Table, connection: Connection) -> list[Problem]:
    """Return what two right values say wrongly together."""
    if connection.url in ("", SANDBOX) or is_loopback(host_of(connection.url)):
        return []
    problems = []
    if connection.url.startswith("http:") and not connection.allow_http:
        remedy = "use https, or say allow_http = true where the network itself is trusted"
        problems.append(table.at("url").problem("would send the credential unencrypted", "plain-http", remedy))
    if connection.horizon < connection.read_timeout:
        message = "shorter than timeout.read: a request could still land after deployer has given it up"
        problems.append(table.at("horizon").problem(message, "wrong-value", "make it longer than timeout.read"))
    return problems
