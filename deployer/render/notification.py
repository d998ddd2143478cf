"""
The body of a notification: `text` as Slack and its likes show it, and the same for programs. docs/notifications.md.

What stands in it are names, counts and sentences that the terminal shows too. In `text` the three characters that mean
something to Slack are escaped, so that a rule called `<!channel>` wakes nobody.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from deployer.core.notification import Happened, Touched
from deployer.core.record import Provenance
from deployer.render.style import cut, line, plural

FORMAT: Final = "deployer-notification"
VERSION: Final = 1
_TARGETS: Final = 100  # in one message, those that need a person first
_RULES: Final = 20  # of one target
_LONGEST: Final = 300  # characters of one sentence
_IN_TEXT: Final = 10  # targets that the text names
_VERBS: Final = {
    "apply": "Deployed",
    "rollback": "Rolled back",
    "hold": "Held",
    "release": "Released",
    "recovery": "Recovered",
}


def notification(happened: Sequence[Happened], project: str, provenance: Provenance, time: str) -> dict[str, Any]:
    """Return the body, bounded whatever happened: at most 100 targets with 20 rules each."""
    ordered = sorted(happened, key=lambda one: (one.well, one.target))
    return {
        "format": FORMAT,
        "version": VERSION,
        "text": _text(ordered, project, provenance),
        "ok": all(one.well for one in ordered),
        "time": time,
        "project": project,
        "actor": line(provenance.actor),
        "commit": provenance.commit,
        "branch": line(provenance.branch),
        "run": line(provenance.ci_run),
        "targets": [_target(one) for one in ordered[:_TARGETS]],
        "more_targets": max(0, len(ordered) - _TARGETS),
    }


def _target(one: Happened) -> dict[str, Any]:
    return {
        "event": one.event,
        "target": one.target,
        "url": one.url,
        "result": one.result,
        "exit_code": int(one.code),
        "deployment": one.deployment,
        "digest": one.digest,
        "reason": _short(one.reason),
        "counts": dict(one.counts),
        "rules": [_rule(rule) for rule in one.touched[:_RULES]],
        "more_rules": max(0, len(one.touched) - _RULES),
        "error": _short(one.error),
        "next": _short(one.next),
    }


def _rule(rule: Touched) -> dict[str, str]:
    return {"rule_id": _short(rule.rule_id), "name": _short(rule.name), "what": rule.what}


def _text(ordered: Sequence[Happened], project: str, provenance: Provenance) -> str:
    lines = [_sentence(one) for one in ordered[:_IN_TEXT]]
    if len(ordered) > _IN_TEXT:
        lines.append(f"… and {plural(len(ordered) - _IN_TEXT, 'more target')}")
    by = f" by {line(provenance.actor)}" if provenance.actor else ""
    where = f", {line(provenance.ci_run)}" if provenance.ci_run else ""
    lines.append(f"{project or 'deployer'}{by}{where}")
    return "\n".join(_escaped(text) for text in lines)


def _sentence(one: Happened) -> str:
    """Return one target in one line, what a person has to do in a second one."""
    name, counts = line(one.target), ", ".join(f"{count} {what}" for what, count in one.counts.items())
    if one.event == "drift":
        rules = plural(len({rule.rule_id for rule in one.touched}), "rule")
        return f"Drift in {name}: {rules} changed in Kibana{_some(one)}\n{_short(one.next)}"
    if one.well:
        number = f" #{one.deployment}" if one.deployment else ""
        why = f" ({_short(one.reason)})" if one.reason else ""
        return f"{_VERBS.get(one.event, 'Deployed')} {name}{number}: {counts or 'no rule changed'}{_some(one)}{why}"
    told = f"{one.event} of {name} {_WORDS.get(one.result, 'failed')}: {_short(one.error)}"
    return f"{told}\n{_short(one.next)}" if one.next else told


_WORDS: Final = {
    "undone": "failed and was undone",
    "incomplete": "failed and NOT everything could be undone",
    "attention": "is done, and a person must look",
    "interrupted": "was interrupted",
}


def _some(one: Happened) -> str:
    """Return a few names, because that is what people recognise."""
    names = list(dict.fromkeys(line(rule.name) for rule in one.touched))
    if not names:
        return ""
    more = f" and {len(names) - 3:,} more" if len(names) > 3 else ""
    return f" - {', '.join(cut(name, 60) for name in names[:3])}{more}"


def _short(text: str) -> str:
    return cut(line(text), _LONGEST)


def _escaped(text: str) -> str:
    """Escape what Slack reads as markup: `&`, `<` and `>`."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
