"""
What each field may hold: every field of every rule type, judged by typed models.

    kinds      what a value may be           wording      what pydantic's core says, in our words
    models     a kind for each field         as_json      a kind as JSON Schema

They run for `validate` and for the rules that a plan would change, and import pydantic's core then and not before. They
judge and never rewrite: what is sent is the payload itself.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import cache
from typing import Any

from deployer.core.fields import FIELDS, IDENTITY
from deployer.core.flaw import Flaw
from deployer.core.shape.models import rule_model, validator
from deployer.core.suggestion import closest

__all__ = ["shape_flaws"]


def shape_flaws(content: Mapping[str, Any]) -> Iterator[Flaw]:
    """Yield what is wrong with the single fields of a payload: unknown, missing, of the wrong type or value."""
    rule_type = str(content["type"])
    known = _known(rule_type)
    unknown = content.keys() - known
    for name in unknown:
        yield _unknown(name, rule_type, known)
    yield from _invalid(rule_type, {name: content[name] for name in content.keys() & known} if unknown else content)


@cache
def _known(rule_type: str) -> frozenset[str]:
    return frozenset(name for name, row in FIELDS.items() if row.exists_for(rule_type)) | {IDENTITY}


def _unknown(name: str, rule_type: str, known: frozenset[str]) -> Flaw:
    if name in FIELDS:
        message = f"{name} does not exist for {rule_type} rules; Kibana drops it"
        return Flaw((name,), message, "not-for-type", "remove it")
    meant = closest(name, known)
    remedy = f'did you mean "{meant}"?' if meant else "Kibana would drop it; remove it, or put it under [metadata]"
    return Flaw((name,), f"there is no field {name}", "unknown-key", remedy)


def _invalid(rule_type: str, content: Mapping[str, Any]) -> Iterator[Flaw]:
    from pydantic_core import ValidationError

    try:
        validator(rule_type).validate_python(content, strict=True)
    except ValidationError as exc:
        from deployer.core.shape.wording import flaws

        yield from flaws(exc, rule_model(rule_type))
