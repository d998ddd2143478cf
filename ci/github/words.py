"""What deployer said, as Markdown for the step summary and the pull request. Names and values stand in code spans."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

MOST = 200
"""Rows of one table; the log and the JSON document have the rest."""

_UNSEEN = re.compile("[\x00-\x1f\x7f-\x9f\u061c\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff]")
_DONE = {"apply": "Applied", "rollback": "Rolled back"}


def code(text: Any) -> str:
    """Return a text as a code span for a table: no Markdown, HTML or @mention in it does anything."""
    plain = _UNSEEN.sub(lambda found: found[0].encode("unicode_escape").decode(), str(text)).replace("|", "\\|")
    plain = plain if len(plain) <= 160 else plain[:159] + "…"
    fence = "`" * (max((len(run) for run in re.findall("`+", plain)), default=0) + 1)
    pad = " " if len(fence) > 1 else ""
    return f"{fence}{pad}{plain}{pad}{fence}" if plain.strip() else ""


def told(document: Mapping[str, Any], mode: str, where: str) -> str:
    """Return what became of a run, in Markdown. `where` names its environments."""
    if "error" in document:
        return _failed(document, mode, where)
    body = {"apply": _applied, "rollback": _applied, "promote": promoted, "drift": _drift, "recover": _recovered}
    write = body.get(mode)
    return write(document) if write else ""


def promoted(document: Mapping[str, Any]) -> str:
    """Return what a promotion pins, removes and leaves behind."""
    rules = document.get("rules", ())
    parts = [f"### {document.get('from')} → {document.get('to')}", ""]
    for verdict, title in (("pin", "Pinned"), ("remove", "Removed"), ("wait", "Not now")):
        chosen = [rule for rule in rules if rule["verdict"] == verdict]
        if chosen:
            rows = [(code(rule["name"]), code("; ".join(rule["failed"].values()))) for rule in chosen]
            parts += [f"**{title}: {len(chosen)}**", "", *_table(("Rule", "Why"), rows), ""]
    if not any(rule["verdict"] in ("pin", "remove") for rule in rules):
        parts += ["The lock file stays as it is.", ""]
    return "\n".join(parts)


def _failed(document: Mapping[str, Any], mode: str, where: str) -> str:
    refused = f" (`refusal = {document['refusal']}`)" if document.get("refusal") else ""
    parts = [f"### deployer {mode} {code(where)} failed{refused}", "", code(document["error"]), ""]
    if document.get("hint"):
        parts += [f"Next: {code(document['hint'])}", ""]
    problems = document.get("problems", ())
    if problems:
        place = [f"{one['path']}:{one['line']}" if one["line"] else one["path"] for one in problems]
        rows = [
            (code(spot), code(one["message"]), code(one["code"])) for spot, one in zip(place, problems, strict=True)
        ]
        parts += _table(("Where", "What", "Code"), rows)
    return "\n".join(parts) + "\n"


def _applied(document: Mapping[str, Any]) -> str:
    rows = [_result(target) for target in document.get("targets", ())]
    if not rows:
        return "Nothing to do.\n"
    return "\n".join(_table(("Target", "Result", "Deployment", "Changes"), rows)) + "\n"


def _result(target: Mapping[str, Any]) -> tuple[str, ...]:
    if "error" in target:
        return (code(target["target"]), code(target["error"]), "", "")
    counted = ", ".join(f"{number} {action}" for action, number in target.get("counts", {}).items())
    number = target.get("deployment")
    return (
        code(target["target"]),
        "done" if target.get("applied") else "nothing to do",
        f"#{number}" if number else "",
        counted,
    )


def _drift(document: Mapping[str, Any]) -> str:
    parts: list[str] = []
    for target in document.get("targets", ()):
        if "error" in target:
            parts += [f"### {code(target['target'])}", "", code(target["error"]), ""]
            continue
        parts += [f"### {code(target['target'])} since deployment #{target['deployment']}", ""]
        rows = [
            (
                code(one["name"]),
                code(one["kind"]),
                code(one["field"]),
                code(one["was"] or ""),
                code(one["now"] or ""),
                code(one["by"]),
                code(one["at"]),
            )
            for one in target["drift"]
        ]
        heads = ("Rule", "What", "Field", "Was", "Is", "By", "When")
        parts += [*(_table(heads, rows) if rows else ["No drift."]), ""]
    return "\n".join(parts)


def _recovered(document: Mapping[str, Any]) -> str:
    rows = [(code(name), code(found["how"])) for name, found in document.get("targets", {}).items()]
    return "\n".join(_table(("Target", "Recovered"), rows)) + "\n"


def _table(heads: Sequence[str], rows: Sequence[Sequence[str]]) -> Iterator[str]:
    yield f"| {' | '.join(heads)} |"
    yield f"|{'---|' * len(heads)}"
    for row in rows[:MOST]:
        yield f"| {' | '.join(row)} |"
    if len(rows) > MOST:
        yield f"\n… and {len(rows) - MOST:,} more: the JSON document has all of them."
