"""Reports made of values, and HTML pages read back by a parser, as a browser reads them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from html.parser import HTMLParser
from typing import Any

from deployer.core.checks.check import Catalogue, Technique
from deployer.core.matrix import TargetState
from deployer.core.plan import Plan, Target
from deployer.core.ports import SpaceRead
from deployer.core.record import Record, RuleRecord
from deployer.core.report import Failed, Looked, Report, Repository, Source, make_report
from deployer.core.rule_file import RuleFile
from tests.support.planning import World, rule_file

NOW = "2026-11-24T12:00:00+00:00"
ATTACK = Catalogue(
    "18.1",
    {
        "T1059": Technique("Command and Scripting Interpreter", frozenset({"execution"})),
        "T1059.001": Technique("PowerShell", frozenset({"execution"})),
        "T1059.003": Technique("Windows Command Shell", frozenset({"execution"})),
        "T1078": Technique("Valid Accounts", frozenset({"initial-access", "persistence"})),
        "T1566": Technique("Phishing", frozenset({"initial-access"})),
        "T1001": Technique("Data Obfuscation", frozenset({"command-and-control"})),
        "T1002": Technique("Data Compressed", frozenset({"exfiltration"}), "revoked"),
    },
)
VOID = {"meta", "link", "input", "br", "img", "hr", "rect"}


def threat(*ids: str, tactic: str = "Execution", framework: str = "MITRE ATT&CK") -> list[dict[str, Any]]:
    """The `threat` of a rule that names these techniques; those with a dot are subtechniques."""
    techniques = [
        {
            "id": one,
            "name": f"Name of {one}",
            "reference": "",
            "subtechnique": [
                {"id": sub, "name": f"Name of {sub}", "reference": ""} for sub in ids if sub.startswith(f"{one}.")
            ],
        }
        for one in dict.fromkeys(name.partition(".")[0] for name in ids)
    ]
    named = {"id": "TA0002", "name": tactic, "reference": ""}
    return [{"framework": framework, "tactic": named, "technique": techniques}]


def ruled(rule_id: str, *techniques: str, **fields: Any) -> RuleFile:
    """A rule file that names these techniques."""
    return rule_file(rule_id, **({"threat": threat(*techniques)} if techniques else {}), **fields)


def looked(name: str, made: World, **more: Any) -> Looked:
    """What a report finds of a world; `more` are fields of the TargetState."""
    plan = made.plan()
    plan = Plan(
        Target(name, "default", name, "https://kibana.example.com"),
        "tests",
        plan.changes,
        labels=plan.labels,
        notes=plan.notes,
        made_at=NOW,
    )
    wanted = {rule_id: file.fingerprint for rule_id, file in made.files.items()}
    state = TargetState(name, made.record, SpaceRead(tuple(made.live.values())), wanted, **more)
    return Looked(state, plan, "9.3.1")


def report(
    files: Sequence[RuleFile],
    *targets: Looked,
    failed: Sequence[Failed] = (),
    catalogue: Catalogue | None = ATTACK,
    project: str = "tests",
) -> Report:
    """The report of these files and targets."""
    source = Source(project, NOW, "0123456789abcdef", "main")
    return make_report(source, Repository(tuple(files), catalogue=catalogue), targets, failed)


def big(count: int, targets: int, name: str = "Rule {}", seed: int = 0) -> Report:
    """A report of many rules in many targets, of which every seventh is somewhere in another state."""
    files = [ruled(f"r{number}", "T1059.001", name=name.format(number), tags=[name]) for number in range(count)]
    found = []
    for place in range(targets):
        rules = {
            file.rule_id: RuleRecord(file.name, file.path, file.fingerprint, "a", "w", "b", "id", 1, "t", True, 1)
            for number, file in enumerate(files)
            if (number * 31 + place + seed) % 7
        }
        record = Record(1, "deploy", f"t{place}", "default", "https://k", "tests", NOW, "p", None, rules=rules)
        live = tuple(
            {"rule_id": rule_id, "name": entry.name, "enabled": True, "type": "query", "severity": "low"}
            for rule_id, entry in rules.items()
        )
        target = Target(f"t{place}", "default", f"t{place}", "https://k")
        found.append(Looked(TargetState(f"t{place}", record, SpaceRead(live)), Plan(target, "tests", made_at=NOW)))
    return report(files, *found)


@dataclass
class Element:
    """One element: its attributes, its children, and the texts in it."""

    tag: str
    attributes: Mapping[str, str]
    children: list[Element] = field(default_factory=list)
    texts: list[str] = field(default_factory=list)

    @property
    def text(self) -> str:
        """All text below it, white space as a reader sees it."""
        return " ".join(" ".join(self._texts()).split())

    def _texts(self) -> list[str]:
        found: list[str] = []
        for part in self.order:
            found += [part] if isinstance(part, str) else part._texts()
        return found

    order: list[Element | str] = field(default_factory=list)

    def all(self, tag: str = "", **attributes: str) -> list[Element]:
        """Every element below it with this tag and these attributes, in order; `class_` has one of the classes."""
        found: list[Element] = []
        for child in self.children:
            if (not tag or child.tag == tag) and all(_has(child, key, value) for key, value in attributes.items()):
                found.append(child)
            found += child.all(tag, **attributes)
        return found

    def one(self, tag: str = "", **attributes: str) -> Element:
        """The only such element."""
        (found,) = self.all(tag, **attributes)
        return found


def _has(element: Element, key: str, value: str) -> bool:
    name = key.rstrip("_").replace("_", "-")
    actual = element.attributes.get(name, "")
    return value in actual.split() if name == "class" else actual == value


class _Reader(HTMLParser):
    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.stack = [Element("", {})]

    def handle_starttag(self, tag: str, attrs: Sequence[tuple[str, str | None]]) -> None:
        element = Element(tag, {name: value or "" for name, value in attrs})
        assert len(element.attributes) == len(attrs), f"an attribute twice in <{tag}>"
        self.stack[-1].children.append(element)
        self.stack[-1].order.append(element)
        if tag not in VOID or tag == "rect":
            self.stack.append(element)

    def handle_endtag(self, tag: str) -> None:
        opened = self.stack.pop()
        assert opened.tag == tag, f"<{opened.tag}> is closed by </{tag}>"

    def handle_data(self, data: str) -> None:
        self.stack[-1].order.append(data)
        self.stack[-1].texts.append(data)


def parsed(html: str) -> Element:
    """The tree of a page. Fails where an element is closed by another's end tag, or never."""
    reader = _Reader()
    reader.feed(html)
    reader.close()
    (root,) = reader.stack
    return root
