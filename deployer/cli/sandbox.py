"""The commands of `deployer sandbox`."""

from pathlib import Path
from typing import Annotated

import typer

from deployer.cli.app import sandbox
from deployer.cli.boundary import console_of, globals_of, workspace_of
from deployer.cli.options import (
    Json,
    Yes,
    env_option,
)


@sandbox.command(
    "serve",
    epilog="Examples: deployer sandbox serve; deployer sandbox serve --port 0 --stack-version 9.5; "
    "deployer sandbox serve --latency-ms 50 --fault busy:times=3",
)
def sandbox_serve(
    ctx: typer.Context,
    port: Annotated[int, typer.Option(help="0 picks a free one.")] = 5601,
    data: Annotated[
        Path | None, typer.Option(metavar="PATH", help="Its state; default: .deployer/sandbox/serve.sqlite3.")
    ] = None,
    host: Annotated[str, typer.Option(help="Stays on loopback unless told otherwise.")] = "127.0.0.1",
    stack_version: Annotated[str, typer.Option(help="8.19, 9.0, 9.3 or 9.5.")] = "9.3",
    latency_ms: Annotated[float, typer.Option(help="Added to every request.")] = 0,
    rule_cost_ms: Annotated[float, typer.Option(help="Added for every rule written.")] = 0,
    refresh_ms: Annotated[float, typer.Option(help="How long a search may be behind.")] = 0,
    fault: Annotated[
        list[str] | None, typer.Option(metavar="SPEC", help="Break something on purpose; repeats.")
    ] = None,
) -> None:
    """Serve the sandbox in the foreground."""
    from deployer.commands import sandbox as command

    options = command.Options(data, host, port, stack_version, latency_ms, rule_cost_ms, refresh_ms, tuple(fault or ()))
    raise typer.Exit(command.serve(console_of(ctx, False), globals_of(ctx).project, options))


@sandbox.command("reset", epilog="Example: deployer sandbox reset -e sandbox --yes")
def sandbox_reset(
    ctx: typer.Context,
    env: Annotated[str, env_option("The sandbox environment to empty.", "ENV")] = "sandbox",
    yes: Yes = False,
    json_: Json = False,
) -> None:
    """Empty the sandbox of an environment: its rules and its deployments."""
    from deployer.commands import sandbox as command

    raise typer.Exit(command.reset(workspace_of(ctx, json_), env, yes=yes))


@sandbox.command("seed", epilog="Example: deployer sandbox seed exports/ -e sandbox")
def sandbox_seed(
    ctx: typer.Context,
    source: Annotated[Path, typer.Argument(metavar="FOLDER|NDJSON", help="An export of Kibana, or a folder of them.")],
    env: Annotated[str, env_option("The sandbox environment to fill.")] = "sandbox",
    json_: Json = False,
) -> None:
    """Load exported rules, prebuilt ones included, exception lists and connectors into a sandbox."""
    from deployer.commands import sandbox as command

    raise typer.Exit(command.seed(workspace_of(ctx, json_), env, source))


@sandbox.command(
    "edit", epilog='Example: deployer sandbox edit -e sandbox "Suspicious login" severity=high tags+=tuned'
)
def sandbox_edit(
    ctx: typer.Context,
    rule: Annotated[str, typer.Argument(help="Its rule_id or name.")],
    assignments: Annotated[
        list[str], typer.Argument(metavar="KEY=VALUE...", help="JSON or plain text; += and -= change a list.")
    ],
    env: Annotated[str, env_option("The sandbox environment to edit in.")] = "sandbox",
    user: Annotated[str, typer.Option("--as", metavar="USER", help="The analyst: soc-day or soc-night.")] = "soc-day",
    json_: Json = False,
) -> None:
    """Change a rule in a sandbox as an analyst would in Kibana, to see what plan and drift say of it."""
    from deployer.commands import sandbox as command

    raise typer.Exit(command.edit(workspace_of(ctx, json_), env, rule, tuple(assignments), user))
