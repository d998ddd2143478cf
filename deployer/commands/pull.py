"""`deployer pull`: Kibana's rules as rule files. Reads Kibana, or an export of it; writes files only."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from deployer.adapters.environments import toml_files
from deployer.adapters.rewriting import new_text, read_text, write_text
from deployer.adapters.rules import RuleTree
from deployer.commands.contents import found_files, lock_of
from deployer.commands.target import ledger_of, to_read
from deployer.commands.workspace import Workspace, raise_errors
from deployer.core.desired import Rendering, selected
from deployer.core.environment import Environment
from deployer.core.holds import holds_of
from deployer.core.ports import Body
from deployer.core.pulling import export
from deployer.core.pulling.blocks import Blocks
from deployer.core.pulling.merging import Merger
from deployer.core.pulling.names import connector_names
from deployer.core.pulling.places import default_template
from deployer.core.pulling.taking import Asked, Git, Pulled
from deployer.core.pulling.taking import pull as taken
from deployer.core.references import Space, with_coming
from deployer.core.rule_file import RuleFile
from deployer.core.selector import Selector
from deployer.core.toml import read
from deployer.errors import DeployerError, ExitCode, UsageError
from deployer.executor.ledger import Ledger
from deployer.queries.esql_source import rewrite_sources
from deployer.render.json_text import problem_json
from deployer.render.pull_text import diff_text, pull_text

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
    stack: str = ""
    others: int = 0


def pull(workspace: Workspace, options: Options) -> int:
    """Write what Kibana has into rule files. Returns 0, or 1 where a rule could not be kept as it is."""
    environment = _the_one(workspace, options)
    tree = workspace.tree
    raise_errors(tuple(problem for problem in tree.problems if problem.code not in _EMPTY))
    raise_errors(workspace.lists.problems)
    found = _of_export(workspace, environment, options.source) if options.source else _of_space(workspace, environment)
    settings = read_text(workspace.root / environment.path)
    blocks = Blocks(environment, read(settings.text))
    pulled = _pulled(workspace, environment, options, found, blocks)
    if options.only and not (pulled.taken or pulled.left or pulled.problems):
        raise DeployerError("--only chooses no rule that is there", hint="nothing was written")
    after = blocks.text(settings.text)
    if not options.dry:
        for change in pulled.changes:
            if change.old is None:
                new_text(workspace.root, change.path, change.text)
            else:
                write_text(read_text(workspace.root / change.path), change.text)
        if after != settings.text:
            write_text(settings, after)
    if options.diff:
        texts = [(change.path, change.old or "", change.text) for change in pulled.changes]
        workspace.console.say(diff_text([*texts, (environment.path, settings.text, after)]))
    _tell(workspace, environment, options, pulled, found, overrides=after != settings.text)
    return int(ExitCode.ERROR if pulled.problems else ExitCode.DONE)


def _the_one(workspace: Workspace, options: Options) -> Environment:
    environments = workspace.targets(options.env)
    if len(environments) != 1:
        named = ", ".join(environment.target for environment in environments)
        raise UsageError(f"pull takes one target, not {named}", hint="name one of them with -e")
    return environments[0]


def _of_space(workspace: Workspace, environment: Environment) -> _Read:
    with to_read(workspace, environment) as target:
        kibana = target.kibana
        live = kibana.read_space(
            marker=workspace.project.marker, wanted=[file.rule_id for file in workspace.tree.files]
        )
        stack = kibana.status().version
        return _Read(live.rules, kibana.connectors(), kibana.exception_lists(), target.ledger, stack, live.others)


def _of_export(workspace: Workspace, environment: Environment, source: Path) -> _Read:
    try:
        text = source.read_bytes().decode("utf-8-sig")
    except (OSError, UnicodeDecodeError) as exc:
        raise DeployerError(f"cannot read {source}: {exc}", hint="name an NDJSON export of Kibana") from exc
    found = export.completed(export.read_export(text, source.name))
    return _Read(found.rules, found.connectors, found.lists, ledger_of(workspace, environment))


def _pulled(workspace: Workspace, environment: Environment, options: Options, found: _Read, blocks: Blocks) -> Pulled:
    tree, record = workspace.tree, found.ledger.head().record
    space = Space(
        connectors=found.connectors,
        lists=with_coming(found.lists, [one.content for one in workspace.lists.lists]),
        names=environment.connectors,
        links=_links(workspace),
    )
    merger = Merger(Rendering(environment, space, tree.locate, rewrite_sources), connector_names(space))
    held = frozenset(holds_of(record))
    asked = Asked(options.only, workspace.project.marker, record, held)
    return taken(found.rules, asked, _git(workspace, environment, tree, found), merger, blocks)


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


def _links(workspace: Workspace) -> dict[str, tuple[Mapping[str, Any], ...]]:
    """Return the exception lists whose files name a rule, by `rule_id`."""
    found: dict[str, tuple[Mapping[str, Any], ...]] = {}
    for one in workspace.lists.lists:
        for rule_id in one.rule_ids:
            found[rule_id] = (*found.get(rule_id, ()), one.content)
    return found


def _tell(
    workspace: Workspace, environment: Environment, options: Options, pulled: Pulled, found: _Read, *, overrides: bool
) -> None:
    console = workspace.console
    console.say(pull_text(environment, pulled, found.others, console.style, dry=options.dry))
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
        "environment": environment.path if overrides else None,
        "overridden": {rule_id: list(names) for rule_id, names in pulled.overridden.items()},
        "taken": pulled.taken,
        "left": dict(pulled.left),
        "absent": list(pulled.absent),
        "not_read": found.others,
        "problems": [problem_json(problem) for problem in pulled.problems],
    }
    console.document("pull", body)
