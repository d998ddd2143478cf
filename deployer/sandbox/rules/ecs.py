"""Types of ECS fields, for `required_fields[].ecs` (facts.md section 2.4). Extended in its own commit."""

from __future__ import annotations


def field_type(name: str) -> str | None:
    """The ECS type of a field, None for a field that ECS does not have."""
    return _TYPES.get(name)


_TYPES: dict[str, str] = {}
