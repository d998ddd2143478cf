"""The outputs of `plan`: every format that was asked for, from the same plans."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

from deployer import __version__
from deployer.commands.reporting import Output, prefix_of, save
from deployer.commands.workspace import Workspace
from deployer.core.plan import Plan
from deployer.errors import DeployerError

if TYPE_CHECKING:
    from deployer.render.plan.document import Document

KINDS: Final = ("text", "json", "markdown", "html", "junit", "github", "gitlab", "gitlab-terraform")

Outcomes = Mapping[str, Plan | DeployerError]
"""What became of each target, in the order in which they were asked for."""


def on_stdout(outputs: Sequence[Output], kind: str) -> bool:
    """Say whether a kind goes to stdout."""
    return Output(kind) in outputs


def write_outputs(workspace: Workspace, outcomes: Outcomes, outputs: Sequence[Output], *, failed: bool = False) -> None:
    """
    Write the plans in every format. Text on stdout has been written, target by target, as the plans were made; after a
    run that `failed` only files are written. Raises DeployerError for a file that cannot be written.
    """
    wanted = [output for output in outputs if output.path or not (failed or output.kind == "text")]
    if not wanted:
        return
    from deployer.render.plan.document import Document, Failure

    document = Document(
        plans=tuple(made for made in outcomes.values() if isinstance(made, Plan)),
        failures=tuple(Failure(name, error) for name, error in outcomes.items() if isinstance(error, DeployerError)),
        prefix=prefix_of(workspace.root),
        version=__version__,
        link=workspace.surroundings.ci_run_url,
    )
    for output in wanted:
        text = _rendered(workspace, document, outcomes, output.kind)
        if output.path:
            save(output.path, text)
        else:
            workspace.console.deliver(text, is_json=output.kind in ("json", "gitlab", "gitlab-terraform"))


def _rendered(workspace: Workspace, document: Document, outcomes: Outcomes, kind: str) -> str:
    """Return the text of one kind; renderers are imported when they are needed."""
    match kind:
        case "json":
            return _json(outcomes)
        case "markdown":
            from deployer.render.plan.markdown import plan_markdown

            return plan_markdown(document)
        case "junit":
            from deployer.render.plan.junit import plan_junit

            return plan_junit(document)
        case "github":
            from deployer.render.plan.github import plan_github

            return plan_github(document)
        case "gitlab":
            from deployer.render.plan.gitlab import plan_gitlab

            return plan_gitlab(document)
        case "gitlab-terraform":
            from deployer.render.plan.gitlab import plan_gitlab_terraform

            return plan_gitlab_terraform(document)
        case "html":
            from deployer.render.plan.page import plan_page

            return plan_page(document)
        case _:
            from deployer.render.plan.text import plans_text

            return plans_text(document, verbose=workspace.console.verbose)


def _json(outcomes: Outcomes) -> str:
    from deployer.commands.several import failed_json
    from deployer.render.json_text import document
    from deployer.render.plan.data import plan_json

    plans: list[dict[str, Any]] = [
        plan_json(made) if isinstance(made, Plan) else failed_json(name, made) for name, made in outcomes.items()
    ]
    return document("plan", {"plans": plans})
