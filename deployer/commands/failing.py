"""What a person gets when an apply or a recovery failed: each rule's fate, and the before-images as a file."""

from __future__ import annotations

from collections.abc import Mapping

from deployer.commands.target import WriteTarget
from deployer.commands.workspace import Workspace
from deployer.core.change import Label
from deployer.core.outcomes import ApplyIncompleteError, ApplyUndoneError
from deployer.render.outcomes_text import outcomes_text


def report_failure(
    workspace: Workspace,
    target: WriteTarget,
    error: ApplyUndoneError | ApplyIncompleteError,
    labels: Mapping[str, Label],
) -> None:
    """Say rule by rule what became of it; where something could not be put back, save the before-images."""
    workspace.console.note(outcomes_text(error.ending.outcomes, labels, workspace.console.error_style))
    if isinstance(error, ApplyIncompleteError):
        _save_before_images(workspace, target, error)


def _save_before_images(workspace: Workspace, target: WriteTarget, error: ApplyIncompleteError) -> None:
    """Write the before-images where a person can import them by hand: Kibana's own import takes the file."""
    folder = workspace.root / ".deployer" / "before-images"
    path = folder / f"{target.environment.target.replace('/', '_')}.ndjson"
    try:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        path.write_text(error.ending.ndjson(), encoding="utf-8")
    except OSError as exc:
        workspace.console.note(f"the before-images could not be written to {path}: {exc.strerror}")
        return
    workspace.console.note(
        f"the before-images are in {path.relative_to(workspace.root)}; Kibana's rule import takes them"
    )
