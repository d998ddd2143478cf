"""`deployer recover` and `unlock`: what an interrupted apply left, finished, undone or signed off."""

from __future__ import annotations

from dataclasses import dataclass

from deployer.commands.carrying import Carrier
from deployer.commands.failing import report_failure
from deployer.commands.notifying import notifying, watched_recovery
from deployer.commands.target import to_write
from deployer.commands.workspace import Workspace
from deployer.core.environment import Environment
from deployer.core.outcomes import ApplyIncompleteError
from deployer.errors import ExitCode, Refusal, RefusedError, UsageError
from deployer.executor.recover import Mode, Recovered
from deployer.executor.recover import recover as bring_to_rest
from deployer.render.style import plural


@dataclass(frozen=True, slots=True)
class Options:
    """The options of `recover` and `unlock`."""

    env: tuple[str, ...]
    resume: bool = False
    accept_live: bool = False
    force_undo: bool = False
    rules: tuple[str, ...] = ()
    yes: bool = False
    reason: str = ""
    verb: str = "recover"


def recover(workspace: Workspace, options: Options) -> int:
    """Recover every target that `-e` names. Returns 0; what cannot be put back is an error (exit 6)."""
    mode = _mode(options)
    with notifying(workspace):
        return _recovered(workspace, options, mode)


def _recovered(workspace: Workspace, options: Options, mode: Mode) -> int:
    carrier = Carrier(workspace)
    results = {}
    for environment in workspace.targets(options.env):
        _refuse_without_reason(environment, options)
        if mode in ("accept_live", "force_undo") and not _agreed(workspace, options, environment.target, mode):
            workspace.console.say("Nothing was changed.")
            continue
        with (
            to_write(workspace, environment) as target,
            carrier.guarded(),
            watched_recovery(workspace, target.identity),
        ):
            try:
                run = carrier.run(target, reason=options.reason)
                found = bring_to_rest(run, mode, rules=frozenset(options.rules))
            except ApplyIncompleteError as error:
                report_failure(workspace, target, error, {})
                raise
        workspace.console.say(f"{environment.target}   {_words(found)}")
        results[environment.target] = {"how": found.how, "touched": found.touched}
    workspace.console.document("recover", {"targets": results})
    return int(ExitCode.DONE)


def _refuse_without_reason(environment: Environment, options: Options) -> None:
    if options.verb in environment.deploy.reason and not options.reason:
        raise RefusedError(
            f'{environment.target}: {options.verb} needs --reason "…". Nothing was changed',
            Refusal.GUARD,
            hint=f'deployer {options.verb} -e {environment.target} --reason "…"',
        )


def _mode(options: Options) -> Mode:
    chosen: list[Mode] = []
    if options.resume:
        chosen.append("resume")
    if options.accept_live:
        chosen.append("accept_live")
    if options.force_undo:
        chosen.append("force_undo")
    if len(chosen) > 1:
        raise UsageError("--resume, --accept-live and --force-undo exclude each other")
    if options.rules and not (options.accept_live or options.force_undo):
        raise UsageError("--rule narrows --accept-live and --force-undo", hint="name one of them beside it")
    return chosen[0] if chosen else "undo"


def _agreed(workspace: Workspace, options: Options, target: str, mode: Mode) -> bool:
    question = {
        "accept_live": f"Take what is live in {target} as the baseline, as it is?",
        "force_undo": f"Overwrite the edits that were kept in {target}?",
    }[mode]
    return options.yes or workspace.console.ask(question)


def _words(found: Recovered) -> str:
    rules = plural(found.touched, "rule")
    match found.how:
        case "nothing":
            return "nothing to recover: no apply was interrupted"
        case "freed":
            return "lock freed; nothing had been sent"
        case "undone":
            return f"{rules} as before the interrupted apply, read back; the lock is free"
        case "resumed":
            return f"finished: {rules} as planned, read back, committed; the lock is free"
        case "finished":
            return "the apply had committed; what was left to clean up is done, the lock is free"
        case "accepted":
            return f"{rules} accepted as live; the lock is free"
        case how:
            raise AssertionError(how)
