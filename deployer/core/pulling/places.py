"""
Where the file of a rule goes that has none yet: `pull = "rules/{tactic}/{name}.toml"` of deployer.toml.

Whatever a rule is called in Kibana, its file has a name of `[a-z0-9_]` and lies below a rule folder.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Collection, Mapping, Sequence
from typing import Any, Final

WORDS: Final = ("name", "tactic", "type", "severity", "rule_id")
LIST_WORDS: Final = ("name", "list_id", "type")
SUFFIX: Final = ".toml"

_WORD: Final = re.compile(r"\{([^{}]*)\}")
_LONGEST: Final = 120


def template_flaw(
    template: str, folders: Sequence[str], words: Sequence[str] = WORDS, what: str = "a rule folder"
) -> str:
    """Return what is wrong with a template, "" for nothing. It must lie in one of the folders."""
    unknown = [word for word in _WORD.findall(template) if word not in words]
    parts = template.split("/")
    if unknown or re.search(r"[{}]", _WORD.sub("", template)):
        known = ", ".join("{" + word + "}" for word in words)
        return f"it may use {known} and nothing else in braces"
    if not template.endswith(SUFFIX):
        return f"it must end in {SUFFIX}"
    if ".." in parts or "." in parts or "\\" in template:
        return "it must not leave its folder"
    if not any(template.startswith(f"{folder}/") and len(template) > len(folder) + 1 for folder in folders):
        return f"it must lie in {what}: {', '.join(folders)}"
    return ""


def default_template(folders: Sequence[str]) -> str:
    """Return where files go when deployer.toml does not say: the first rule folder, named as detection-rules does."""
    return folders[0] + "/{tactic}_{name}" + SUFFIX


def list_place(template: str, folders: Sequence[str], body: Mapping[str, Any], taken: Collection[str]) -> str:
    """Return the path of the new file of an exception list; `template` is "" where deployer.toml does not say one."""
    words = {"name": body.get("name"), "rule_id": body.get("list_id"), "type": body.get("type")}
    chosen = template.replace("{list_id}", "{rule_id}") or f"{folders[0]}/{{name}}{SUFFIX}"
    return place(chosen, folders, words, taken)


def place(template: str, folders: Sequence[str], rule: Mapping[str, Any], taken: Collection[str]) -> str:
    """Return the path of a new file: not one of `taken`, and below one of the rule folders."""
    folder = next(folder for folder in folders if template.startswith(f"{folder}/"))
    *above, last = template.removeprefix(f"{folder}/").removesuffix(SUFFIX).split("/")
    words = _words(rule)
    names = [part for part in (_filled(part, words) for part in above) if part]
    stem = _filled(last, words) or words["name"]
    path = "/".join([folder, *names, stem]) + SUFFIX
    if path not in taken:
        return path
    stems = [f"{stem}_{words['rule_id'][:8]}", f"{stem}_{words['rule_id']}"]
    stems += [f"{stem}_{number}" for number in range(2, len(taken) + 3)]
    return next(path for path in ("/".join([folder, *names, stem]) + SUFFIX for stem in stems) if path not in taken)


def slug(text: str) -> str:
    """Return a text as `[a-z0-9_]`, without `_` at its ends, "" where it has no letter or digit that is left."""
    plain = unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode().lower()
    return re.sub(r"[^a-z0-9]+", "_", plain).strip("_")[:_LONGEST].strip("_")


def _words(rule: Mapping[str, Any]) -> dict[str, str]:
    rule_id = slug(str(rule.get("rule_id", ""))) or "rule"
    return {
        "name": slug(str(rule.get("name", ""))) or f"rule_{rule_id}",
        "tactic": slug(_first_tactic(rule.get("threat"))),
        "type": slug(str(rule.get("type", ""))),
        "severity": slug(str(rule.get("severity", ""))),
        "rule_id": rule_id,
    }


def _first_tactic(threat: Any) -> str:
    for entry in threat if isinstance(threat, list) else ():
        tactic = entry.get("tactic") if isinstance(entry, Mapping) else None
        if isinstance(tactic, Mapping) and isinstance(tactic.get("name"), str):
            return str(tactic["name"])
    return ""


def _filled(part: str, words: Mapping[str, str]) -> str:
    """Return one part of the template with its words filled in; a word that is empty leaves no gap behind."""
    filled = _WORD.sub(lambda match: words[match[1]], part)
    return re.sub(r"_{2,}", "_", filled).strip("_") if filled != part else part
