"""
Selectors: the small language that says which rules are meant.

    kind:glob              kinds: id, name, tag, path, type, severity, maturity
    *                      every rule
    not:kind:glob          every other rule
    a & b                  both hold; a list of selectors means: any of them

Everything compares case-sensitively. A glob has `*`, `?` and `[..]` (`[!..]` negates; `[*]` is a star itself).
A `path` is matched as git's ignore files do it: `*` and `?` stop at a `/`, `**` does not, a glob without a `/` is
looked for at any depth, and one that matches a folder takes everything below it. A `tag` selector holds when any
tag matches. A value may contain colons and ` & `: only ` & ` before a kind, `not:` or a lone `*` splits.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from functools import lru_cache, reduce
from typing import Final, Protocol

from deployer.core.fields import RULE_TYPES, SEVERITIES
from deployer.core.suggestion import closest, did_you_mean

KINDS: Final = ("id", "name", "tag", "path", "type", "severity", "maturity")

_VOCABULARY: Final = {"type": RULE_TYPES, "severity": SEVERITIES}
_WILD: Final = re.compile(r"[*?\[]")
_JOINT: Final = re.compile(rf" & (?= *(?:\*(?= *(?:&|$))|not:|(?:{'|'.join(KINDS)}):))")
_LOOKS_LIKE_A_TERM: Final = re.compile(r" & *(?:not:)*([A-Za-z_]+):")


class SelectorError(ValueError):
    """A selector that cannot be read. `column` counts from 1 inside its text; `remedy` says what to write."""

    def __init__(self, message: str, column: int, remedy: str) -> None:
        super().__init__(message)
        self.column = column
        self.remedy = remedy


class Subject(Protocol):
    """What a selector looks at: a rule as its file says it, before any override."""

    @property
    def rule_id(self) -> str:
        """The identity of the rule."""
        ...

    @property
    def name(self) -> str:
        """The name that people read."""
        ...

    @property
    def tags(self) -> tuple[str, ...]:
        """The tags, without our marker."""
        ...

    @property
    def path(self) -> str:
        """The file, relative to the project, with `/`."""
        ...

    @property
    def type(self) -> str:
        """The rule type."""
        ...

    @property
    def severity(self) -> str:
        """The severity."""
        ...

    @property
    def maturity(self) -> str:
        """What `[metadata] maturity` says."""
        ...


Test = Callable[[Subject], bool]


@dataclass(frozen=True, slots=True)
class Selector:
    """
    One selector, compiled. Two are equal when their text is; `str` gives the text as it was written.

    Get one from `parse_selector`.
    """

    text: str
    test: Test = field(compare=False, repr=False)

    def matches(self, subject: Subject) -> bool:
        """Say whether every term holds for this rule."""
        return self.test(subject)

    def __str__(self) -> str:
        """The selector as it was written."""
        return self.text

    def __reduce__(self) -> tuple[Callable[[str], Selector], tuple[str]]:
        """Copy and pickle by text: a compiled test cannot be pickled."""
        return parse_selector, (self.text,)


def matches_any(selectors: Iterable[Selector], subject: Subject) -> bool:
    """Say whether at least one selector selects this rule."""
    return any(selector.matches(subject) for selector in selectors)


@lru_cache(maxsize=4096)
def parse_selector(text: str) -> Selector:
    """
    Return the selector that `text` says. Raises SelectorError with the column of what is wrong.

    The result is cached by text: forty spaces with the same exclusion compile it once.
    """
    if not text.strip():
        raise SelectorError("an empty selector selects nothing", 1, 'write "*" for every rule')
    tests: list[Test] = []
    start = 0
    for joint in [*_JOINT.finditer(text), None]:
        end = joint.start() if joint else len(text)
        tests.append(_term(text, start, end))
        start = joint.end() if joint else end
    return Selector(text=text.strip(), test=reduce(_both, tests))


def _term(text: str, start: int, end: int) -> Test:
    """Compile `text[start:end]`, one term."""
    raw = text[start:end]
    column = start + len(raw) - len(raw.lstrip()) + 1
    term = raw.strip()
    negated = term.startswith("not:")
    if negated:
        rest = term.removeprefix("not:").lstrip()
        term, column = rest, column + len(term) - len(rest)
    test = _positive(term, column)
    _refuse_a_swallowed_term(text, start, end)
    return _negation(test) if negated else test


def _positive(term: str, column: int) -> Test:
    if term == "*":
        return _everything
    kind, colon, glob = term.partition(":")
    if not colon:
        raise SelectorError(f'"{term}" names no kind', column, f"write {_examples(term)}")
    if kind == "not":
        raise SelectorError('"not:" stands once, in front', column, "remove one of them")
    if kind not in KINDS:
        remedy = did_you_mean(kind, KINDS) if closest(kind, KINDS) else f"kinds are {', '.join(KINDS)}"
        raise SelectorError(f'"{kind}" is not a kind of selector', column, remedy)
    glob = glob.strip()
    if not glob:
        raise SelectorError(
            f'"{kind}:" has no value', column + len(kind) + 1, f'write "{kind}:…", or "*" for every rule'
        )
    _refuse_a_value_that_never_matches(kind, glob, column + len(kind) + 1)
    return _test(kind, glob)


def _examples(word: str) -> str:
    """Say what a bare word may have meant."""
    for kind, values in _VOCABULARY.items():
        if word in values:
            return f'"{kind}:{word}"'
    if closest(word, KINDS):
        return f'"{closest(word, KINDS)}:…"'
    return f'"name:{word}", "tag:{word}" or "id:{word}"'


def _refuse_a_value_that_never_matches(kind: str, glob: str, column: int) -> None:
    """`severity:High` would silently select nothing; both vocabularies are closed."""
    values = _VOCABULARY.get(kind)
    if values and not any(compile_glob(glob)(value) for value in values):
        raise SelectorError(f'no {kind} is called "{glob}"', column, did_you_mean(glob, values))


def _refuse_a_swallowed_term(text: str, start: int, end: int) -> None:
    """`tag:A & severty:high` would be one long tag: the part after ` & ` looks like a term with a mistyped kind."""
    for found in _LOOKS_LIKE_A_TERM.finditer(text, start, end):
        kind = found[1]
        meant = closest(kind, KINDS)
        if meant and kind not in KINDS:
            remedy = f'did you mean "{meant}"? where the value itself goes on, write [&] for the sign'
            raise SelectorError(f'"{kind}" is not a kind of selector', found.start(1) + 1, remedy)


def _everything(_: Subject) -> bool:
    return True


def _both(first: Test, second: Test) -> Test:
    return lambda subject: first(subject) and second(subject)


def _negation(test: Test) -> Test:
    return lambda subject: not test(subject)


def _test(kind: str, glob: str) -> Test:
    """Return the test of one `kind:glob`."""
    if kind == "tag":
        return _tag_test(glob)
    matches = compile_path_glob(glob) if kind == "path" else compile_glob(glob)
    return {
        "id": lambda subject: matches(subject.rule_id),
        "name": lambda subject: matches(subject.name),
        "path": lambda subject: matches(subject.path),
        "type": lambda subject: matches(subject.type),
        "severity": lambda subject: matches(subject.severity),
        "maturity": lambda subject: matches(subject.maturity),
    }[kind]


def _tag_test(glob: str) -> Test:
    if not _WILD.search(glob):
        return lambda subject: glob in subject.tags
    matches = compile_glob(glob)
    return lambda subject: any(map(matches, subject.tags))


def compile_glob(glob: str) -> Callable[[str], bool]:
    """Return the test for a whole text: `*` any characters, `?` one, `[..]` one of a class; case-sensitive."""
    if not _WILD.search(glob):
        return glob.__eq__
    if glob.endswith("*") and not _WILD.search(glob[:-1]):
        prefix = glob[:-1]
        return lambda text: text.startswith(prefix)
    fullmatch = re.compile(_translate(glob, any_one=".", any_many=".*"), re.DOTALL).fullmatch
    return lambda text: fullmatch(text) is not None


def compile_path_glob(glob: str) -> Callable[[str], bool]:
    """Return the test for a relative path with `/`, by the rules of git's ignore files (see the module)."""
    anchored = glob.removesuffix("/")
    if "/" not in anchored:
        anchored = f"**/{anchored}"
    parts = anchored.removeprefix("/").split("/")
    pattern = "".join(_path_part(part, last=i == len(parts) - 1) for i, part in enumerate(parts))
    below = "/.+" if glob.endswith("/") else "(?:/.+)?"
    fullmatch = re.compile(pattern + below, re.DOTALL).fullmatch
    return lambda path: fullmatch(path) is not None


def _path_part(part: str, *, last: bool) -> str:
    """Translate one segment of a path glob; `**` stands for any number of folders, at the end for all that is below."""
    if part == "**":
        return ".+" if last else "(?:.+/)?"
    return _translate(part, any_one="[^/]", any_many="[^/]*") + ("" if last else "/")


def _translate(glob: str, *, any_one: str, any_many: str) -> str:
    """Return the regular expression of a glob without `/` rules."""
    pattern, at = "", 0
    while at < len(glob):
        sign = glob[at]
        if sign == "*":
            while glob.startswith("*", at + 1):  # `**` inside a word is one star; two would backtrack for nothing
                at += 1
            pattern += any_many
        elif sign == "?":
            pattern += any_one
        elif sign == "[" and (end := glob.find("]", at + 2 + glob.startswith("!", at + 1))) > 0:
            pattern += f"(?={any_one})" + _character_class(glob[at + 1 : end])
            at = end
        else:
            pattern += re.escape(sign)
        at += 1
    return pattern


def _escaped_members(inside: str) -> str:
    """
    Return the members of a class with everything escaped but the `-` of a range.

    A bare `--`, `&&`, `~~` or `||` is reserved for set operations in Python's classes and would change its meaning.
    """
    members, at = "", 0
    while at < len(inside):
        if at + 2 < len(inside) and inside[at + 1] == "-":
            if inside[at] <= inside[at + 2]:  # a range that runs backwards has no members, as in fnmatch
                members += f"{re.escape(inside[at])}-{re.escape(inside[at + 2])}"
            at += 3
        else:
            members += re.escape(inside[at])
            at += 1
    return members


def _character_class(inside: str) -> str:
    """Translate the inside of `[..]`: `!` in front negates, `a-z` is a range, nothing else is special."""
    negated = inside.startswith("!")
    members = _escaped_members(inside.removeprefix("!"))
    if not members:
        return r"[\s\S]" if negated else r"[^\s\S]"
    return f"[^{members}]" if negated else f"[{members}]"
