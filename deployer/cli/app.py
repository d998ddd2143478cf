"""
The program: its name, its global options, and the groups that commands register with.

Modules that define commands do without `from __future__ import annotations`: typer reads the annotations of every
command at every start, and as texts it would have to compile each of them, which takes 15 ms.
"""

from pathlib import Path
from typing import Annotated

import typer

from deployer import PROGRAM
from deployer.cli.boundary import Boundary, Commands, Globals

app = typer.Typer(
    name="deployer",
    cls=Boundary,
    help="Rules-as-code deployment for Kibana: plan, apply, promote and roll back detection rules.",
    no_args_is_help=True,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    pretty_exceptions_show_locals=False,  # locals hold API keys
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    epilog="Start: deployer init, then deployer plan -e sandbox. Documentation: docs/",
)
sandbox = typer.Typer(
    cls=Commands,
    help="The embedded Kibana stand-in: serve it, fill it, edit in it, empty it.",
    epilog="Examples: deployer sandbox serve; deployer sandbox seed exports/ -e sandbox",
    no_args_is_help=True,
    rich_markup_mode=None,
)
app.add_typer(sandbox, name="sandbox")


def _version(wanted: bool) -> None:
    if wanted:
        typer.echo(PROGRAM)
        raise typer.Exit


@app.callback()
def main_options(
    ctx: typer.Context,
    project: Annotated[
        Path | None, typer.Option("--project", metavar="DIR", help="The project's folder; default: the one above here.")
    ] = None,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="No progress, no notes.")] = False,
    verbose: Annotated[bool, typer.Option("--verbose", "-v", help="Everything in full.")] = False,
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version and stop.")
    ] = False,
) -> None:
    """Hold the global options."""
    del version  # its callback has printed it and stopped
    ctx.obj = Globals(project, quiet, verbose)
