"""Names: of rules, of files, and tags that a project asks for."""

from __future__ import annotations

import re
from collections.abc import Iterator

from deployer.core.checks.attack import slug
from deployer.core.checks.check import Case, Finding
from deployer.core.selector import compile_glob


def required_tags(case: Case) -> Iterator[Finding]:
    """Find the globs of `tags` that no tag of the rule matches."""
    for glob in case.options["tags"]:
        matches = compile_glob(glob)
        if not any(map(matches, case.rule.tags)):
            yield Finding(("rule", "tags"), f'no tag matches "{glob}"', "add one; the project's policy asks for it")


def file_name(case: Case) -> Iterator[Finding]:
    """Find files whose name does not match `pattern`."""
    name = case.rule.path.rpartition("/")[2]
    if not re.fullmatch(case.options["pattern"], name):
        message = f'the file is called "{name}", which does not match {case.options["pattern"]}'
        yield Finding((), message, "rename it; a rule is known by its rule_id, so nothing else changes")


def file_tactic(case: Case) -> Iterator[Finding]:
    """Find files whose name does not begin with a tactic of the rule."""
    name = case.rule.path.rpartition("/")[2]
    tactics = [slug(entry.name).replace("-", "_") for entry in case.threats if entry.kind == "tactic"]
    if tactics and not any(name.startswith(f"{tactic}_") for tactic in tactics):
        message = f'the file "{name}" does not begin with a tactic of the rule'
        yield Finding((), message, f"call it {tactics[0]}_….toml")


def rule_name(case: Case) -> Iterator[Finding]:
    """Find names with white space where nobody sees it, and those that do not match `pattern`."""
    raw, pattern = case.rule.name, case.options["pattern"]
    if re.search(r"^\s|\s$|\s\s|[^\S ]", raw):
        yield Finding(
            ("rule", "name"), "the name has white space that nobody sees", "write single blanks between words"
        )
    elif not re.fullmatch(pattern, raw):
        yield Finding(("rule", "name"), f'the name "{raw}" does not match {pattern}', "rename the rule")


def duplicate_name(case: Case) -> Iterator[Finding]:
    """Find names that a rule further up in the repository has too."""
    first = case.repository.first_by_name.get(case.rule.name, case.rule)
    if first.rule_id != case.rule.rule_id:
        message = f'the name "{case.rule.name}" is also in {first.path}'
        yield Finding(("rule", "name"), message, "rename one: playbooks key on the name")
