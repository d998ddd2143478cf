"""Validators of query parameters, which arrive as text; see `schema`."""

from __future__ import annotations

import re
from typing import Any

from deployer.sandbox.schema import Check, Issue, Issues, Path, integer


def query_integer(*, least: int | None = None) -> Check:
    """A whole number written as text (`z.coerce.number().int()`)."""
    check_number = integer(least=least)

    def check(value: Any, path: Path, issues: Issues) -> Any:
        if isinstance(value, str) and re.fullmatch(r"\s*[+-]?\d{1,15}\s*", value):
            return check_number(int(value), path, issues)
        if isinstance(value, str) and re.fullmatch(r"\s*[+-]?\d+(\.\d+)?\s*", value):
            return check_number(float(value), path, issues)
        if value == "":
            return check_number(0, path, issues)
        issues.append(Issue(path, "Expected number, received nan", "Invalid input: expected number, received NaN"))
        return value

    return check


def query_boolean(value: Any, path: Path, issues: Issues) -> Any:
    """`true` or `false` written as text (`BooleanFromString`)."""
    if value in ("true", "false"):
        return value == "true"
    zod3 = f"Invalid enum value. Expected 'true' | 'false', received '{value}'"
    issues.append(Issue(path, zod3, 'Invalid option: expected one of "true"|"false"'))
    return value


def query_list(item: Check, *, commas: bool = False) -> Check:
    """One or several values, always read as a list (`ArrayFromString` splits at commas)."""

    def check(value: Any, path: Path, issues: Issues) -> Any:
        if isinstance(value, str):
            value = [value] if not commas else value.split(",") if value else []
        elif not isinstance(value, list):
            return item(value, path, issues)
        values = value
        return [item(entry, (*path, index), issues) for index, entry in enumerate(values)]

    return check
