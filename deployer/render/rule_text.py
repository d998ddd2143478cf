"""One rendered rule for a person: its payload as JSON, and beside each value that an override set, which one."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from deployer.render.style import Style, clean, line


def rule_text(target: str, path: str, payload: Mapping[str, Any], origins: Mapping[str, str], style: Style) -> str:
    """Return the text, ending in a newline."""
    lines = [style.bold(f"{line(target)}   {line(path)}"), ""]
    lines += [clean(text) for text in json.dumps(payload, indent=2, ensure_ascii=False).splitlines()]
    if origins:
        lines += ["", style.bold("NOT FROM THE FILE")]
        pad = max(len(name) for name in origins)
        lines += [f"    {line(name):<{pad}}   {line(origin)}" for name, origin in sorted(origins.items())]
    return "\n".join(lines) + "\n"
