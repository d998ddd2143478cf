"""
Validators in the manner of zod: they strip unknown keys, collect every issue with its path, and speak the wording of
zod 3 (up to 9.3) or zod 4 (9.4 and later). Rendering follows facts.md section 9.2: at most five issues, then `and N
more`.

A check is called with (value, path, issues); it returns the cleaned value and appends what is wrong to `issues`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from deployer.sandbox.versions import Version

Path = tuple[str | int, ...]


class Issue(NamedTuple):
    """One thing that is wrong, in both wordings."""

    path: Path
    zod3: str
    zod4: str


Issues = list[Issue]
Check = Callable[[Any, Path, Issues], Any]


class _Missing:
    """Marks a key that is not there; JavaScript's `undefined`."""


MISSING = _Missing()


def kind(value: Any) -> str:
    """The JavaScript name of a value's type, as zod prints it."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "boolean"
    if isinstance(value, int | float):
        return "number"
    if isinstance(value, str):
        return "string"
    return "array" if isinstance(value, list) else "undefined" if value is MISSING else "object"


def _wrong_type(expected: str, value: Any, path: Path, issues: Issues) -> None:
    received = kind(value)
    zod3 = "Required" if value is MISSING else f"Expected {expected}, received {received}"
    issues.append(Issue(path, zod3, f"Invalid input: expected {expected}, received {received}"))


def text(*, least: int = 0, pattern: str = "") -> Check:
    """A string, of at least `least` characters, matching all of `pattern`."""
    compiled = re.compile(pattern) if pattern else None

    def check(value: Any, path: Path, issues: Issues) -> Any:
        if not isinstance(value, str):
            _wrong_type("string", value, path, issues)
        elif len(value) < least:
            few = f"String must contain at least {least} character(s)"
            issues.append(Issue(path, few, f"Too small: expected string to have >={least} characters"))
        elif compiled and not compiled.fullmatch(value):
            issues.append(Issue(path, "Invalid", f"Invalid string: must match pattern /{pattern}/"))
        return value

    return check


def non_empty() -> Check:
    """A string with at least one character that is not a space (`isNonEmptyString`)."""
    plain = text(least=1)

    def check(value: Any, path: Path, issues: Issues) -> Any:
        plain(value, path, issues)
        if isinstance(value, str) and value and not value.strip():
            issues.append(Issue(path, "No empty strings allowed", "No empty strings allowed"))
        return value

    return check


_UUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}", re.IGNORECASE)


def uuid(value: Any, path: Path, issues: Issues) -> Any:
    """A UUID of any version."""
    if not isinstance(value, str):
        _wrong_type("string", value, path, issues)
    elif not _UUID.fullmatch(value):
        issues.append(Issue(path, "Invalid uuid", "Invalid UUID"))
    return value


def boolean(value: Any, path: Path, issues: Issues) -> Any:
    """True or false."""
    if not isinstance(value, bool):
        _wrong_type("boolean", value, path, issues)
    return value


def integer(*, least: int | None = None, most: int | None = None) -> Check:
    """A whole number within limits."""

    def check(value: Any, path: Path, issues: Issues) -> Any:
        if isinstance(value, bool) or not isinstance(value, int | float):
            _wrong_type("number", value, path, issues)
        elif isinstance(value, float):
            issues.append(
                Issue(path, "Expected integer, received float", "Invalid input: expected int, received number")
            )
        elif least is not None and value < least:
            zod3 = f"Number must be greater than or equal to {least}"
            issues.append(Issue(path, zod3, f"Too small: expected number to be >={least}"))
        elif most is not None and value > most:
            zod3 = f"Number must be less than or equal to {most}"
            issues.append(Issue(path, zod3, f"Too big: expected number to be <={most}"))
        return value

    return check


def number(value: Any, path: Path, issues: Issues) -> Any:
    """Any number."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        _wrong_type("number", value, path, issues)
    return value


def one_of(*options: str) -> Check:
    """One of these strings; a single option is a zod literal."""
    allowed = frozenset(options)
    listed3, listed4 = " | ".join(f"'{option}'" for option in options), "|".join(f'"{option}"' for option in options)

    def check(value: Any, path: Path, issues: Issues) -> Any:
        if isinstance(value, str) and value in allowed:
            return value
        if len(options) == 1:
            literal = f'Invalid literal value, expected "{options[0]}"'
            issues.append(Issue(path, literal, f"Invalid input: expected {listed4}"))
        elif isinstance(value, str):
            zod3 = f"Invalid enum value. Expected {listed3}, received '{value}'"
            issues.append(Issue(path, zod3, f"Invalid option: expected one of {listed4}"))
        else:
            zod3 = "Required" if value is MISSING else f"Expected {listed3}, received {kind(value)}"
            issues.append(Issue(path, zod3, f"Invalid option: expected one of {listed4}"))
        return value

    return check


def anything(value: Any, _path: Path, _issues: Issues) -> Any:
    """Whatever is there, kept as it is."""
    return value


def record(value: Any, path: Path, issues: Issues) -> Any:
    """An object with any keys."""
    if not isinstance(value, dict):
        _wrong_type("object", value, path, issues)
    return value


def nullable(check_value: Check) -> Check:
    """The value, or null."""
    return lambda value, path, issues: None if value is None else check_value(value, path, issues)


def array(item: Check, *, least: int = 0, most: int | None = None) -> Check:
    """A list of `item`s."""

    def check(value: Any, path: Path, issues: Issues) -> Any:
        if not isinstance(value, list):
            _wrong_type("array", value, path, issues)
            return value
        if len(value) < least:
            few = f"Array must contain at least {least} element(s)"
            issues.append(Issue(path, few, f"Too small: expected array to have >={least} items"))
        if most is not None and len(value) > most:
            many = f"Array must contain at most {most} element(s)"
            issues.append(Issue(path, many, f"Too big: expected array to have <={most} items"))
        return [item(entry, (*path, index), issues) for index, entry in enumerate(value)]

    return check


def strings(*, least: int = 0, most: int | None = None) -> Check:
    """A list of strings; the common case is checked without a path per item."""
    slow = array(text(), least=least, most=most)

    def check(value: Any, path: Path, issues: Issues) -> Any:
        if isinstance(value, list) and len(value) >= least and (most is None or len(value) <= most):
            for entry in value:
                if entry.__class__ is not str:
                    break
            else:
                return value
        return slow(value, path, issues)

    return check


@dataclass(frozen=True, slots=True)
class Field:
    """One key of an object: its check, and whether it must be there."""

    check: Check
    required: bool = False


def need(check: Check) -> Field:
    """A key that must be there."""
    return Field(check, required=True)


def may(check: Check) -> Field:
    """A key that may be left out; null is not leaving out (facts.md section 1.7)."""
    return Field(check)


def obj(fields: Mapping[str, Field], *, strict: bool = False) -> Check:
    """An object with these keys; others are stripped, or refused where `strict`."""
    optional = {name: entry.check for name, entry in fields.items()}
    required = tuple((name, entry.check) for name, entry in fields.items() if entry.required)

    def check(value: Any, path: Path, issues: Issues) -> Any:
        if not isinstance(value, dict):
            _wrong_type("object", value, path, issues)
            return value
        for name, check_value in required:
            if name not in value:
                check_value(MISSING, (*path, name), issues)
        clean = {}
        unknown = []
        for name, entry in value.items():
            check_entry = optional.get(name)
            if check_entry is None:
                unknown.append(name)
            else:
                clean[name] = check_entry(entry, (*path, name), issues)
        if strict and unknown:
            listed = ", ".join(f"'{name}'" for name in unknown)
            quoted = ", ".join(f'"{name}"' for name in unknown)
            issues.append(Issue(path, f"Unrecognized key(s) in object: {listed}", f"Unrecognized keys: {quoted}"))
        return clean

    return check


def union(*members: Check) -> Check:
    """The first member that takes the value; where none does, the issues of all (union branches are flattened)."""

    def check(value: Any, path: Path, issues: Issues) -> Any:
        collected: Issues = []
        for member in members:
            found: Issues = []
            clean = member(value, path, found)
            if not found:
                return clean
            collected += found
        issues += collected
        return value

    return check


def discriminated(key: str, members: Mapping[str, Check]) -> Check:
    """A union told apart by one key."""
    listed3 = " | ".join(f"'{name}'" for name in members)

    def check(value: Any, path: Path, issues: Issues) -> Any:
        if not isinstance(value, dict):
            _wrong_type("object", value, path, issues)
            return value
        name = value.get(key)
        member = members.get(name) if isinstance(name, str) else None
        if member is None:
            zod3 = f"Invalid discriminator value. Expected {listed3}"
            issues.append(Issue((*path, key), zod3, "Invalid input"))
            return value
        return member(value, path, issues)

    return check


def render(issues: Sequence[Issue], version: Version) -> str:
    """The text of facts.md section 9.2, without its `[request body]: ` prefix."""
    zod4 = version.since(9, 4)
    shown = []
    for issue in issues[:5]:
        place = ".".join(map(str, issue.path))
        said = issue.zod4 if zod4 else issue.zod3
        shown.append(f"{place}: {said}" if place else said)
    if len(issues) > 5:
        shown.append(f"and {len(issues) - 5} more")
    return ", ".join(shown)
