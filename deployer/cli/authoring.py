"""Commands about the files of a project: init, validate, format, schema, render, pull."""

from pathlib import Path
from typing import Annotated

import typer

from deployer.cli.app import app
from deployer.cli.boundary import console_of, workspace_of
from deployer.cli.options import (
    Envs,
    Json,
    Only,
)


@app.command(epilog="Example: deployer init my-detections && cd my-detections && deployer plan -e sandbox")
def init(
    ctx: typer.Context,
    folder: Annotated[Path, typer.Argument(help="Where; it may exist, nothing in it is overwritten.")] = Path(),
    name: Annotated[str | None, typer.Option("--name", help="The project's name; default: the folder's.")] = None,
    theirs: Annotated[
        Path | None,
        typer.Option(
            "--from-detection-rules", metavar="DIR", help="Make a project of a repository with a _config.yaml."
        ),
    ] = None,
    json_: Json = False,
) -> None:
    """Scaffold a project that runs at once against the sandbox, or take over one of detection-rules' CLI."""
    if theirs is not None:
        from deployer.commands.migrating import from_detection_rules
        from deployer.errors import UsageError

        if folder not in (Path(), theirs):
            raise UsageError("two folders", hint="--from-detection-rules DIR writes into DIR: name that one alone")
        raise typer.Exit(from_detection_rules(console_of(ctx, json_), theirs, name))
    from deployer.commands import init as command

    raise typer.Exit(command.init(console_of(ctx, json_), folder, name))


@app.command(
    epilog="Examples: deployer validate; deployer validate rules/aws/x.toml; "
    "deployer validate --format github --format sarif=validate.sarif"
)
def validate(
    ctx: typer.Context,
    paths: Annotated[
        list[Path] | None, typer.Argument(help="Files to check alone; default: every file of the project.")
    ] = None,
    changed_since: Annotated[
        str | None, typer.Option(metavar="REF", help="Only the files changed since HEAD left this git revision.")
    ] = None,
    formats: Annotated[
        list[str] | None,
        typer.Option(
            "--format", metavar="KIND[=FILE]", help="text, json, junit, sarif, github or gitlab; with =FILE repeats."
        ),
    ] = None,
    json_: Json = False,
) -> None:
    """Find every problem in every file, with line and column. Exits 1 if anything is an error."""
    from deployer.commands import validate as command
    from deployer.commands.reporting import parse_outputs

    workspace = workspace_of(ctx, json_ or "json" in (formats or ()))  # then errors are JSON too
    outputs = parse_outputs(formats or [], as_json=json_)
    raise typer.Exit(command.validate(workspace, paths or [], outputs, changed_since))


@app.command(
    "format", epilog="Examples: deployer format; deployer format rules/aws/x.toml; deployer format --check --diff"
)
def format_(
    ctx: typer.Context,
    paths: Annotated[list[Path] | None, typer.Argument(help="TOML files; default: every one of the project.")] = None,
    check: Annotated[bool, typer.Option("--check", help="Write nothing; exit 1 if a file would change.")] = False,
    diff: Annotated[bool, typer.Option("--diff", help="Write nothing; show what would change, exit 1 if so.")] = False,
    json_: Json = False,
) -> None:
    """Lay out TOML files in one way. Data, comments and the order of keys stay as they are."""
    from deployer.commands import format as command

    options = command.Options(tuple(paths or ()), check, diff)
    raise typer.Exit(command.format_files(workspace_of(ctx, json_), options))


@app.command(epilog="Examples: deployer schema rule > rule.schema.json; deployer schema --write .schemas")
def schema(
    ctx: typer.Context,
    kind: Annotated[
        str | None, typer.Argument(help="rule, environment, project, exceptions, prebuilt, or plan.", metavar="KIND")
    ] = None,
    write: Annotated[
        Path | None, typer.Option("--write", metavar="DIR", help="Write all of them, and print what Taplo needs.")
    ] = None,
) -> None:
    """Print the JSON Schema of a file that people write, for editors, or of what plan --json prints."""
    from deployer.commands import schema as command
    from deployer.errors import UsageError

    if (kind is None) == (write is None):
        raise UsageError(
            "schema needs one of KIND and --write DIR",
            hint=f"kinds are {', '.join([*command.KINDS, *command.WRITTEN])}",
        )
    if write:
        raise typer.Exit(command.write_all(workspace_of(ctx, False), write))
    raise typer.Exit(command.show(console_of(ctx, False), str(kind)))


@app.command(
    epilog="Examples: deployer render rules/aws/x.toml -e prod; deployer render -e prod --ndjson > rules.ndjson"
)
def render(
    ctx: typer.Context,
    env: Envs,
    rule: Annotated[str | None, typer.Argument(help="A file, a rule_id or a name.")] = None,
    ndjson: Annotated[
        bool, typer.Option("--ndjson", help="Every payload, one per line, as Kibana's import takes it.")
    ] = False,
    resolve: Annotated[bool, typer.Option("--resolve", help="Ask Kibana for the ids of connectors and lists.")] = False,
    json_: Json = False,
) -> None:
    """Show the payload of a rule, and where each value came from."""
    from deployer.commands import render as command

    raise typer.Exit(command.render(workspace_of(ctx, json_), tuple(env), rule, ndjson=ndjson, resolve=resolve))


@app.command(
    epilog="Examples: deployer pull -e prod; deployer pull -e prod --only id:… --diff; "
    "deployer pull -e prod --from rules_export.ndjson"
)
def pull(
    ctx: typer.Context,
    env: Envs,
    only: Only = None,
    source: Annotated[
        Path | None, typer.Option("--from", metavar="FILE", help="Read an NDJSON export in place of Kibana.")
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Write nothing; name what would change.")] = False,
    diff: Annotated[bool, typer.Option("--diff", help="Write nothing; show what would change, line by line.")] = False,
    prebuilt: Annotated[
        bool, typer.Option("--prebuilt", help="Also what is set on Elastic's own rules, into prebuilt/.")
    ] = False,
    json_: Json = False,
) -> None:
    """Bring rules and lists of Kibana into files. Writes nothing to Kibana."""
    from deployer.commands import pull as command
    from deployer.commands.wishing import wishes

    asked = wishes(only, None, None, adopt=False)
    options = command.Options(tuple(env), asked.only, source, dry_run, diff, prebuilt)
    raise typer.Exit(command.pull(workspace_of(ctx, json_), options))
