"""
The command line: options in, one call per command out, and the one place that turns errors into exit codes.

Nothing heavy is imported here: every command imports its own module when it runs, so that `--help` is instant.
"""

from __future__ import annotations

import gc
import io
import shlex
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
import typer.core

from deployer import __version__
from deployer.errors import DeployerError, ExitCode

if TYPE_CHECKING:
    from deployer.commands.console import Console
    from deployer.commands.workspace import Workspace


_EXAMPLES = ("Example: ", "Examples: ")


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
            _report(error, _globals(ctx))
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


@dataclass
class Globals:
    """The global options, and whether the command was asked for JSON (errors then are JSON too)."""

    project: Path | None = None
    quiet: bool = False
    verbose: bool = False
    as_json: bool = False
    console: Console | None = None  # the one of this run, which knows whether a line is still moving


def _version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"deployer {__version__}")
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


def _environments(ctx: typer.Context, incomplete: str) -> list[str]:
    """Complete names of environments."""
    from deployer.commands.completing import environments

    return environments(ctx.find_root().params.get("project"), incomplete)


def _one_of(*words: str) -> Callable[[str], list[str]]:
    """Complete one of a few words."""
    return lambda incomplete: [word for word in words if word.startswith(incomplete)]


Envs = Annotated[
    list[str],
    typer.Option(
        "--env",
        "-e",
        metavar="ENV[/SPACE]",
        autocompletion=_environments,
        help="The environment or target; repeats, takes globs.",
    ),
]
Only = Annotated[
    list[str] | None,
    typer.Option("--only", metavar="SELECTOR", help="Narrow to rules like id:…, tag:…, path:…; repeats."),
]
Json = Annotated[bool, typer.Option("--json", help="One JSON document on stdout.")]
Allow = Annotated[
    list[str] | None,
    typer.Option("--allow", metavar="WHAT=N", help="Pass a guard by naming its count: disable=12,recreate=1."),
]
Adopt = Annotated[bool, typer.Option("--adopt", help="Take over equal or different rules that have no marker.")]
Take = Annotated[
    str | None,
    typer.Option(
        "--take",
        metavar="git|live",
        autocompletion=_one_of("git", "live"),
        help="Who wins where both changed a field; with --only.",
    ),
]
Reason = Annotated[str, typer.Option("--reason", metavar="TEXT", help="Why; goes into history.")]
Yes = Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")]


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
        raise typer.Exit(from_detection_rules(_console(ctx, json_), theirs, name))
    from deployer.commands import init as command

    raise typer.Exit(command.init(_console(ctx, json_), folder, name))


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

    workspace = _workspace(ctx, json_ or "json" in (formats or ()))  # then errors are JSON too
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
    raise typer.Exit(command.format_files(_workspace(ctx, json_), options))


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
        raise typer.Exit(command.write_all(_workspace(ctx, False), write))
    raise typer.Exit(command.show(_console(ctx, False), str(kind)))


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

    workspace = _workspace(ctx, json_ or "json" in (formats or ()))  # then errors are JSON too
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
    env: Annotated[
        list[str] | None,
        typer.Option(
            "--env",
            "-e",
            metavar="ENV[/SPACE]",
            autocompletion=_environments,
            help="Plan this target, then apply; repeats, takes globs.",
        ),
    ] = None,
    only: Only = None,
    yes: Yes = False,
    expect: Annotated[
        str, typer.Option("--expect", metavar="DIGEST", help="Refuse any other plan than the one that was reviewed.")
    ] = "",
    allow: Allow = None,
    adopt: Adopt = False,
    take: Take = None,
    reason: Reason = "",
    wait: Annotated[str, typer.Option("--wait", metavar="TIME", help="Wait this long for a held lock: 5m.")] = "",
    recover_first: Annotated[
        bool, typer.Option("--recover", help="Undo an interrupted apply first, if there is one.")
    ] = False,
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
    raise typer.Exit(command.apply(_workspace(ctx, json_), options))


Space = Annotated[str, typer.Option("--space", metavar="SPACE", help="Only the targets in this space.")]
Rules = Annotated[
    list[str] | None,
    typer.Option("--rule", metavar="ID", help="An id, the first eight signs of one or more, or a name; repeats."),
]
Wait = Annotated[str, typer.Option("--wait", metavar="TIME", help="Wait this long for a held lock: 5m.")]
RecoverFirst = Annotated[bool, typer.Option("--recover", help="Undo an interrupted apply first, if there is one.")]


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
    raise typer.Exit(command.rollback(_workspace(ctx, json_), options))


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
    from deployer.commands.wishing import duration, wishes

    manner = Manner(yes, duration(wait, "--wait"), recover_first)
    allowed = wishes(None, allow, None, adopt=False).allow
    options = command.Options(tuple(env), tuple(rule or ()), (), disable, until, space, allowed, manner, reason)
    raise typer.Exit(command.hold(_workspace(ctx, json_), options))


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
    from deployer.commands.wishing import duration, wishes

    manner = Manner(yes, duration(wait, "--wait"), recover_first)
    allowed = wishes(None, allow, None, adopt=False).allow
    options = command.Options(
        tuple(env), tuple(rule or ()), tuple(holds or ()), space=space, allow=allowed, manner=manner, reason=reason
    )
    raise typer.Exit(command.release(_workspace(ctx, json_), options))


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
    raise typer.Exit(command.history(_workspace(ctx, json_), options))


@app.command(
    epilog="Examples: deployer show 61 -e prod; deployer show rule ID; deployer show --at 2026-08-27T02:30 -e prod"
)
def show(
    ctx: typer.Context,
    what: Annotated[list[str] | None, typer.Argument(metavar="N | rule ID", help="A deployment, or a rule.")] = None,
    env: Annotated[
        list[str] | None,
        typer.Option(
            "--env",
            "-e",
            metavar="ENV[/SPACE]",
            autocompletion=_environments,
            help="Where to look; default: everywhere; repeats.",
        ),
    ] = None,
    at: Annotated[str, typer.Option("--at", metavar="TIME", help="What ran at this moment.")] = "",
    json_: Json = False,
) -> None:
    """Show one deployment, the life of one rule, or what ran at a moment."""
    from deployer.commands import history as command

    raise typer.Exit(command.show(_workspace(ctx, json_), tuple(env or ()), what or [], at))


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
    raise typer.Exit(command.recover(_workspace(ctx, json_), options))


@app.command(epilog="Example: deployer unlock -e prod --reason 'the runner died'")
def unlock(ctx: typer.Context, env: Envs, yes: Yes = False, reason: Reason = "", json_: Json = False) -> None:
    """Free a lock that a dead run left behind, by recovering it."""
    from deployer.commands import recover as command

    options = command.Options(tuple(env), yes=yes, reason=reason, verb="unlock")
    raise typer.Exit(command.recover(_workspace(ctx, json_), options))


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

    raise typer.Exit(command.render(_workspace(ctx, json_), tuple(env), rule, ndjson=ndjson, resolve=resolve))


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
    raise typer.Exit(command.promote(_workspace(ctx, json_), options))


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
    raise typer.Exit(command.pull(_workspace(ctx, json_), options))


@app.command(epilog="Examples: deployer drift -e prod; deployer drift -e 'eu-*' --detailed-exitcode --json")
def drift(
    ctx: typer.Context,
    env: Envs,
    detailed_exitcode: Annotated[bool, typer.Option(help="Exit 3 if something drifted.")] = False,
    json_: Json = False,
) -> None:
    """Show what was done in Kibana since the last deployment, field by field."""
    from deployer.commands import drift as command

    raise typer.Exit(command.show_drift(_workspace(ctx, json_), tuple(env), detailed_exitcode=detailed_exitcode))


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

    raise typer.Exit(command.status(_workspace(ctx, json_), command.Options(tuple(env), everything, markdown)))


@app.command(
    epilog="Examples: deployer report -e dev -e prod; deployer report -e prod -o prod.html --navigator layer.json; "
    "deployer report --catalogue RULES.md"
)
def report(
    ctx: typer.Context,
    env: Annotated[
        list[str] | None,
        typer.Option(
            "--env",
            "-e",
            metavar="ENV[/SPACE]",
            autocompletion=_environments,
            help="The targets to look at; without any, only the repository.",
        ),
    ] = None,
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
    raise typer.Exit(command.report(_workspace(ctx, json_), options))


@app.command(epilog="Examples: deployer doctor -e prod; deployer doctor -e '*' --json")
def doctor(ctx: typer.Context, env: Envs, json_: Json = False) -> None:
    """Check reachability, version, privileges, user, space, clock and state store."""
    from deployer.commands import doctor as command

    raise typer.Exit(command.doctor(_workspace(ctx, json_), tuple(env)))


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
    raise typer.Exit(command.serve(_console(ctx, False), _globals(ctx).project, options))


@sandbox.command("reset", epilog="Example: deployer sandbox reset -e sandbox --yes")
def sandbox_reset(
    ctx: typer.Context,
    env: Annotated[
        str,
        typer.Option(
            "--env", "-e", metavar="ENV", autocompletion=_environments, help="The sandbox environment to empty."
        ),
    ] = "sandbox",
    yes: Yes = False,
    json_: Json = False,
) -> None:
    """Empty the sandbox of an environment: its rules and its deployments."""
    from deployer.commands import sandbox as command

    raise typer.Exit(command.reset(_workspace(ctx, json_), env, yes=yes))


@sandbox.command("seed", epilog="Example: deployer sandbox seed exports/ -e sandbox")
def sandbox_seed(
    ctx: typer.Context,
    source: Annotated[Path, typer.Argument(metavar="FOLDER|NDJSON", help="An export of Kibana, or a folder of them.")],
    env: Annotated[
        str,
        typer.Option(
            "--env", "-e", metavar="ENV[/SPACE]", autocompletion=_environments, help="The sandbox environment to fill."
        ),
    ] = "sandbox",
    json_: Json = False,
) -> None:
    """Load exported rules, prebuilt ones included, exception lists and connectors into a sandbox."""
    from deployer.commands import sandbox as command

    raise typer.Exit(command.seed(_workspace(ctx, json_), env, source))


@sandbox.command(
    "edit", epilog='Example: deployer sandbox edit -e sandbox "Suspicious login" severity=high tags+=tuned'
)
def sandbox_edit(
    ctx: typer.Context,
    rule: Annotated[str, typer.Argument(help="Its rule_id or name.")],
    assignments: Annotated[
        list[str], typer.Argument(metavar="KEY=VALUE...", help="JSON or plain text; += and -= change a list.")
    ],
    env: Annotated[
        str,
        typer.Option(
            "--env",
            "-e",
            metavar="ENV[/SPACE]",
            autocompletion=_environments,
            help="The sandbox environment to edit in.",
        ),
    ] = "sandbox",
    user: Annotated[str, typer.Option("--as", metavar="USER", help="The analyst: soc-day or soc-night.")] = "soc-day",
    json_: Json = False,
) -> None:
    """Change a rule in a sandbox as an analyst would in Kibana, to see what plan and drift say of it."""
    from deployer.commands import sandbox as command

    raise typer.Exit(command.edit(_workspace(ctx, json_), env, rule, tuple(assignments), user))


def _globals(ctx: Any) -> Globals:
    return ctx.obj if isinstance(ctx.obj, Globals) else Globals()


def _console(ctx: Any, as_json: bool) -> Console:
    from deployer.adapters.surroundings import look_around
    from deployer.commands.console import Console

    given = _globals(ctx)
    given.as_json = as_json
    given.console = Console(look_around(), json=as_json, quiet=given.quiet, verbose=given.verbose)
    return given.console


def _workspace(ctx: Any, as_json: bool) -> Workspace:
    from deployer.commands.workspace import open_workspace

    return open_workspace(_console(ctx, as_json), _globals(ctx).project)


def main() -> None:
    """
    Run the program. A bug is one sentence without `--verbose`: a traceback helps nobody at 3 a.m., and may hold keys.
    """
    # A run builds thousands of rules and drops next to nothing in cycles: the usual threshold of 700 objects has them
    # all looked at again and again, a tenth of the time of `plan` (docs/performance.md).
    gc.set_threshold(100_000, 20, 20)
    for stream in (sys.stdout, sys.stderr):  # what is not spelled out for an old code page is escaped, never an error
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")
    try:
        app()
    except BrokenPipeError:
        sys.exit(int(ExitCode.ERROR))
    except Exception as bug:
        if {"--verbose", "-v"} & set(sys.argv):
            raise
        frame = bug.__traceback__
        while frame is not None and frame.tb_next is not None:
            frame = frame.tb_next
        where = f"{Path(frame.tb_frame.f_code.co_filename).name}:{frame.tb_lineno}" if frame else "?"
        typer.echo(f"bug in deployer {__version__}: {type(bug).__name__} at {where}; please report it", err=True)
        typer.echo("hint: deployer --verbose … shows the traceback; deployer doctor -e ENV shows the state", err=True)
        sys.exit(int(ExitCode.ERROR))


if __name__ == "__main__":
    main()
