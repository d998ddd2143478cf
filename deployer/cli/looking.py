"""Commands that look: history, show, drift, status, report, doctor."""

from pathlib import Path
from typing import Annotated

import typer

from deployer.cli.app import app
from deployer.cli.boundary import workspace_of
from deployer.cli.options import (
    Envs,
    Json,
    env_option,
)


@app.command(
    epilog="Examples: deployer history -e prod --since 2026-08-01 --rule ID; deployer history -e prod --verify; "
    "deployer history -e prod --csv > events.csv"
)
def history(
    ctx: typer.Context,
    env: Envs,
    since: Annotated[str, typer.Option("--since", metavar="TIME", help="From this day or moment on, UTC.")] = "",
    until: Annotated[str, typer.Option("--until", metavar="TIME", help="Up to this day or moment.")] = "",
    rule: Annotated[str, typer.Option("--rule", metavar="ID", help="Only what concerns this rule.")] = "",
    csv: Annotated[bool, typer.Option("--csv", help="As CSV, with the sha256 of every event.")] = False,
    verify: Annotated[
        bool, typer.Option("--verify", help="Check the chain of events, every record and every document.")
    ] = False,
    json_: Json = False,
) -> None:
    """Show what was done to an environment, or tried on it: who, when, why."""
    from deployer.commands import history as command

    options = command.Options(tuple(env), since, until, rule, csv, verify)
    raise typer.Exit(command.history(workspace_of(ctx, json_), options))


@app.command(
    epilog="Examples: deployer show 61 -e prod; deployer show rule ID; deployer show --at 2026-08-27T02:30 -e prod"
)
def show(
    ctx: typer.Context,
    what: Annotated[list[str] | None, typer.Argument(metavar="N | rule ID", help="A deployment, or a rule.")] = None,
    env: Annotated[list[str] | None, env_option("Where to look; default: everywhere; repeats.")] = None,
    at: Annotated[str, typer.Option("--at", metavar="TIME", help="What ran at this moment.")] = "",
    json_: Json = False,
) -> None:
    """Show one deployment, the life of one rule, or what ran at a moment."""
    from deployer.commands import history as command

    raise typer.Exit(command.show(workspace_of(ctx, json_), tuple(env or ()), what or [], at))


@app.command(epilog="Examples: deployer drift -e prod; deployer drift -e 'eu-*' --detailed-exitcode --json")
def drift(
    ctx: typer.Context,
    env: Envs,
    detailed_exitcode: Annotated[bool, typer.Option(help="Exit 3 if something drifted.")] = False,
    json_: Json = False,
) -> None:
    """Show what was done in Kibana since the last deployment, field by field."""
    from deployer.commands import drift as command

    raise typer.Exit(command.show_drift(workspace_of(ctx, json_), tuple(env), detailed_exitcode=detailed_exitcode))


@app.command(epilog="Examples: deployer status -e dev -e prod; deployer status -e '*' --all --markdown")
def status(
    ctx: typer.Context,
    env: Envs,
    everything: Annotated[bool, typer.Option("--all", help="Also the rules with nothing to report.")] = False,
    markdown: Annotated[bool, typer.Option("--markdown", help="As a Markdown table.")] = False,
    json_: Json = False,
) -> None:
    """Show which rule is in which environment, and how it is doing there."""
    from deployer.commands import status as command

    raise typer.Exit(command.status(workspace_of(ctx, json_), command.Options(tuple(env), everything, markdown)))


@app.command(
    epilog="Examples: deployer report -e dev -e prod; deployer report -e prod -o prod.html --navigator layer.json; "
    "deployer report --catalogue RULES.md"
)
def report(
    ctx: typer.Context,
    env: Annotated[list[str] | None, env_option("The targets to look at; without any, only the repository.")] = None,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", metavar="FILE", help="The HTML page; default: report.html.")
    ] = None,
    navigator: Annotated[
        Path | None, typer.Option("--navigator", metavar="FILE", help="A layer for the ATT&CK Navigator.")
    ] = None,
    catalogue: Annotated[
        Path | None, typer.Option("--catalogue", metavar="FILE", help="Every rule in Markdown, by tactic.")
    ] = None,
    json_: Json = False,
) -> None:
    """Write one HTML page: what will change, what is only where, ATT&CK, health, age. Reads only."""
    from deployer.commands import report as command

    options = command.Options(tuple(env or ()), output, navigator, catalogue)
    raise typer.Exit(command.report(workspace_of(ctx, json_), options))


@app.command(epilog="Examples: deployer doctor -e prod; deployer doctor -e '*' --json")
def doctor(ctx: typer.Context, env: Envs, json_: Json = False) -> None:
    """Check reachability, version, privileges, user, space, clock and state store."""
    from deployer.commands import doctor as command

    raise typer.Exit(command.doctor(workspace_of(ctx, json_), tuple(env)))
