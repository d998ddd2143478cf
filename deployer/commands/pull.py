"""`deployer pull`: rules and lists of Kibana as files. Reads Kibana, or an export of it; writes files only."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from deployer.adapters.environments import toml_files
from deployer.adapters.rewriting import TextFile, check_new, new_text, read_text, write_text
from deployer.adapters.rules import RuleTree
from deployer.commands.contents import found_files, lock_of
from deployer.commands.listing import links_of, live_lists, live_values, with_items
from deployer.commands.pulling_lists import ListSource, Named, pull_all_lists
from deployer.commands.target import ledger_of, to_read
from deployer.commands.workspace import Workspace, raise_errors
from deployer.core.dependencies import There
from deployer.core.desired import Rendering, selected
from deployer.core.environment import Environment
from deployer.core.holds import holds_of
from deployer.core.ports import Body
from deployer.core.pulling import export
from deployer.core.pulling.blocks import Blocks
from deployer.core.pulling.choosing import list_key
from deployer.core.pulling.exceptions import ListsPulled
from deployer.core.pulling.merging import Merger
from deployer.core.pulling.names import connector_names
from deployer.core.pulling.places import default_template
from deployer.core.pulling.taking import Asked, Git, Pulled
from deployer.core.pulling.taking import pull as taken
from deployer.core.pulling.tuned import NEW_FILE, Entries, TunedPulled, pull_tuned
from deployer.core.references import Space, with_coming
from deployer.core.rule_file import RuleFile
from deployer.core.selector import Selector
from deployer.core.toml import read
from deployer.errors import DeployerError, ExitCode, UsageError
from deployer.executor.ledger import Ledger
from deployer.queries.esql_source import rewrite_sources
from deployer.render.json_text import problem_json
from deployer.render.pull_text import Told, diff_text, pull_text

_EMPTY = frozenset({"no-rules", "no-rule-folder"})
"""Problems of a tree that a pull is about to fill."""


@dataclass(frozen=True, slots=True)
class Options:
    """What was asked for. `dry_run` and `diff` write nothing; `source` is an export to read in place of Kibana."""

    env: tuple[str, ...]
    only: tuple[Selector, ...] = ()
    source: Path | None = None
    dry_run: bool = False
    diff: bool = False
    prebuilt: bool = False

    @property
    def dry(self) -> bool:
        """Whether nothing is written."""
        return self.dry_run or self.diff


@dataclass(frozen=True, slots=True)
class _Read:
    """What was read: rules, what they may refer to, the version of the stack ("" unknown), and what is not read."""

    rules: tuple[Body, ...]
    connectors: tuple[Body, ...]
    lists: tuple[Body, ...]
    ledger: Ledger
    content: ListSource
    stack: str = ""
    others: int = 0


@dataclass(frozen=True, slots=True)
class _Result:
    """Everything that a pull came to; `settings` is the environment file before and after."""

    rules: Pulled
    lists: ListsPulled
    tuned: TunedPulled
    lists_left: Mapping[str, int]
    settings: tuple[TextFile, str]

    @property
    def files(self) -> list[tuple[str, str | None, str]]:
        """Path, old text (None: a new file) and new text of every file that is written, but the environment's."""
        rules = [(change.path, change.old, change.text) for change in self.rules.changes]
        others = (*self.lists.changes, *self.tuned.changes)
        return [*rules, *((change.path, change.old, change.text) for change in others)]


def pull(workspace: Workspace, options: Options) -> int:
    """Write what Kibana has into files. Returns 0, or 1 where a rule or a list could not be kept as it is."""
    environment = _the_one(workspace, options)
    raise_errors(tuple(problem for problem in workspace.tree.problems if problem.code not in _EMPTY))
    raise_errors(workspace.lists.problems)
    with _read(workspace, environment, options.source) as found:
        result = _result(workspace, environment, options, found)
    if not options.dry:
        _write(workspace, result)
    if options.diff:
        settings, after = result.settings
        texts = [(path, old or "", text) for path, old, text in result.files]
        workspace.console.say(diff_text([*texts, (environment.path, settings.text, after)]))
    _tell(workspace, environment, options, result, found)
    return int(ExitCode.ERROR if result.rules.problems or result.lists.problems else ExitCode.DONE)


def _result(workspace: Workspace, environment: Environment, options: Options, found: _Read) -> _Result:
    settings = read_text(workspace.root / environment.path)
    blocks = Blocks(environment, read(settings.text))
    git = _git(workspace, environment, workspace.tree, found)
    pulled = _pulled(workspace, environment, options, found, git, blocks)
    tuned = _tuned(workspace, environment, options, found) if options.prebuilt else TunedPulled()
    if options.only and not (pulled.taken or pulled.left or pulled.problems):
        raise DeployerError("--only chooses no rule that is there", hint="nothing was written")
    taken = {body["rule_id"] for body in (*pulled.bodies, *tuned.bodies)}
    others = tuple(body for body in found.rules if body.get("rule_id") not in taken)
    named = Named((*pulled.bodies, *tuned.bodies), others, tuple(workspace.tree.files), tuple(git.here.values()))
    whole = not options.only
    lists, chosen = pull_all_lists(workspace, environment, found.content, found.ledger, named, whole=whole)
    return _Result(_without(pulled, tuned), lists, tuned, chosen.left, (settings, blocks.text(settings.text)))


def _write(workspace: Workspace, result: _Result) -> None:
    check_new(workspace.root, [path for path, old, _ in result.files if old is None])  # before anything is written
    for path, old, text in result.files:
        if old is None:
            new_text(workspace.root, path, text)
        else:
            write_text(read_text(workspace.root / path), text)
    settings, after = result.settings
    if after != settings.text:
        write_text(settings, after)


def _the_one(workspace: Workspace, options: Options) -> Environment:
    environments = workspace.targets(options.env)
    if len(environments) != 1:
        named = ", ".join(environment.target for environment in environments)
        raise UsageError(f"pull takes one target, not {named}", hint="name one of them with -e")
    return environments[0]


@contextmanager
def _read(workspace: Workspace, environment: Environment, source: Path | None) -> Iterator[_Read]:
    if source is not None:
        yield _of_export(workspace, environment, source)
        return
    with to_read(workspace, environment) as target:
        kibana = target.kibana
        wanted = [file.rule_id for file in workspace.tree.files]
        live = kibana.read_space(marker=workspace.project.marker, wanted=wanted)
        lists = kibana.exception_lists()
        content = ListSource(
            lists,
            lambda keys: There(live_lists(kibana, lists, keys)),
            lambda chosen: live_values(kibana, chosen),
        )
        stack = kibana.status().version
        yield _Read(live.rules, kibana.connectors(), lists, target.ledger, content, stack, live.others)


def _of_export(workspace: Workspace, environment: Environment, source: Path) -> _Read:
    try:
        text = source.read_bytes().decode("utf-8-sig")
    except (OSError, UnicodeDecodeError) as exc:
        raise DeployerError(f"cannot read {source}: {exc}", hint="name an NDJSON export of Kibana") from exc
    found = export.read_export(text, source.name)
    full = export.completed(found)
    by_key = with_items({list_key(body): body for body in found.lists}, found.items)
    content = ListSource(  # an export has no value lists
        found.lists, lambda keys: There({key: one for key, one in by_key.items() if key in keys}), lambda _: {}
    )
    return _Read(full.rules, full.connectors, full.lists, ledger_of(workspace, environment), content)


def _pulled(
    workspace: Workspace, environment: Environment, options: Options, found: _Read, git: Git, blocks: Blocks
) -> Pulled:
    record = found.ledger.head().record
    merger = _merger(workspace, environment, found)
    held = frozenset(holds_of(record))
    asked = Asked(options.only, workspace.project.marker, record, held)
    return taken(found.rules, asked, git, merger, blocks)


def _merger(workspace: Workspace, environment: Environment, found: _Read) -> Merger:
    space = Space(
        connectors=found.connectors,
        lists=with_coming(found.lists, [one.content for one in workspace.lists.lists]),
        names=environment.connectors,
        links=links_of(workspace.lists),
    )
    return Merger(Rendering(environment, space, workspace.tree.locate, rewrite_sources), connector_names(space))


def _tuned(workspace: Workspace, environment: Environment, options: Options, found: _Read) -> TunedPulled:
    """Return what is set on Elastic's rules, for the entries of prebuilt/."""
    raise_errors(workspace.prebuilt.problems)
    folders = workspace.project.prebuilt
    if not folders:
        raise UsageError("--prebuilt needs a folder", hint='prebuilt = "prebuilt" in deployer.toml')
    files = workspace.prebuilt.files
    here, _ = selected(files, environment, found.stack)
    entries = Entries(
        {file.rule_id: file for file in files},
        frozenset(file.rule_id for file in here),
        lambda path: read_text(workspace.root / path).text if (workspace.root / path).exists() else None,
        f"{folders[0]}/{NEW_FILE}",
    )
    return pull_tuned(found.rules, options.only, entries, _merger(workspace, environment, found))


def _without(pulled: Pulled, tuned: TunedPulled) -> Pulled:
    """Return the rules that were pulled, without counting as left those of Elastic's whose entries were taken."""
    left = {reason: count - (len(tuned.bodies) if reason == "prebuilt" else 0) for reason, count in pulled.left.items()}
    return replace(pulled, left={reason: count for reason, count in left.items() if count})


def _git(workspace: Workspace, environment: Environment, tree: RuleTree, found: _Read) -> Git:
    files: Iterable[RuleFile] = tree.files
    pinned = environment.rules.source == "promoted"
    if pinned:
        lock = lock_of(workspace, environment)
        files = found_files(workspace, found.ledger, lock, tree.files).values()
    here, _ = selected(files, environment, found.stack)
    project = workspace.project
    paths = toml_files(workspace.root, project.rules)
    known = {file.rule_id: file for file in tree.files}
    return Git(
        files=known,
        here={file.rule_id: file for file in here if file.rule_id in known},
        text=lambda path: read_text(workspace.root / path).text,
        folders=project.rules,
        template=project.pull or default_template(project.rules),
        taken=frozenset({*paths, *(path.lower() for path in paths)}),
        pinned=pinned,
    )


def _tell(workspace: Workspace, environment: Environment, options: Options, result: _Result, found: _Read) -> None:
    console, pulled, lists = workspace.console, result.rules, result.lists
    told = Told(pulled, lists, result.tuned, result.lists_left)
    console.say(pull_text(environment, told, found.others, console.style, dry=options.dry))
    body = {
        "target": environment.target,
        "written": not options.dry,
        "files": [
            {
                "path": change.path,
                "rule_id": change.rule_id,
                "name": change.name,
                "new": change.old is None,
                "fields": list(change.fields) if change.old is not None else [],
            }
            for change in pulled.changes
        ],
        "lists": [
            {"path": change.path, "names": list(change.names), "new": change.old is None} for change in lists.changes
        ],
        "prebuilt": [
            {"path": change.path, "names": list(change.names), "new": change.old is None}
            for change in result.tuned.changes
        ],
        "environment": environment.path if result.settings[0].text != result.settings[1] else None,
        "overridden": {rule_id: list(names) for rule_id, names in pulled.overridden.items()},
        "taken": pulled.taken,
        "lists_taken": lists.taken,
        "left": dict(pulled.left),
        "lists_left": dict(result.lists_left),
        "waiting": lists.waiting,
        "absent": list(pulled.absent),
        "not_read": found.others,
        "problems": [problem_json(problem) for problem in (*pulled.problems, *lists.problems)],
    }
    console.document("pull", body)
