"""The commands and options that the program has, asked of the program itself; and a parse that runs nothing."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from typing import Any

import typer.core
import typer.main

from deployer.cli import app

ROOT: Any = typer.main.get_command(app)
_CONTEXT: Any = ROOT.make_context("deployer", ["doctor"])


class WrongUsageError(Exception):
    """What the program would answer with exit code 2."""


def _walk(command: Any, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], Any]]:
    yield path, command
    if is_group(command):
        for name in command.list_commands(_CONTEXT):
            yield from _walk(command.get_command(_CONTEXT, name), (*path, name))


def is_group(command: Any) -> bool:
    """Whether a command has commands."""
    return isinstance(command, typer.core.TyperGroup)


COMMANDS: dict[tuple[str, ...], Any] = dict(_walk(ROOT))
"""Every command by its path; `()` is the program."""


def options_of(path: tuple[str, ...]) -> set[str]:
    """Every spelling of every option of a command."""
    found = {"-h", "--help"}
    for option in COMMANDS[path].params:
        if option.param_type_name == "option":
            found |= {*option.opts, *option.secondary_opts}
    return found


def calls(line: str) -> list[list[str]]:
    """The calls of deployer in one line of a shell, without the program and without what the shell does with them."""
    found = []
    for part in re.split(r", then |\s(?:&&|\|\||\||;)\s|;\s|\$\(", line):
        words = _words(re.split(r"\s(?:2?>>?|<)\s?", part)[0])
        while words and re.fullmatch(r"[A-Z_]+=.*", words[0], re.DOTALL):  # NAME=value before the command
            words = words[1:]
        if words and words[0] in ("exec", "run:"):
            words = words[1:]
        if words and words[0] == "deployer":
            found.append(words[1:])
    return found


def _words(text: str) -> list[str]:
    try:
        return shlex.split(text, comments=True)
    except ValueError:  # an apostrophe of a sentence
        return text.split()


def parse(words: list[str]) -> None:
    """Parse a call completely. Raises WrongUsageError."""
    try:
        command, context = ROOT, ROOT.make_context("deployer", list(words))
        while is_group(command):
            rest = [*context._protected_args, *context.args]
            name, found, rest = command.resolve_command(context, rest)
            command, context = found, found.make_context(name, list(rest), parent=context)
    except Exception as error:
        if getattr(error, "exit_code", None) == 2:
            raise WrongUsageError(f"{' '.join(words)}: {getattr(error, 'message', '') or error}") from error
        raise


def unknown(words: list[str]) -> str:
    """
    What a call names that does not exist, "" for nothing. Unlike `parse` it takes a call that is not complete, such as
    `deployer plan` in a sentence.
    """
    path: tuple[str, ...] = ()
    skip = False
    for word in words:
        if skip:
            skip = False
        elif word.startswith("-") and len(word) > 1:
            name, equals, _ = word.partition("=")
            name = name.rstrip(".,:;)")
            if name not in options_of(path):
                return f"deployer {' '.join(path)} has no {name}"
            skip = not equals and _takes_value(path, name)
        elif is_group(COMMANDS[path]):
            if (*path, word) not in COMMANDS:
                return f"deployer {' '.join(path)} has no command {word}"
            path = (*path, word)
    return ""


def _takes_value(path: tuple[str, ...], name: str) -> bool:
    for option in COMMANDS[path].params:
        if option.param_type_name == "option" and name in (*option.opts, *option.secondary_opts):
            return not option.is_flag
    return False
