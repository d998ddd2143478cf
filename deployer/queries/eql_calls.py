"""Calls of EQL functions: whether the function exists, and whether its arguments fit."""

from __future__ import annotations

from typing import NamedTuple

from deployer.queries.eql_functions import ANY, ENDGAME, FUNCTIONS, NULL, STRING, Function, wanted
from deployer.queries.findings import Notes, shortened
from deployer.queries.spelling import did_you_mean


class Operand(NamedTuple):
    """What is known of a value: its type (ANY until the mapping is known), and whether a field is involved."""

    type: str
    has_field: bool


class Argument(NamedTuple):
    """One argument of a call, and where it is in the text."""

    operand: Operand
    start: int
    end: int


def check_call(notes: Notes, start: int, end: int, arguments: list[Argument]) -> Function | None:
    """Note what is wrong with a call whose name is at `start` to `end`. Return the function, None if there is none."""
    written = notes.text[start:end]
    name = written.rstrip("~")
    function = FUNCTIONS.get(name.lower())
    if function is None:
        remedy = ENDGAME.get(name.lower())
        hint = f"; {remedy}" if remedy else did_you_mean(name, [entry.name for entry in FUNCTIONS.values()])
        notes.error(start, end, f"EQL has no function `{name}`{hint}", "eql-unknown-function")
        return None
    if written.endswith("~") and not function.folds:
        notes.error(start, end, f"`{name}` has no form with `~`: case means nothing to it", "eql-case-insensitive")
    count = len(arguments)
    if count < function.required or (count > len(function.takes) and not function.more):
        notes.error(start, end, f"`{function.name}` takes {wanted(function)}, and here are {count}", "eql-arity")
    else:
        _check_types(notes, function, arguments)
    return function


def _check_types(notes: Notes, function: Function, arguments: list[Argument]) -> None:
    for place, argument in enumerate(arguments):
        due = function.takes[min(place, len(function.takes) - 1)]
        given = argument.operand.type
        if due and given not in (due, ANY, NULL):
            message = f"argument {place + 1} of `{function.name}` is a {due}, and this is a {given}"
            notes.error(argument.start, argument.end, message, "eql-argument-type")
        elif place and function.name == "cidrMatch" and given == STRING and not argument.operand.has_field:
            _check_block(notes, argument)


def _check_block(notes: Notes, argument: Argument) -> None:
    """Note a string that is no CIDR block; only a plain string is looked at."""
    block = notes.text[argument.start : argument.end].strip('"')
    if not _is_cidr(block):
        message = f"`{shortened(block)}` is no IP address or CIDR block (`10.0.0.0/8`, `fe80::/10`)"
        notes.error(argument.start, argument.end, message, "eql-cidr")


def _is_cidr(block: str) -> bool:
    """Say whether this is `address/prefix`, or an address alone, which rules use for a block of one."""
    from ipaddress import ip_network

    _, slash, prefix = block.partition("/")
    if slash and not (prefix.isascii() and prefix.isdigit()):  # a netmask is fine for Python, not for Elasticsearch
        return False
    try:
        ip_network(block, strict=False)
    except ValueError:
        return False
    return True
