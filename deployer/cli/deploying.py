"""Commands that change an environment, and plan, which says what they would do."""

from pathlib import Path
from typing import Annotated

import typer

from deployer.cli.app import app
from deployer.cli.boundary import workspace_of
from deployer.cli.options import (
    Adopt,
    Allow,
    Envs,
    Json,
    Only,
    Reason,
    RecoverFirst,
    Rules,
    Space,
    Take,
    Wait,
    Yes,
    env_option,
)


@app.command(
    epilog="Examples: deployer plan -e prod; deployer plan -e prod -o plan.json --detailed-exitcode; "
    "deployer plan -e prod --base origin/main; "
    "deployer plan -e dev -e prod --format markdown=comment.md --format html=plan.html"
)
def plan(
    ctx: typer.Context,
    env: Envs,
    only: Only = None,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", metavar="FILE", help="Save the plan that apply takes.")
    ] = None,
    base: Annotated[
        str, typer.Option("--base", metavar="REF", help="Set apart what this branch adds to this git revision.")
    ] = "",
    detailed_exitcode: Annotated[bool, typer.Option(help="Exit 3 if apply would change something.")] = False,
    formats: Annotated[
        list[str] | None,
        typer.Option(
            "--format",
            metavar="KIND[=FILE]",
            help="text, json, markdown, html, junit, github, gitlab or gitlab-terraform; with =FILE repeats.",
        ),
    ] = None,
    allow: Allow = None,
    adopt: Adopt = False,
    take: Take = None,
    reason: Reason = "",
    json_: Json = False,
) -> None:
    """Show what apply would change. Writes nothing to Kibana."""
    from deployer.commands import plan as command
    from deployer.commands.plan_outputs import KINDS
    from deployer.commands.reporting import parse_outputs
    from deployer.commands.wishing import wishes

    workspace = workspace_of(ctx, json_ or "json" in (formats or ()))  # then errors are JSON too
    asked = wishes(only, allow, take, adopt=adopt)
    outputs = parse_outputs(formats or [], as_json=json_, kinds=KINDS)
    options = command.Options(tuple(env), asked, output, detailed_exitcode, reason, base, outputs)
    raise typer.Exit(command.plan(workspace, options))


@app.command(
    epilog="Examples: deployer apply -e dev --yes; deployer apply plan.json; deployer apply -e prod --expect DIGEST"
)
def apply(
    ctx: typer.Context,
    plan_file: Annotated[Path | None, typer.Argument(help="A plan saved by plan -o; it needs no work tree.")] = None,
    env: Annotated[list[str] | None, env_option("Plan this target, then apply; repeats, takes globs.")] = None,
    only: Only = None,
    yes: Yes = False,
    expect: Annotated[
        str, typer.Option("--expect", metavar="DIGEST", help="Refuse any other plan than the one that was reviewed.")
    ] = "",
    allow: Allow = None,
    adopt: Adopt = False,
    take: Take = None,
    reason: Reason = "",
    wait: Wait = "",
    recover_first: RecoverFirst = False,
    fail_fast: Annotated[
        bool, typer.Option("--fail-fast", help="Of several targets: stop at the first that fails.")
    ] = False,
    json_: Json = False,
) -> None:
    """Carry out a plan as one journaled transaction, verified by reading, undone if it fails."""
    from deployer.commands import apply as command
    from deployer.commands.wishing import duration, wishes

    asked = wishes(only, allow, take, adopt=adopt)
    options = command.Options(
        plan_file, tuple(env or ()), asked, yes, expect, reason, duration(wait, "--wait"), recover_first, fail_fast
    )
    raise typer.Exit(command.apply(workspace_of(ctx, json_), options))


@app.command(epilog="Examples: deployer promote --from dev --to prod; deployer promote --to prod --only id:… --dry-run")
def promote(
    ctx: typer.Context,
    to: Annotated[str, typer.Option("--to", metavar="ENV", help="The environment whose lock file is written.")],
    source: Annotated[
        str,
        typer.Option("--from", metavar="ENV", help="Where rules proved themselves; default: what [promotion] says."),
    ] = "",
    only: Only = None,
    waive: Annotated[
        list[str] | None,
        typer.Option("--waive", metavar="GATE", help="Waive soak or healthy, with --only and --reason."),
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Judge the gates, write nothing.")] = False,
    reason: Reason = "",
    json_: Json = False,
) -> None:
    """Pin in the lock file what proved itself in another environment. Writes nothing to Kibana."""
    from deployer.commands import promote as command
    from deployer.commands.wishing import gates, wishes

    asked = wishes(only, None, None, adopt=False)
    options = command.Options(source, to, asked.only, gates(waive or ()), reason, dry_run)
    raise typer.Exit(command.promote(workspace_of(ctx, json_), options))


@app.command(
    epilog='Examples: deployer rollback -e prod --rule "Bad Rule" --reason INC-1; deployer rollback -e prod --to 44'
)
def rollback(
    ctx: typer.Context,
    env: Envs,
    rule: Rules = None,
    to: Annotated[int | None, typer.Option("--to", metavar="N", help="Back to deployment N.")] = None,
    steps: Annotated[int, typer.Option("--steps", metavar="N", help="So many changes back.")] = 1,
    space: Space = "",
    allow: Allow = None,
    take: Annotated[
        str | None,
        typer.Option("--take", metavar="git|live", help="Who wins where git and Kibana changed a field; with --rule."),
    ] = None,
    reason: Reason = "",
    yes: Yes = False,
    wait: Wait = "",
    recover_first: RecoverFirst = False,
    json_: Json = False,
) -> None:
    """Bring a rule, or everything, back to what ran before, and keep it there until git behaves differently."""
    from deployer.commands import rollback as command
    from deployer.commands.deploying import Manner
    from deployer.commands.wishing import duration, wishes

    asked = wishes(rule and ["*"], allow, take, adopt=False)
    manner = Manner(yes, duration(wait, "--wait"), recover_first)
    options = command.Options(tuple(env), tuple(rule or ()), to, steps, space, asked.allow, asked.take, manner, reason)
    raise typer.Exit(command.rollback(workspace_of(ctx, json_), options))


@app.command(
    epilog="Examples: deployer hold -e prod --rule 7c3d5a10 --disable --reason INC-1; "
    "deployer hold -e prod --rule ID --until 2026-12-31"
)
def hold(
    ctx: typer.Context,
    env: Envs,
    rule: Rules = None,
    disable: Annotated[bool, typer.Option("--disable", help="Switch it off, too.")] = False,
    until: Annotated[str, typer.Option("--until", metavar="DATE", help="The last day on which it holds.")] = "",
    space: Space = "",
    allow: Allow = None,
    reason: Reason = "",
    yes: Yes = False,
    wait: Wait = "",
    recover_first: RecoverFirst = False,
    json_: Json = False,
) -> None:
    """Keep a rule as it runs, or off, whatever git says, until it is released."""
    from deployer.commands import hold as command
    from deployer.commands.deploying import Manner
    from deployer.commands.wishing import allowances, duration

    manner = Manner(yes, duration(wait, "--wait"), recover_first)
    allowed = allowances(allow)
    options = command.Options(tuple(env), tuple(rule or ()), (), disable, until, space, allowed, manner, reason)
    raise typer.Exit(command.hold(workspace_of(ctx, json_), options))


@app.command(epilog="Examples: deployer release -e prod H61 --reason fixed; deployer release -e prod --rule ID")
def release(
    ctx: typer.Context,
    env: Envs,
    holds: Annotated[list[str] | None, typer.Argument(metavar="HOLD", help="Holds as a plan names them: H61.")] = None,
    rule: Rules = None,
    space: Space = "",
    allow: Allow = None,
    reason: Reason = "",
    yes: Yes = False,
    wait: Wait = "",
    recover_first: RecoverFirst = False,
    json_: Json = False,
) -> None:
    """End a hold. A rule that it switched off goes on again; what git has is deployed by the next apply."""
    from deployer.commands import hold as command
    from deployer.commands.deploying import Manner
    from deployer.commands.wishing import allowances, duration

    manner = Manner(yes, duration(wait, "--wait"), recover_first)
    allowed = allowances(allow)
    options = command.Options(
        tuple(env), tuple(rule or ()), tuple(holds or ()), space=space, allow=allowed, manner=manner, reason=reason
    )
    raise typer.Exit(command.release(workspace_of(ctx, json_), options))


@app.command(
    epilog="Examples: deployer recover -e prod; deployer recover -e prod --resume; "
    'deployer recover -e prod --accept-live --rule 7c3d5a10 --reason "looked at it"'
)
def recover(
    ctx: typer.Context,
    env: Envs,
    resume: Annotated[bool, typer.Option("--resume", help="Finish it, instead of undoing it.")] = False,
    accept_live: Annotated[bool, typer.Option("--accept-live", help="Sign off what is live as it is.")] = False,
    force_undo: Annotated[bool, typer.Option("--force-undo", help="Undo over an edit that was kept.")] = False,
    rule: Annotated[
        list[str] | None,
        typer.Option("--rule", metavar="ID", help="Narrow --accept-live or --force-undo; repeats."),
    ] = None,
    yes: Yes = False,
    reason: Reason = "",
    json_: Json = False,
) -> None:
    """Finish or undo an interrupted apply."""
    from deployer.commands import recover as command

    options = command.Options(tuple(env), resume, accept_live, force_undo, tuple(rule or ()), yes, reason)
    raise typer.Exit(command.recover(workspace_of(ctx, json_), options))


@app.command(epilog="Example: deployer unlock -e prod --reason 'the runner died'")
def unlock(ctx: typer.Context, env: Envs, yes: Yes = False, reason: Reason = "", json_: Json = False) -> None:
    """Free a lock that a dead run left behind, by recovering it."""
    from deployer.commands import recover as command

    options = command.Options(tuple(env), yes=yes, reason=reason, verb="unlock")
    raise typer.Exit(command.recover(workspace_of(ctx, json_), options))
