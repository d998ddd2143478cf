"""
One self-contained HTML page: what a template shows, with its styles and scripts inside.

Nothing is loaded from anywhere. Values are escaped by the template engine, and characters that are invisible or turn
the direction of writing are written out. The page's own Content-Security-Policy lets only those styles and scripts act
that deployer put there, by their hashes: text that found a way into the markup could still not run. So templates have
neither `style` nor `on…` attributes.
"""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Sequence
from functools import cache
from importlib import resources
from typing import TYPE_CHECKING, Any, Final

from deployer.render.style import clean, cut, line, plural

if TYPE_CHECKING:
    from jinja2 import Environment

LONGEST: Final = 240
"""Signs of a name or sentence beyond which it is cut (`short`): a page stays readable, and its size bounded."""


def page(template: str, *, styles: Sequence[str] = (), scripts: Sequence[str] = (), **values: Any) -> str:
    """
    Return the page of a template that extends `frame.html`; needs `title` among the values.

    `styles` and `scripts` are names of files beside this one; `frame.css` and `frame.js` come first.
    """
    from markupsafe import Markup

    style = "\n".join(_text(name) for name in ("frame.css", *styles))
    script = "\n".join(_text(name) for name in ("frame.js", *scripts))
    policy = (
        f"default-src 'none'; style-src {_hash(style)}; script-src {_hash(script)}; img-src data:; "
        "base-uri 'none'; form-action 'none'"
    )
    # ours, from files of this package
    inside = {"style": Markup(style), "script": Markup(script), "policy": policy}  # noqa: S704
    return _environment().get_template(template).render(**inside, **values)


def short(text: str, width: int = LONGEST) -> str:
    """Return a text on one line, clean and not too long."""
    return cut(line(str(text)), width)


def island(value: Any) -> Any:
    """Return data as JSON for a `<script type="application/json">`, in which nothing ends the element."""
    from markupsafe import Markup

    text = json.dumps(value, separators=(",", ":"), ensure_ascii=True)
    return Markup(text.replace("&", "\\u0026").replace("<", "\\u003c").replace(">", "\\u003e"))  # noqa: S704


@cache
def _environment() -> Environment:
    from jinja2 import Environment, PackageLoader, StrictUndefined

    found = Environment(
        loader=PackageLoader("deployer.render", "html"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        finalize=lambda value: clean(value) if type(value) is str else value,  # markup that is already safe stays
    )
    found.filters.update(
        short=short,
        island=island,
        plural=plural,
        thousands=lambda number: f"{number:,}",
        first_upper=lambda text: text[:1].upper() + text[1:],
    )
    return found


@cache
def _text(name: str) -> str:
    return resources.files("deployer.render.html").joinpath(name).read_text("utf-8")


def _hash(text: str) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"
