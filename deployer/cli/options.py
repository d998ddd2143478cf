"""Options that several commands share, and how the shell completes them."""

from collections.abc import Callable
from typing import Annotated, Any

import typer


def environments(ctx: typer.Context, incomplete: str) -> list[str]:
    """Complete names of environments."""
    from deployer.commands.completing import environments

    return environments(ctx.find_root().params.get("project"), incomplete)


def one_of(*words: str) -> Callable[[str], list[str]]:
    """Complete one of a few words."""
    return lambda incomplete: [word for word in words if word.startswith(incomplete)]


def env_option(words: str, metavar: str = "ENV[/SPACE]") -> Any:
    """Return the option that names environments or targets, with what it means to the command."""
    return typer.Option("--env", "-e", metavar=metavar, autocompletion=environments, help=words)


Envs = Annotated[list[str], env_option("The environment or target; repeats, takes globs.")]
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
        autocompletion=one_of("git", "live"),
        help="Who wins where both changed a field; with --only.",
    ),
]
Reason = Annotated[str, typer.Option("--reason", metavar="TEXT", help="Why; goes into history.")]
Yes = Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")]
Space = Annotated[str, typer.Option("--space", metavar="SPACE", help="Only the targets in this space.")]
Rules = Annotated[
    list[str] | None,
    typer.Option("--rule", metavar="ID", help="An id, the first eight signs of one or more, or a name; repeats."),
]
Wait = Annotated[str, typer.Option("--wait", metavar="TIME", help="Wait this long for a held lock: 5m.")]
RecoverFirst = Annotated[bool, typer.Option("--recover", help="Undo an interrupted apply first, if there is one.")]
