"""
Plans as plain values for the renderers' tests: together they have every action, every category and every note.

Nothing here was read from a file: names are made up, hostile ones are in `HOSTILE`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from deployer.commands.several import failed_json
from deployer.core.change import Change, Label
from deployer.core.dependency import Dependency, Kind
from deployer.core.environment import Limit, Limits
from deployer.core.guards import Judged, Verdict, judge, judged_with_lists
from deployer.core.plan import Blocked, Branch, Census, Edit, Held, Notes, Plan, Target, Waiting
from deployer.core.record import Provenance
from deployer.errors import Problem, Refusal, RefusedError, Severity, UnreachableError
from deployer.render.json_text import document
from deployer.render.plan.data import plan_json
from deployer.render.plan.document import Document, Failure
from deployer.render.plan.github import plan_github
from deployer.render.plan.gitlab import plan_gitlab, plan_gitlab_terraform
from deployer.render.plan.junit import plan_junit
from deployer.render.plan.markdown import plan_markdown
from deployer.render.plan.page import plan_page
from deployer.render.plan.text import plans_text

HOSTILE = (
    "::set-output name=has_changes::false",
    "::error file=x::owned",
    "##[add-mask]x ##vso[task.setvariable variable=x]y",
    "a\n::stop-commands::t\nb",
    "<script>alert(1)</script><img src=x onerror=alert(1)>",
    "</details></main><!-- ",
    '" onmouseover="alert(1)" x="',
    "]]></failure><testcase name='owned'/>",
    "[click](https://evil.example.com) ![i](https://evil.example.com/i.png)",
    "https://evil.example.com www.evil.example.com root@evil.example.com @everyone #1 GH-1",
    "`` ` ``` ~~~ | --- | \\",
    "# heading\n\n- item\n> quote\n```\nfence",
    "$`x`$ $$y$$ :smile: **bold** _x_ ~~gone~~ &lt;b&gt;",
    "\x1b[2J\x1b]0;owned\x07\x9b31m",
    "\u202eevil\u202c \u2066x\u2069 \u200f\u061c zero\u200bwidth \ufeff",
    "\x00\x08\x7f\x85\u2028\u2029\ufffe\uffff\ud800",
    "{{ 7 * 7 }} {% raw %} ${{ secrets.X }}",
    "x" * 3_000,
)
_LANGUAGES = {"eql": "eql", "esql": "esql"}


def rule(name: str, rule_type: str = "query", **fields: Any) -> dict[str, Any]:
    """A whole rule as a plan carries it."""
    base = {"name": name, "type": rule_type, "severity": "low", "risk_score": 21, "enabled": True, "query": "a : 1"}
    return {**base, "language": _LANGUAGES.get(rule_type, "kuery"), **fields}


class Making:
    """One plan in the making: changes with their labels, and notes."""

    def __init__(self, environment: str = "prod", space: str = "emea", **limits: Any) -> None:
        self.target = Target(environment, space, f"{environment}/{space}", "https://kibana.example.com")
        self.limits = Limits(**limits)
        self.changes: list[Change] = []
        self.labels: dict[str, Label] = {}
        self.dependencies: list[Dependency] = []
        self.protected: set[str] = set()

    def label(self, rule_id: str, name: str, severity: str = "low", kind: str = "query", path: str = "") -> str:
        """Name a rule."""
        self.labels[rule_id] = Label(name, kind, severity, path or f"rules/{rule_id}.toml")
        return rule_id

    def change(
        self, rule_id: str, before: Mapping[str, Any] | None, after: Mapping[str, Any] | None, **flags: bool
    ) -> None:
        """Add a change of a rule that has a name."""
        self.changes.append(Change(rule_id, self.labels[rule_id].rule_type, before, after, **flags))

    def made(self, notes: Notes | None = None, verdicts: Sequence[Verdict] = (), **values: Any) -> Plan:
        """Return the plan, judged by the guards as any other."""
        judged = Judged(200, frozenset(), lambda rule_id: rule_id in self.protected, lambda _rule_id: {})
        changes = tuple(sorted(self.changes, key=lambda change: change.rule_id))
        found = judge(changes, self.limits, {}, judged)
        found = judged_with_lists(found, self.dependencies, self.limits, {}, 200)
        return Plan(
            self.target,
            "tests",
            changes=changes,
            labels=self.labels,
            dependencies=tuple(self.dependencies),
            base=61,
            notes=replace(notes or Notes(census=Census(unchanged=207)), verdicts=(*found, *verdicts)),
            provenance=Provenance(actor="ci", stack="9.3.1"),
            made_at="2026-11-24T12:00:00.000Z",
            **values,
        )


def example() -> Plan:
    """A plan as people know it: seven changes, one refused, edits and a hold."""
    make = Making()
    make.label("r1", "Admin Role Granted to Contractor", "medium", path="rules/idp/admin_role_granted.toml")
    make.change("r1", rule("Admin Role Granted to Contractor"), rule("Admin Role Granted to Contractor", "esql"))
    make.label("r2", "Old Share Listing", "low", "eql", "rules/windows/old_share_listing.toml")
    make.change("r2", {"enabled": True}, {"enabled": False})
    make.label("r3", "Audit Trail Stopped", "high", path="rules/cloud/audit_trail_stopped.toml")
    query = 'event.dataset: "cloud.audit" and\nevent.action: {} and\nevent.outcome: "success"'
    actions = ('"StopTrail"', '("StopTrail" or "DropTrail")')
    make.change("r3", {"query": query.format(actions[0])}, {"query": query.format(actions[1])})
    make.label("r4", "Guessing Passwords of Administrators", "high", "threshold", "rules/identity/guessing.toml")
    make.change("r4", {"severity": "high", "risk_score": 73}, {"severity": "medium", "risk_score": 47})
    make.label("r5", "Device Sign-In From New Network", "high", "new_terms", "rules/idp/device_sign_in.toml")
    whole = rule("Device Sign-In From New Network", "new_terms", actions=[{"id": "1"}, {"id": "2"}])
    make.change("r5", None, whole)
    make.label("r6", "Failed Logins From One Address", "medium", "threshold", "rules/identity/failed_logins.toml")
    make.change("r6", {"threshold": {"field": [], "value": 10}}, {"threshold": {"field": [], "value": 25}})
    make.label("r7", "Odd Child of Script Host", "low", "eql", "rules/windows/odd_child.toml")
    make.change("r7", {"note": "Look here.\nThen there."}, {"note": "Look there.\nThen here."})
    make.label("r8", "Beacon Over Name Service", "high")
    make.label("r9", "Tickets Asked by Workstation", "medium")
    notes = Notes(
        census=Census(unchanged=207, unmanaged=23, prebuilt=120),
        edits=(
            Edit("r8", "enabled", "left", True, False, True, "soc-night", "2026-11-24T02:58:00.000Z"),
            Edit("r9", "interval", "left", "5m", "15m", "5m", "soc-day", "2026-11-12T09:00:00.000Z"),
        ),
        held=(Held("h1", "Download Cradle", "H7", "held", "41d0aa9", "8be1c07", reason="INC-4471"),),
        lines=("since       deployment #61, 2026-11-24 03:12 UTC, rollback, by soc-night (INC-4471)",),
        details={
            "r1": ("Kibana cannot change a type in place: deleted and created again", "lost: internal id, snooze"),
            "r2": ("gone from git: its file is gone",),
        },
        requests=3,
        seconds=0.9,
    )
    return make.made(notes)


def nothing() -> Plan:
    """A plan that changes nothing; a hold stands."""
    held = (Held("h1", "Download Cradle", "H7", "held", "41d0aa9", "41d0aa9"),)
    return Making("dev", "default").made(Notes(census=Census(unchanged=12), held=held, requests=2))


def first_run() -> Plan:
    """Fourteen new rules and one that can isolate hosts; one is ours already."""
    make = Making("dev", "default")
    for number in range(14):
        make.label(f"n{number:02}", f"New Rule {number}", "medium")
        make.change(f"n{number:02}", None, rule(f"New Rule {number}", enabled=number % 2 == 0))
    armed = [{"action_type_id": ".endpoint", "params": {"command": "isolate"}}]
    make.label("n99", "Isolates Hosts", "critical")
    make.change("n99", None, rule("Isolates Hosts", response_actions=armed))
    lines = ("first run   no deployment is recorded in file:.deployer; nothing is disabled without a record",)
    return make.made(Notes(lines=lines, census=Census(equal_unmanaged=1)))


def updates() -> Plan:
    """Every category of update, a switch, an adoption, a marker, a rename, and twelve of one kind."""
    make = Making()
    make.label("u1", "Semantic", "critical", "eql")
    make.change("u1", {"query": "any where true", "index": ["a-*"]}, {"query": "any where false", "index": ["b-*"]})
    make.label("u2", "Exposure", "high")
    make.change("u2", {"severity": "low"}, {"severity": "high"})
    make.label("u3", "Tuning", "medium")
    make.change("u3", {"interval": "5m"}, {"interval": "10m", "max_signals": 50})
    make.label("u4", "New Name", "low")
    make.change("u4", {"name": "Old Name"}, {"name": "New Name"})
    make.label("u5", "Switched On", "low")
    make.change("u5", {"enabled": False}, {"enabled": True})
    make.label("u6", "Adopted", "low")
    make.change("u6", {"note": "a"}, {"note": "b"}, marker=True, adopts=True)
    make.label("u7", "Marker Gone", "low")
    make.change("u7", {}, {}, marker=True)
    make.label("u8", "Exceptions Taken Away", "high")
    make.change("u8", {"exceptions_list": [{"list_id": "one"}, {"list_id": "two"}]}, {"exceptions_list": []})
    make.label("u9", "Suppressed", "high")
    make.change("u9", {}, {"alert_suppression": {"group_by": ["host.name"]}})
    for number in range(12):
        make.label(f"v{number:02}", f"Tagged {number}", "low")
        make.change(f"v{number:02}", {"tags": ["a"]}, {"tags": ["a", f"t{number}"]})
    return make.made(Notes(unmarked=("u7",)))


def losses() -> Plan:
    """Rules that stop, go, come again; one of them protected; all refused."""
    make = Making("prod", "default", disable=Limit(1), weaken=Limit(0), protected=())
    for number in range(11):
        make.label(f"d{number:02}", f"Disabled {number}", "medium")
        make.change(f"d{number:02}", {"enabled": True}, {"enabled": False})
    make.label("l1", "Deleted", "high")
    make.change("l1", rule("Deleted"), None)
    make.label("l2", "Recreated", "critical", "esql")
    make.change("l2", rule("Recreated"), rule("Recreated", "esql", query="FROM a"))
    make.label("l3", "Off and Different", "high")
    make.change("l3", {"enabled": True, "query": "a"}, {"enabled": False, "query": "b"})
    make.protected = {"l2"}
    frozen = Verdict("freeze", False, "frozen from 2026-11-20 until 2026-11-30: sale", refusal="freeze")
    return make.made(verdicts=[frozen])


def conflicts() -> Plan:
    """Rules that the plan may not touch, and one that it leaves out."""
    make = Making()
    names = {"c1": "Both Changed", "c2": "Not Ours", "c3": "Somebody Else's", "c4": "Twice There", "c5": "Left Out"}
    for rule_id, name in names.items():
        make.label(rule_id, name, "high")
    make.label("c6", "Fine", "low")
    make.change("c6", {"tags": []}, {"tags": ["x"]})
    edits = tuple(
        Edit(rule_id, "query", "conflict", "a : 1", "a : 2", "a : 3", "soc-day", "2026-11-24T10:00:00.000Z")
        for rule_id in ("c1", "c5")
    )
    blocked = (
        Blocked("c2", "unmanaged", "exists in Kibana without our marker", "apply --adopt --only id:c2"),
        Blocked("c1", "conflict", "git and Kibana both changed query", "--take git or --take live with --only id:c1"),
        Blocked("c3", "foreign", 'carries the marker "deployer:other"', "one project must let it go"),
        Blocked("c4", "duplicate", "2 rules in Kibana have this rule_id", "delete the wrong one in Kibana"),
    )
    return make.made(Notes(edits=edits, blocked=blocked, left_out=("c5",)))


def holds() -> Plan:
    """Holds that stand, wait, end and expire; rules run as another user from now on."""
    make = Making()
    make.label("h9", "Changed", "low")
    make.change("h9", {"note": "a"}, {"note": "b"})
    held = (
        Held("h1", "Held", "H7", "held", "41d0aa9", "8be1c07", off=True, reason="INC-1", until="2026-12-31"),
        Held("h2", "Waits", "H8", "waits", "41d0aa9", "8be1c07"),
        Held("h3", "Ended", "H9", "ended", "41d0aa9", "8be1c07"),
        Held("h4", "Expired", "H10", "expired", "41d0aa9", "", until="2026-11-20"),
    )
    lines = ("waiting     2 of 3 due deletes are above the limit: --allow delete=3",)
    return make.made(Notes(held=held, rekeyed=("h9",), lines=lines))


def lists() -> Plan:
    """Exception lists, items and value lists that come, change and go."""
    make = Making()

    def item(name: str, before: Any, after: Any) -> None:
        one = Dependency(Kind.ITEM, name, before, after, list_id="egress")
        make.dependencies.append(one)
        make.labels[one.key] = Label(f"egress: {name}", path="exceptions/egress.toml")

    values = Dependency(Kind.VALUE_LIST, "hosts.txt", {"values": ["a"]}, {"values": ["b", "c"]})
    new = Dependency(Kind.LIST, "travel", None, {"name": "Travel"}, namespace="agnostic")
    make.dependencies += [values, new]
    make.labels |= {values.key: Label("value list hosts.txt"), new.key: Label("exception list travel")}
    item("Scanner", None, {"name": "Scanner", "entries": [1]})
    item("Printer", {"entries": [1]}, {"entries": [2]})
    item("Gone", {"name": "Gone"}, None)
    item("Described", {"description": "a"}, {"description": "b"})
    return make.made(Notes(census=Census(unchanged=3, items_unchanged=9, items_foreign=1)))


def edits() -> Plan:
    """What analysts did, what is put back and kept; warnings; an apply that was interrupted."""
    make = Making()
    for number in range(5):
        make.label(f"e{number}", f"Edited {number}", "medium")
    make.change("e4", {"interval": "15m"}, {"interval": "5m"})
    found = (
        Edit("e0", "note", "left", "a", "b", "a", "soc-day", "2026-11-01T08:00:00.000Z"),
        Edit("e1", "severity", "left", "low", "high", "low", "soc-day", "2026-11-23T08:00:00.000Z"),
        Edit("e2", "exceptions_list", "kept", [], [{"list_id": "scanner"}], [], "soc-day", "2026-11-20T16:40:00.000Z"),
        Edit("e4", "interval", "back", "5m", "15m", "5m", "soc-night", "2026-11-23T23:00:00.000Z"),
    )
    warnings = [
        Problem(f"rules/w{n}.toml", 3, 1, "rule.note", "has no note", "triage-note", "write one", Severity.WARNING)
        for n in range(12)
    ]
    odd = Problem("rules/e1.toml", 9, 2, "rule.interval", "is long", "interval", "shorten it", Severity.WARNING)
    lines = ("interrupted deployment by ci, 2026-11-24 11:00 UTC; recover it first",)
    notes = Notes(
        edits=found, unmarked=("e3",), warnings=(*warnings, odd), lines=lines,
        recovery="deployer recover -e prod/emea", census=Census(unchanged=40, copies=("Copied",)),
    )  # fmt: skip
    return make.made(notes)


def branch() -> Plan:
    """A plan with `--base`: changes of this branch, of main, and done in Kibana; rules that wait."""
    make = Making("staging", "default")
    for rule_id in ("b1", "b2", "b3", "b4"):
        make.label(rule_id, f"Rule {rule_id}", "high")
        make.change(rule_id, {"query": "a"}, {"query": rule_id})
    origins = {"b1": "branch", "b2": "base", "b3": "behind", "b4": "kibana"}
    waiting = (Waiting("b5", "Rule b5", "rules/b5.toml", "not now: waits 24 h in staging"),)
    return make.made(Notes(branch=Branch("main", "a" * 40, origins, {"b1": ("note",)}, ("Undone",), waiting)))


def hostile(names: Sequence[str] = HOSTILE, query: str = "") -> Plan:
    """Every place that holds somebody's text holds something that tries to get out of it."""
    make = Making("prod", "default", disable=Limit(0))
    for number, name in enumerate(names):
        rule_id = f"x{number:02}"
        make.labels[rule_id] = Label(name, name, name, f"rules/{name}.toml")
        make.change(
            rule_id,
            {"query": f"{name}\n{query}", "note": name, "tags": [name], "name": f"was {name}", "risk_score": 50},
            {"query": f"b\n{name}", "note": f"{name}\n{name}", "tags": [name, "t"], "name": name, "risk_score": 1},
        )
    first, text = make.changes[0].rule_id, "\n".join(names[:-1])

    def held(name: str, state: str) -> Held:
        return Held(first, name, name, state, name, name, reason=name, until=name)

    edits = tuple(
        Edit(change.rule_id, "note", kind, name, name + "x", name + "y", name, "2026-11-01T08:00:00.000Z")
        for change, name in zip(make.changes, names, strict=True)
        for kind in ("left", "back", "kept", "conflict")
    )
    problem = Problem(f"rules/{names[0]}", 3, 1, text, text, "triage-note", text, Severity.WARNING)
    notes = Notes(
        edits=edits,
        blocked=tuple(Blocked(change.rule_id, "conflict", text, text) for change in make.changes),
        left_out=tuple(change.rule_id for change in make.changes),
        held=tuple(held(name, state) for name in names for state in ("held", "waits", "ended", "expired")),
        unmarked=tuple(change.rule_id for change in make.changes),
        warnings=(problem,),
        lines=tuple(names),
        details={change.rule_id: tuple(names) for change in make.changes},
        rekeyed=tuple(change.rule_id for change in make.changes),
        census=Census(copies=tuple(names)),
    )  # fmt: skip
    for name in names:
        one = Dependency(Kind.ITEM, name, {"name": name}, None, list_id=name)
        make.dependencies.append(one)
        make.labels[one.key] = Label(name, path=name)
    frozen = Verdict("freeze", False, text, refusal="freeze")
    return make.made(notes, verdicts=[frozen])


def many(count: int, kinds: int = 40) -> Plan:
    """A plan of so many changes: a third alike, the others of so many kinds, some risky, texts of a few lines."""
    make = Making("prod", "default")
    fields = ("note", "description", "setup", "interval", "max_signals", "license", "risk_score", "from")
    for number in range(count):
        rule_id = f"{number:08}-0000-4000-8000-000000000000"
        make.label(rule_id, f"Potential Something Suspicious Number {number} via Odd Process", "medium", "eql")
        if number % 3 == 0:
            make.change(rule_id, {"version": number}, {"version": number + 1})
            continue
        kind = number % kinds + 1
        chosen = [name for bit, name in enumerate(fields) if kind >> bit & 1] or ["note"]
        if number % 5 == 0:
            chosen.append("query")
        before = dict.fromkeys(chosen, f"first line\nold {number}\nlast line")
        after = dict.fromkeys(chosen, f"first line\nnew {number}\nlast line")
        make.change(rule_id, before, after)
    return make.made()


def unlike(count: int) -> Plan:
    """A plan of so many changes no ten of which are alike: nothing folds them."""
    make = Making("prod", "default")
    for number in range(count):
        rule_id = f"{number:08}-0000-4000-8000-000000000000"
        make.label(rule_id, f"Potential Something Suspicious Number {number} via Odd Process", "high", "eql")
        field = f"unknown_{number // 9}"
        make.change(rule_id, {field: "old", "query": f"a\nb\n{number}"}, {field: "new", "query": f"a\nc\n{number}"})
    return make.made()


PLANS = {
    "example": example,
    "nothing": nothing,
    "first_run": first_run,
    "updates": updates,
    "losses": losses,
    "conflicts": conflicts,
    "holds": holds,
    "lists": lists,
    "edits": edits,
    "branch": branch,
}


def several() -> Document:
    """Three targets: one fine, one refused, two that failed."""
    gone = UnreachableError("staging: no answer from https://kibana.example.com", hint="deployer doctor -e staging")
    host = RefusedError("evil: host not in DEPLOYER_HOSTS", Refusal.HOST)
    return Document(
        (updates(), losses()),
        (Failure("staging", gone), Failure("evil", host)),
        prefix="detections/",
        version="1.2.3",
        link="https://ci.example.com/runs/1",
    )


def single(plan: Plan) -> Document:
    """A document of one plan."""
    return Document((plan,), version="1.2.3", link="https://ci.example.com/runs/1")


def renderers() -> dict[str, Callable[[Document], str]]:
    """Every renderer of plans, by the file name's ending of its golden files."""
    return {
        "txt": plans_text,
        "md": plan_markdown,
        "html": plan_page,
        "junit.xml": plan_junit,
        "github.txt": plan_github,
        "gitlab.json": plan_gitlab,
        "terraform.json": plan_gitlab_terraform,
        "json": plans_json,
    }


def plans_json(found: Document) -> str:
    """The document of `plan --json`."""
    failed = [failed_json(failure.target, failure.error) for failure in found.failures]
    return document("plan", {"plans": [*map(plan_json, found.plans), *failed]})
