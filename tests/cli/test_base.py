"""`plan --base REF`: what is this branch's, what stands on REF already, what was done in Kibana. Real git."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest

from tests.support.deploying import SECRET, against
from tests.support.project import ProjectFolder, Ran, new_project
from tests.support.sandbox import running
from tests.support.where import Where

PROMOTED = '[rules]\nsource = "promoted"\n[promotion]\nfrom = "s"\nsoak = "24h"\n'
OVERRIDE = '[[override]]\nname = "louder"\nmatch = ["*"]\nset = {{ severity = "{}" }}\n'


def git(folder: Path, *words: str) -> str:
    """Run git as the tests' own person; return what it prints."""
    person = ("-c", "user.email=tests@example.com", "-c", "user.name=tests")
    done = subprocess.run(["git", *person, *words], cwd=folder, check=True, capture_output=True, text=True)
    return done.stdout.strip()


def commit(project: ProjectFolder, message: str) -> None:
    """Commit everything."""
    git(project.root, "add", "-A")
    git(project.root, "commit", "-q", "-m", message)


def ids(*numbers: int) -> list[str]:
    """The ids of rules by number."""
    return [f"00000000-0000-4000-8000-{number:012d}" for number in numbers]


def origins(ran: Ran) -> dict[int, str]:
    """Where each change comes from, by the number of its rule."""
    assert ran.code == 0, ran.err
    found = ran.document["plans"][0]["notes"]["branch"]["origins"]
    return {int(rule_id[-12:]): origin for rule_id, origin in found.items()}


@pytest.fixture
def project(tmp_path: Path) -> ProjectFolder:
    """Five rules on `main`, committed and applied; a branch `work` is checked out."""
    project = new_project(tmp_path, environment='[kibana]\nurl = "sandbox"\n[ownership.fields]\nseverity = "git"\n')
    project.write(".gitignore", ".deployer/\n")
    project.rules(5)
    git(tmp_path, "init", "-q", "-b", "main")
    commit(project, "five rules")
    applied = project.run("apply", "-e", "s", "--yes")
    assert applied.code == 0, applied.err
    git(tmp_path, "checkout", "-q", "-b", "work")
    return project


def on_main(project: ProjectFolder, *numbers: int, query: str = "main : *") -> None:
    """Change rules on `main` alone, and come back to `work`."""
    git(project.root, "checkout", "-q", "main")
    for number in numbers:
        project.rule(number, query=query)
    commit(project, "on main")
    git(project.root, "checkout", "-q", "work")


def test_changes_are_split_by_where_they_come_from(project: ProjectFolder) -> None:
    """One rule changed on main and merged, one edited in Kibana, one changed here: three origins, one of each."""
    on_main(project, 1)
    git(project.root, "merge", "-q", "main")
    Where().edit(project, 2, severity="high")
    project.rule(3, query="branch : *")
    project.rule(6)
    (project.root / "rules/rule_4.toml").unlink()
    commit(project, "on the branch")

    ran = project.run("plan", "-e", "s", "--base", "main", "--json")
    told = project.run("plan", "-e", "s", "--base", "main")

    assert origins(ran) == {1: "base", 2: "kibana", 3: "branch", 4: "branch", 6: "branch"}
    assert "this branch  3 of 5 changes; 1 on main, not applied yet; 1 put back what was done in Kibana" in told.out
    first, _, rest = told.out.partition("ON main ALREADY, NOT APPLIED YET")
    assert "branch : *" in first, "the branch's own change is unfolded"
    assert "main : *" not in told.out, "what is on main already is one line"
    assert "Rule 1" in rest
    assert "Rule 1" not in first
    assert "DONE IN KIBANA, PUT BACK" in rest


def test_the_digest_and_the_requests_stay_what_they_are(project: ProjectFolder) -> None:
    """With --base the plan is the same plan: digest, changes, census; Kibana is not asked once more."""
    on_main(project, 1, 2)
    project.rule(3, query="branch : *")

    plain = project.run("plan", "-e", "s", "--json").document["plans"][0]
    split = project.run("plan", "-e", "s", "--base", "main", "--json").document["plans"][0]

    assert split["digest"] == plain["digest"]
    assert [change.pop("origin") for change in split["changes"]] == ["branch"]
    assert split["changes"] == plain["changes"]
    for name in ("census", "requests", "edits", "verdicts"):
        assert split["notes"][name] == plain["notes"][name]
    assert "branch" not in plain["notes"]


def test_a_saved_plan_says_it_too_and_applies(project: ProjectFolder) -> None:
    """`-o` with --base writes a file that apply takes."""
    project.rule(3, query="branch : *")

    saved = project.run("plan", "-e", "s", "--base", "main", "-o", "plan.json")
    applied = project.run("apply", "plan.json")

    assert saved.code == 0, saved.err
    assert applied.code == 0, applied.err
    assert "Deployment #2" in applied.out
    assert "1 change" in applied.out


def test_a_branch_that_is_behind_is_told_what_it_would_take_back(project: ProjectFolder) -> None:
    """main went on and was applied; this branch left before: its old content is no work of this branch."""
    git(project.root, "checkout", "-q", "main")
    project.rule(1, query="main : *")
    commit(project, "on main")
    assert project.run("apply", "-e", "s", "--yes").code == 0
    git(project.root, "checkout", "-q", "work")
    project.rule(2, query="branch : *")

    ran = project.run("plan", "-e", "s", "--base", "main", "--json")
    told = project.run("plan", "-e", "s", "--base", "main")

    assert origins(ran) == {1: "behind", 2: "branch"}
    assert "THIS BRANCH IS BEHIND main" in told.out
    assert "merge it, or these go back" in told.out


def test_what_main_would_change_and_the_branch_does_not_is_named(project: ProjectFolder) -> None:
    """The branch reverts what is on main and not applied: nothing is to do, and that is said."""
    on_main(project, 1)
    git(project.root, "merge", "-q", "main")
    project.rule(1)
    commit(project, "revert it")

    told = project.run("plan", "-e", "s", "--base", "main")

    assert told.code == 0, told.err
    assert "what main would change here and this branch does not: Rule 1" in told.out


def test_fields_that_main_writes_too_are_named_under_a_change(project: ProjectFolder) -> None:
    """A rule that both change: the branch's query is its own, the severity put back is not."""
    Where().edit(project, 1, severity="high")
    project.rule(1, query="branch : *")

    told = project.run("plan", "-e", "s", "--base", "main")

    assert "not from this branch: severity" in told.out


def test_environment_files_count_as_work_of_the_branch(project: ProjectFolder) -> None:
    """An overlay that the branch adds changes every rule: all of them are the branch's."""
    settings = (project.root / "environments/s.toml").read_text("utf-8")
    project.write("environments/s.toml", settings + OVERRIDE.format("high"))

    assert origins(project.run("plan", "-e", "s", "--base", "main", "--json")) == dict.fromkeys(range(1, 6), "branch")


def test_an_exception_list_of_the_branch_is_told_from_one_of_main(project: ProjectFolder) -> None:
    """Lists are compared as rules are: one on main already, one of this branch."""
    text = (
        '[[exceptions]]\n[exceptions.container]\ndescription = "d"\nlist_id = "{0}"\nname = "{0}"\n'
        'namespace_type = "single"\ntags = []\ntype = "detection"\n'
    )
    project.write("exceptions/old.toml", text.format("old-list"))
    project.write("exceptions/new.toml", text.format("new-list"))
    for number, name in ((1, "old-list"), (2, "new-list")):
        path = project.root / f"rules/rule_{number}.toml"
        path.write_text(path.read_text("utf-8") + f'exceptions_list = ["{name}"]\n', "utf-8")
    checked = project.run("plan", "-e", "s", "--json")
    assert checked.code == 0, checked.err
    keys = [
        f"{d['kind']}:{d.get('namespace', 'single')}:{d['name']}" for d in checked.document["plans"][0]["dependencies"]
    ]
    git(project.root, "add", "exceptions/old.toml", "rules/rule_1.toml")
    git(project.root, "commit", "-q", "-m", "old list")
    git(project.root, "branch", "-q", "-f", "main")

    found = project.run("plan", "-e", "s", "--base", "main", "--json").document["plans"][0]["notes"]["branch"][
        "origins"
    ]

    assert {key: origin for key, origin in found.items() if key in keys} == {
        "exception list:single:old-list": "base",
        "exception list:single:new-list": "branch",
    }


def test_the_work_tree_is_not_touched(project: ProjectFolder) -> None:
    """Uncommitted and untracked files, the index and HEAD are after it what they were before."""
    project.rule(3, query="uncommitted : *")
    project.rule(7)
    git(project.root, "add", "rules/rule_7.toml")
    before = git(project.root, "status", "--porcelain=v2", "--branch"), git(project.root, "worktree", "list")
    index = (project.root / ".git/index").read_bytes()

    ran = project.run("plan", "-e", "s", "--base", "main", "--json")

    assert origins(ran) == {3: "branch", 7: "branch"}
    assert (git(project.root, "status", "--porcelain=v2", "--branch"), git(project.root, "worktree", "list")) == before
    assert (project.root / ".git/index").read_bytes() == index


def test_a_ref_that_this_clone_does_not_have_is_named_with_the_remedy(project: ProjectFolder, tmp_path: Path) -> None:
    """A shallow clone says fetch-depth, a full one says what to fetch; nothing is planned."""
    shallow = tmp_path / "shallow"
    git(tmp_path, "clone", "-q", "--depth", "1", "--branch", "work", f"file://{project.root}", str(shallow))

    short = ProjectFolder(shallow).run("plan", "-e", "s", "--base", "origin/main")
    full = project.run("plan", "-e", "s", "--base", "origin/other")

    assert (short.code, full.code) == (1, 1)
    assert "this clone has no commit 'origin/main'" in short.err
    assert "fetch-depth: 0" in short.err
    assert "git fetch origin other" in full.err
    assert not short.out
    assert not full.out


def test_a_shallow_clone_that_has_the_ref_is_enough(project: ProjectFolder, tmp_path: Path) -> None:
    """Two commits of depth 1: REF is there, the commit where the branch left it is not; the split works."""
    project.rule(3, query="branch : *")
    commit(project, "on the branch")
    on_main(project, 1)
    shallow = tmp_path / "shallow"
    git(tmp_path, "clone", "-q", "--depth", "1", "--branch", "work", f"file://{project.root}", str(shallow))
    git(shallow, "fetch", "-q", "--depth", "1", "origin", "main")

    ran = ProjectFolder(shallow).run("plan", "-e", "s", "--base", "FETCH_HEAD", "--json")

    assert origins(ran)[3] == "branch"
    assert origins(ran)[2] == "base", "the clone's store knows no deployment: everything is to be created"


def test_outside_a_repository_it_says_so(tmp_path: Path) -> None:
    """--base without git: one sentence, exit 1."""
    project = new_project(tmp_path)
    project.rule(1)

    ran = project.run("plan", "-e", "s", "--base", "main", GIT_CEILING_DIRECTORIES=str(tmp_path.parent))

    assert ran.code == 1
    assert "--base main needs a git repository" in ran.err


def test_an_environment_that_main_does_not_have_is_all_of_the_branch(project: ProjectFolder) -> None:
    """A new environment cannot be compared, and that is said; its changes are the branch's."""
    project.write("environments/new.toml", '[kibana]\nurl = "sandbox"\n')

    ran = project.run("plan", "-e", "new", "--base", "main", "--json")
    told = project.run("plan", "-e", "new", "--base", "main")

    assert set(origins(ran).values()) == {"branch"}
    assert "environments/new.toml is not there" in ran.document["plans"][0]["notes"]["branch"]["note"]
    assert "this branch  what main has cannot be planned here" in told.out


def test_broken_files_on_main_stop_nothing(project: ProjectFolder) -> None:
    """A rule that is broken on main counts as not there; mending it is this branch's work."""
    git(project.root, "checkout", "-q", "main")
    project.write("rules/rule_1.toml", "this is no TOML\n")
    project.write("rules/deep/bytes.toml", "x = 1\n").write_bytes(b"\xff\xfe")
    commit(project, "broken")
    git(project.root, "checkout", "-q", "work")
    git(project.root, "merge", "-q", "main")
    project.rule(1, query="mended : *")
    (project.root / "rules/deep/bytes.toml").unlink()

    assert origins(project.run("plan", "-e", "s", "--base", "main", "--json")) == {1: "branch"}


def test_a_promoted_environment_says_why_not_now(project: ProjectFolder) -> None:
    """Rules of the branch are not in prod's plan: each is named with what it waits for, and the rest is silent."""
    project.write("environments/prod.toml", '[kibana]\nurl = "sandbox"\n' + PROMOTED)
    lock = project.run("promote", "--to", "prod", "--only", "*", "--waive", "soak", "--reason", "first")
    assert lock.code == 0, lock.err
    commit(project, "prod")
    git(project.root, "branch", "-q", "-f", "main")
    assert project.run("apply", "-e", "prod", "--yes").code == 0
    project.rule(1, query="branch : *")
    project.rule(6)

    told = project.run("plan", "-e", "prod", "--base", "main")
    both = project.run("plan", "-e", "s", "-e", "prod", "--base", "main")
    assert project.run("apply", "-e", "s", "--yes").code == 0
    later = project.run("plan", "-e", "prod", "--base", "main")

    waiting = told.out[told.out.index("NOT NOW") :].splitlines()[2:4]
    assert [row.split() for row in waiting] == [
        ["Rule", number, "not", "now:", "waits", "24", "h", "in", "s"] for number in ("1", "6")
    ]
    assert "Rule 2" not in told.out
    table = both.out[both.out.index("TARGETS") :]
    assert "2 changes" in table
    assert "2 from this branch" in table
    assert "0 from this branch; 2 of this branch not now" in table
    assert "not now: waits 24 h in s: runs for" in later.out, "it runs in the source now, and soaks"


def test_what_is_managed_on_elastics_rules_is_split_too(tmp_path: Path) -> None:
    """prebuilt/*.toml of main and of the branch are told apart like rules."""
    with running(tmp_path / "kibana.sqlite3") as kibana:
        first, second = kibana.admin("POST", "prebuilt", {"count": 2})["rule_ids"]
        project = against(tmp_path / "p", kibana.url)
        project.rule(1)
        entry = '[[prebuilt]]\nrule_id = "{}"\nenabled = true\n'
        project.write("prebuilt/one.toml", entry.format(first))
        git(project.root, "init", "-q", "-b", "main")
        commit(project, "one of Elastic's rules")
        git(project.root, "checkout", "-q", "-b", "work")
        project.write("prebuilt/two.toml", entry.format(second))

        ran = project.run("plan", "-e", "s", "--base", "main", "--json", **SECRET)

    assert ran.code == 0, ran.err
    assert ran.document["plans"][0]["notes"]["branch"]["origins"] == {
        first: "base",
        second: "branch",
        ids(1)[0]: "base",
    }


def test_one_comment_with_one_table_for_several_targets(project: ProjectFolder) -> None:
    """Markdown: a row per target, the branch's own changes open, the rest of each plan folded; also in HTML."""
    project.write("environments/t.toml", '[kibana]\nurl = "sandbox"\n')
    commit(project, "t")
    git(project.root, "branch", "-q", "-f", "main")
    on_main(project, 1)
    git(project.root, "merge", "-q", "main")
    project.rule(3, query="branch : *", name="<!-- --> </details> @everyone")

    ran = project.run(
        *("plan", "-e", "s", "-e", "t", "--base", "main", "--format", "markdown=p.md", "--format", "html=p.html")
    )
    text, page = ((project.root / name).read_text("utf-8") for name in ("p.md", "p.html"))

    assert ran.code == 0, ran.err
    table, _, rest = text.partition("## Plan for `s`")
    assert table.count("\n| ") == 4
    assert "1 from this branch" in table
    of_s, _, _ = rest.partition("## Plan for `t`")
    own, _, folded = of_s.partition("<details><summary>On the base already, not applied yet: 1 change")
    assert "**this branch**: `1 of 2 changes; 1 on main, not applied yet`" in own
    assert "branch : *" in own
    assert "main : *" not in of_s
    assert "`Rule 1`" in folded
    read = re.sub(r"(`+).*?\1", "", of_s, flags=re.DOTALL)  # without what stands in code
    assert read.count("<details>") == read.count("</details>") == 2
    assert "everyone" not in read
    assert "On the base already, not applied yet" in page


@pytest.mark.parametrize("name", ["..", ".git"])
def test_a_commit_with_paths_that_lead_out_is_refused(project: ProjectFolder, name: str) -> None:
    """git can hold a tree that no checkout would make: nothing of it is written anywhere."""
    blob = made(project, b"x = 1\n", "hash-object", "-w", "--stdin")
    inner = made(project, f"100644 blob {blob}\tout.toml\n".encode(), "mktree")
    tree = made(project, f"040000 tree {inner}\t{name}\n".encode(), "mktree")
    top = made(project, f"040000 tree {tree}\tenvironments\n".encode(), "mktree")
    commit_id = git(project.root, "commit-tree", top, "-m", "hostile")

    ran = project.run("plan", "-e", "s", "--base", commit_id)

    assert ran.code == 1
    assert "has a file that no work tree may have" in ran.err
    assert not list(project.root.parent.rglob("out.toml"))


def made(project: ProjectFolder, content: bytes, *words: str) -> str:
    """Write an object into the repository."""
    done = subprocess.run(["git", *words], cwd=project.root, input=content, check=True, capture_output=True)
    return done.stdout.decode().strip()
