"""`deployer report`: environments, rules and ATT&CK as one page, as a Navigator layer, as a catalogue. Reads only."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from deployer.adapters.attack import load_attack
from deployer.commands import several
from deployer.commands.drift import drift_of
from deployer.commands.looking import decided, installed, told_holds, waiting, wanted
from deployer.commands.planning import planned
from deployer.commands.target import to_read
from deployer.commands.workspace import Workspace, raise_errors
from deployer.core.draft import Wishes
from deployer.core.environment import Environment
from deployer.core.matrix import TargetState
from deployer.core.promotion import Decision
from deployer.core.report import Failed, Looked, Report, Repository, Source, make_report
from deployer.errors import DeployerError, ExitCode, UsageError

DEFAULT = Path("report.html")


@dataclass(frozen=True, slots=True)
class Options:
    """The options of `report`: without `env` only the repository is looked at; each path is written where it is set."""

    env: tuple[str, ...] = ()
    output: Path | None = None
    navigator: Path | None = None
    catalogue: Path | None = None


def report(workspace: Workspace, options: Options) -> int:
    """
    Write what was asked for; `report.html` where nothing was. Returns 0, or 1 if a target could not be read: the report
    then says which. Raises the target's error where there is only one, and nothing is written.
    """
    outputs = _outputs(workspace, options)
    found = look(workspace, options.env)
    for path, render in outputs:
        _save(path, render(found))
    from deployer.render.report_text import report_json, report_text

    workspace.console.say(report_text(found, [str(path) for path, _ in outputs], workspace.console.style))
    if workspace.console.json:  # thousands of rules as JSON are half a second
        workspace.console.document("report", report_json(found))
    return int(ExitCode.DONE if found.complete else ExitCode.ERROR)


def look(workspace: Workspace, env: tuple[str, ...]) -> Report:
    """Return the report of the project and of these targets; without any, of the project alone."""
    environments = _in_order(workspace.targets(env)) if env else ()
    tree = workspace.sound_tree()
    raise_errors((*workspace.lists.problems, *workspace.prebuilt.problems))
    decisions = decided(workspace, environments)
    looked: list[Looked] = []
    failed: list[Failed] = []
    for reached in several.reach(
        environments, lambda environment: _look(workspace, environment, decisions.get(environment.name))
    ):
        if reached.error is not None and len(environments) == 1:
            raise reached.error
        if reached.error is not None:
            several.tell(workspace, reached.name, reached.error)
            failed.append(Failed(reached.name, str(reached.error)))
        elif reached.value is not None:
            looked.append(reached.value)
    if failed and not looked:
        raise DeployerError(f"none of the {len(failed)} targets could be read; nothing was written")
    checkout = workspace.checkout
    made_at = max((one.plan.made_at for one in looked), default=workspace.clock.now().isoformat(timespec="seconds"))
    source = Source(workspace.project.name, made_at, checkout.commit, checkout.branch, checkout.clean)
    files = Repository(tree.files, workspace.prebuilt.files, workspace.lists.lists, load_attack())
    return make_report(source, files, looked, failed)


def _look(workspace: Workspace, environment: Environment, decisions: tuple[Decision, ...] | None) -> Looked:
    """Read one target once: its plan, and from the same reading its drift and how its rules are doing."""
    promotes = environment.rules.source == "promoted"
    with to_read(workspace, environment) as target:
        made = planned(target, Wishes(), checked=False)
        plan, record = made.plan, made.record
        stack = plan.provenance.stack
        now = datetime.fromisoformat(plan.made_at)
        drifted = drift_of(target, record, made.live, now) if record else ()
        asked = installed(workspace, wanted(workspace, environment, stack), made.live)
        waits = waiting(decisions or ())
        state = TargetState(environment.target, record, made.live, asked, drifted, told_holds(record), waits)
        source = environment.promotion.source if promotes and environment.promotion else ""
        notes = (f"what waits in {source} is not known",) if source and decisions is None else ()
        return Looked(state, plan, stack, source, decisions or (), notes)


def _in_order(environments: Sequence[Environment]) -> tuple[Environment, ...]:
    """Return targets in the way of a promotion: an environment after the one that it promotes from."""
    source = {each.name: each.promotion.source if each.promotion else "" for each in environments}

    def steps(name: str, seen: tuple[str, ...] = ()) -> int:
        above = source.get(name, "")
        return 0 if not above or above in seen else 1 + steps(above, (*seen, name))

    return tuple(sorted(environments, key=lambda each: steps(each.name)))


def _outputs(workspace: Workspace, options: Options) -> list[tuple[Path, Callable[[Report], str]]]:
    """Return every file that is to be written, with what makes its text. Raises UsageError for one named twice."""
    given = [options.output, options.navigator, options.catalogue]
    if not any(given) and not workspace.console.json:
        given[0] = DEFAULT
    named = [path for path in given if path]
    if len({path.resolve() for path in named}) < len(named):
        raise UsageError("two outputs of report go into one file", hint="name another file for one of them")
    return [(path, render) for path, render in zip(given, (_html, _navigator, _catalogue), strict=True) if path]


def _html(found: Report) -> str:
    from deployer.render.html.report import report_html

    return report_html(found)


def _navigator(found: Report) -> str:
    from deployer.render.navigator_json import navigator_json

    return navigator_json(found)


def _catalogue(found: Report) -> str:
    from deployer.render.catalogue_md import catalogue_markdown

    return catalogue_markdown(found)


def _save(path: Path, text: str) -> None:
    try:
        path.write_bytes(text.encode("utf-8"))
    except OSError as exc:
        raise DeployerError(f"cannot write {path}: {exc.strerror}", hint="name another file") from exc
