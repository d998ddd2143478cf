"""References to secrets. A literal is refused, and no message repeats what stood there: it may be the secret."""

from __future__ import annotations

import re
from typing import Final

from deployer.core.environment import SecretRef
from deployer.core.settings.nodes import Node, wrong_type
from deployer.core.settings.reading import text
from deployer.core.settings.sketch import accepts

_VARIABLE: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_REMEDY: Final = 'name where it is: "env:KIBANA_API_KEY", or "file:PATH" outside the checkout'


@accepts({"type": "string", "pattern": r"^\s*(env:[A-Za-z_][A-Za-z0-9_]*|file:.*\S)\s*$"})
def secret_ref(node: Node) -> SecretRef:
    """Read `env:NAME` or `file:PATH`."""
    if not isinstance(node.value, str):
        raise wrong_type(node, "a reference to a secret", _REMEDY)
    kind, colon, name = node.value.strip().partition(":")
    if kind == "env" and colon:
        if not _VARIABLE.fullmatch(name):
            raise node.wrong("what follows env: is not the name of a variable", "secret-reference", _REMEDY)
        return SecretRef("env", name)
    if kind == "file" and colon:
        if not name.strip() or "\0" in name:
            raise node.wrong("file: names no file", "secret-reference", _REMEDY)
        return SecretRef("file", name.strip())
    raise node.wrong(
        "a secret must not stand in a file of the repository",
        "literal-secret",
        f"{_REMEDY}; if this was a real secret, revoke it: git keeps what was committed",
    )


def username(node: Node) -> str | SecretRef:
    """Read a user name, as it is or by reference."""
    name = text(node)
    return secret_ref(node) if name.startswith(("env:", "file:")) else name
