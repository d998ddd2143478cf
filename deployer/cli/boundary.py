"""
What stands around every command: the global options, how help is laid out, and the one place that turns our errors into
a message, a hint and an exit code.
"""

from __future__ import annotations

import shlex
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer
import typer.core

from deployer.errors import DeployerError, ExitCode

if TYPE_CHECKING:
    from deployer.commands.console import Console
    from deployer.commands.workspace import Workspace


_EXAMPLES = ("Example: ", "Examples: ")


@dataclass
class Globals:
    """The global options, and whether the command was asked for JSON (errors then are JSON too)."""

    project: Path | None = None
    quiet: bool = False
    verbose: bool = False
    as_json: bool = False
    console: Console | None = None  # the one of this run, which knows whether a line is still moving


class Commands(typer.core.TyperGroup):
    """Commands whose examples stand in `--help` one a line, and that are listed with a whole sentence each."""

    def format_commands(self, ctx: Any, formatter: Any) -> None:
        """List the commands; a sentence that does not fit goes on in the next line."""
        found = [(name, self.get_command(ctx, name)) for name in self.list_commands(ctx)]
        with formatter.section("Commands"):
            formatter.write_dl([(name, _sentence(one.help or "")) for name, one in found if not one.hidden])

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        """Return a command with its examples laid out."""
        command = super().get_command(ctx, cmd_name)
        if command is not None:
            command.epilog = _laid_out(command.epilog or "")
        return command


def _sentence(text: str) -> str:
    """Return the first sentence, without its full stop."""
    return text.split("\n\n")[0].replace("\n", " ").split(". ")[0].rstrip(".")


def _laid_out(epilog: str) -> str:
    """Return `Examples: a; b` as lines that click leaves alone, anything else as it is."""
    if not epilog.startswith(_EXAMPLES):
        return epilog
    examples = epilog.partition(": ")[2].split("; ")
    return "\n  ".join(["\b\nExamples:", *examples])


class Boundary(Commands):
    """Turns our errors, and only ours, into a message, a hint and an exit code."""

    def invoke(self, ctx: Any) -> Any:
        """Run the command under the boundary."""
        try:
            return super().invoke(ctx)
        except DeployerError as error:
            _report(error, globals_of(ctx))
            raise typer.Exit(int(error.exit_code)) from error
        except KeyboardInterrupt:
            typer.echo("interrupted; nothing was sent", err=True)
            raise typer.Exit(int(ExitCode.INTERRUPTED)) from None


def _report(error: DeployerError, given: Globals) -> None:
    from deployer.adapters.surroundings import look_around
    from deployer.commands.console import Console
    from deployer.render.errors_text import error_text

    console = given.console or Console(look_around(), json=given.as_json)
    if given.project is not None and error.hint.startswith("deployer "):
        error.hint = f"deployer --project {shlex.quote(str(given.project))} {error.hint.removeprefix('deployer ')}"
    if given.as_json:
        from deployer.render.json_text import error_json

        console.document("error", error_json(error))
    console.complain(error_text(error, console.error_style))


def globals_of(ctx: Any) -> Globals:
    """Return the global options of a run."""
    return ctx.obj if isinstance(ctx.obj, Globals) else Globals()


def console_of(ctx: Any, as_json: bool) -> Console:
    """Return the console of this run, which the boundary then speaks through as well."""
    from deployer.adapters.surroundings import look_around
    from deployer.commands.console import Console

    given = globals_of(ctx)
    given.as_json = as_json
    given.console = Console(look_around(), json=as_json, quiet=given.quiet, verbose=given.verbose)
    return given.console


def workspace_of(ctx: Any, as_json: bool) -> Workspace:
    """Return the project that a command works on. Raises DeployerError where there is none."""
    from deployer.commands.workspace import open_workspace

    return open_workspace(console_of(ctx, as_json), globals_of(ctx).project)
