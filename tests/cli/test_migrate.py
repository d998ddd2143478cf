"""`init --from-detection-rules`: a repository of their layout becomes a project that plans and applies as it lies."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.project import RULE, ProjectFolder, Ran, bare_environ
from tests.support.sandbox import running

CONFIG = """# made by setup-config
rule_dirs:
  - rules
bbr_rules_dirs: ["rules_building_block", "not_there"]
directories:
  exception_dir: exceptions
  action_connector_dir: action_connectors
  action_dir: actions
files:
  version_lock: etc/version.lock.json
  packages: etc/packages.yaml
testing:
  config: etc/test_config.yaml
bypass_version_lock: false
"""
RULE_ID = "00000000-0000-4000-8000-000000000001"
EXCEPTIONS = f"""[metadata]
creation_date = "2026/01/02"
list_name = "Scanners"
rule_ids = ["{RULE_ID}"]
rule_names = ["Theirs"]
updated_date = "2026/01/02"

[[exceptions]]
[exceptions.container]
description = "Scanners of ours."
list_id = "scanners"
name = "Scanners"
namespace_type = "single"
tags = []
type = "detection"

[[exceptions.items]]
comments = []
description = "The one in the cellar."
item_id = "scanners-1"
list_id = "scanners"
name = "Cellar"
namespace_type = "single"
tags = []
type = "simple"
[[exceptions.items.entries]]
field = "host.name"
operator = "included"
type = "match"
value = "cellar"
"""
CONNECTORS = """[metadata]
action_connector_name = "SOC"
rule_ids = []

[[action_connectors]]
id = "conn-1"
type = "action"
[action_connectors.attributes]
actionTypeId = ".slack"
name = "SOC of ours"
"""


@pytest.fixture
def theirs(tmp_path: Path) -> ProjectFolder:
    """A repository as detection-rules' CLI makes and uses it."""
    project = ProjectFolder(tmp_path / "repo")
    project.write("_config.yaml", CONFIG)
    project.write("rules/windows/theirs.toml", RULE.format(name="Theirs", rule_id=RULE_ID, query="event.action : *"))
    block = RULE.format(name="Block", rule_id=RULE_ID[:-1] + "2", query="a : *").replace(
        'type = "query"', 'type = "query"\nbuilding_block_type = "default"\ninterval = "1h"\nfrom = "now-2h"'
    )
    project.write("rules_building_block/block.toml", block)
    project.write("exceptions/scanners_exceptions.toml", EXCEPTIONS)
    project.write("action_connectors/conn-1_actions.toml", CONNECTORS)
    project.write("etc/version.lock.json", "{this is not even JSON")
    return project


def init(project: ProjectFolder, *words: str, **environ: str) -> Ran:
    """Run the program in the repository."""
    return project.run("init", "--from-detection-rules", ".", "--name", "acme", *words, **environ)


def test_their_folders_become_a_project_and_nothing_moves(theirs: ProjectFolder) -> None:
    """`_config.yaml` is read, two files and .gitignore are written, every other file is as it was."""
    before = {path: path.read_bytes() for path in theirs.root.rglob("*") if path.is_file()}

    ran = init(
        theirs, DR_KIBANA_URL="https://kibana.example.com:5601/base", DR_IGNORE_SSL_ERRORS="True", DR_API_KEY="k"
    )

    assert ran.code == 0, ran.err
    assert {path: path.read_bytes() for path in before} == before
    project = (theirs.root / "deployer.toml").read_text("utf-8")
    assert 'rules = ["rules", "rules_building_block"]\nexceptions = ["exceptions"]\n' in project
    environment = (theirs.root / "environments/kibana.toml").read_text("utf-8")
    assert 'url = "https://kibana.example.com:5601/base"\napi_key = "env:DR_API_KEY"' in environment
    assert "\nverify = false" in environment
    assert '"SOC of ours" = { id = "conn-1" }' in environment
    assert "left out  not_there: it is not there" in ran.out
    assert "not read  version lock: Kibana counts the versions of rules itself" in ran.out
    assert ran.out.rstrip().endswith("Next: deployer validate, then deployer plan -e kibana --adopt")
    checked = theirs.run("validate")
    assert checked.code == 0, checked.out + checked.err
    again = init(theirs)
    assert "kept   deployer.toml" in again.out
    assert (theirs.root / "deployer.toml").read_text("utf-8") == project


def test_the_project_plans_and_applies_as_it_lies(theirs: ProjectFolder) -> None:
    """Against the sandbox, with an exception list that only `metadata.rule_ids` binds: it is linked to its rule."""
    assert init(theirs).code == 0
    with running(theirs.root.parent / "kibana.sqlite3") as kibana:
        path = theirs.root / "environments/kibana.toml"
        text = path.read_text("utf-8").replace(
            'url = "sandbox"', f'url = "{kibana.url}"\nusername = "elastic"\npassword = "env:PASSWORD"'
        )
        path.write_text(text, "utf-8")
        environ = {"PASSWORD": "changeme", "DEPLOYER_HOSTS": "127.0.0.1"}

        ran = theirs.run("apply", "-e", "kibana", "--yes", **environ)

        assert ran.code == 0, ran.out + ran.err
        assert [entry["list_id"] for entry in kibana.rule(RULE_ID)["exceptions_list"]] == ["scanners"]
        before = {file: file.read_bytes() for file in theirs.root.rglob("*.toml")}
        pulled = theirs.run("pull", "-e", "kibana", **environ)
        assert pulled.code == 0, pulled.err
        assert {file: file.read_bytes() for file in theirs.root.rglob("*.toml")} == before
        plan = theirs.run("plan", "-e", "kibana", "--json", **environ).document["plans"][0]
        assert (plan["changes"], plan["dependencies"]) == ([], [])


def test_cloud_ids_and_no_kibana_at_all(theirs: ProjectFolder) -> None:
    """DR_CLOUD_ID is taken where there is no address; without either it is the sandbox, and the file says so."""
    cloud = "x:ZXhhbXBsZS5jb20kYWJjJGRlZg=="
    assert init(theirs, DR_CLOUD_ID=cloud).code == 0
    path = theirs.root / "environments/kibana.toml"
    assert f'cloud_id = "{cloud}"' in path.read_text("utf-8")
    path.unlink()

    assert init(theirs).code == 0

    assert 'url = "sandbox"' in path.read_text("utf-8")
    assert '#   api_key = "env:DR_API_KEY"' in path.read_text("utf-8")


@pytest.mark.parametrize(
    ("config", "environ", "said"),
    [
        (None, {}, "there is no _config.yaml in ."),
        ("rule_dirs: [", {}, "_config.yaml:"),
        ("rule_dirs: []", {}, "rule_dirs names no folder"),
        ("- a", {}, "is not a mapping"),
        ("rule_dirs: {a: b}", {}, "rule_dirs is not a list of folders"),
        ("rule_dirs: [../rules]", {}, 'names "../rules", which is outside'),
        ("rule_dirs: [/rules]", {}, 'names "/rules", which is outside'),
        ("rule_dirs: [nowhere]", {}, "no rule folder of _config.yaml is there: nowhere"),
        (CONFIG, {"DR_KIBANA_URL": "https://elastic:secret-word@kibana.example.com"}, "DR_KIBANA_URL:"),
    ],
)
def test_what_cannot_be_taken_over_is_said_in_a_sentence(
    theirs: ProjectFolder, config: str | None, environ: dict[str, str], said: str
) -> None:
    """Exit 1, a sentence, no file, no secret."""
    if config is None:
        (theirs.root / "_config.yaml").unlink()
    else:
        theirs.write("_config.yaml", config)

    ran = init(theirs, **environ)

    assert ran.code == 1
    assert said in ran.err
    assert "secret-word" not in ran.out + ran.err
    assert "Traceback" not in ran.err
    assert not (theirs.root / "deployer.toml").exists()
    assert not (theirs.root / "environments").exists()


def test_two_folders_are_one_too_many(theirs: ProjectFolder) -> None:
    """The project lies where the repository lies."""
    ran = theirs.run("init", "elsewhere", "--from-detection-rules", ".")

    assert ran.code == 2
    assert "two folders" in ran.err


def test_without_the_extra_the_remedy_is_named(theirs: ProjectFolder) -> None:
    """YAML is read by an extra that only this command needs."""
    hide = "import sys; sys.modules['yaml'] = None; from deployer.__main__ import main; main()"
    ran = subprocess.run(
        [sys.executable, "-c", hide, "init", "--from-detection-rules", ".", "--name", "acme"],
        cwd=theirs.root, env=bare_environ(), capture_output=True, text=True, check=False,
    )  # fmt: skip

    assert ran.returncode == 1, ran.stderr
    assert "pip install 'kibana-deployer[migrate]'" in ran.stderr
