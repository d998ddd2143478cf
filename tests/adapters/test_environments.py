"""Settings files on disk: what right ones say, and every sentence about wrong ones, case by case."""

from __future__ import annotations

import os
import re
from datetime import date
from pathlib import Path

import pytest

from deployer.adapters.environments import find_root, load_settings
from deployer.core.environment import ConnectorRef, Credentials, Exclusion, Freeze, Limit, SecretRef
from deployer.core.fields import FIELDS
from deployer.core.selector import parse_selector
from deployer.core.settings.layers import SECTIONS
from deployer.errors import DeployerError

TODAY = date(2026, 9, 1)
ROOT = Path(__file__).resolve().parents[2]
CASES = ROOT / "tests" / "cases" / "settings"
EXAMPLES = ROOT.parent / "shared" / "examples"

pytestmark = pytest.mark.quick


def load(root):
    """Read the settings of a folder as of the day of these tests."""
    return load_settings(root, today=TODAY, fields=FIELDS.keys())


def project(root, **files):
    """Write a project of environment files (`base` is `_base`) and return its folder."""
    (root / "environments").mkdir()
    (root / "deployer.toml").write_text('project = "acme"\n')
    for name, text in files.items():
        (root / "environments" / f"{'_base' if name == 'base' else name}.toml").write_text(text)
    return root


def told(settings):
    """Say what a person is told about these files: every problem, then what is left to work with."""
    lines = [f"{problem.severity}: {problem}" for problem in settings.problems]
    lines.append("targets: " + (", ".join(environment.target for environment in settings.environments) or "none"))
    lines.append("broken: " + (", ".join(settings.broken) or "none"))
    return "\n".join(lines) + "\n"


@pytest.mark.parametrize("case", sorted(path.name for path in CASES.iterdir()))
def test_wrong_files_are_told_in_full(case):
    """Every problem of every file at once, with line, column, key and remedy; no secret is repeated."""
    said = told(load(CASES / case))
    assert said == (CASES / case / "expected.txt").read_text()
    assert "hunter2" not in said


def test_every_case_stands_for_something():
    """Between them the cases show every code that a settings file can get, so that none goes untested."""
    told_lines = [line for path in CASES.glob("*/expected.txt") for line in path.read_text().splitlines()]
    shown = {found[1] for line in told_lines if (found := re.search(r" \[([a-z0-9-]+)\]$", line))}
    codes = {
        *("wrong-type", "wrong-value", "missing-key", "unknown-key", "duplicate-key", "selector", "no-effect"),
        *("url", "cloud-id", "plain-http", "tls-not-verified", "literal-secret", "secret-reference"),
        *("missing-url", "missing-credential", "missing-project", "project-name", "environment-name"),
        *("extends-cycle", "unknown-extends", "unknown-space", "not-in-space", "duplicate-target"),
        *(
            "toml-syntax",
            "encoding",
            "unknown-environment",
            "unknown-field",
            "fixed-field",
            "marker-tag",
            "expired-exclusion",
        ),
    }
    assert codes - shown == set()


def test_our_own_environments_are_right():
    """The files that this repository ships have no problem and give the targets that the README names."""
    settings = load(ROOT)
    assert settings.problems == ()
    assert {environment.target for environment in settings.environments} >= {"sandbox", "dev"}
    assert settings.project.name


@pytest.mark.skipif(not EXAMPLES.is_dir(), reason=f"needs {EXAMPLES}, which is not here")
def test_the_example_means_what_its_comments_say(tmp_path):
    """The complete example: two targets, what they share, and what differs in one of them."""
    files = {name: (EXAMPLES / f"{file}.toml").read_text() for name, file in [("base", "_base"), ("prod", "prod")]}
    root = project(tmp_path, **files, staging='[kibana]\nurl = "sandbox"\n')
    (root / "deployer.toml").write_text((EXAMPLES / "deployer.toml").read_text())
    settings = load(root)
    assert settings.problems == ()
    assert settings.project.marker == "deployer:acme-detections"
    assert settings.project.rules == ("rules", "rules_building_block")
    assert settings.project.state == "git:origin#deployer-state"
    emea, amer, _ = settings.environments
    assert (emea.target, emea.space, amer.target, amer.space) == ("prod/emea", "emea", "prod/amer", "amer")
    assert emea.connection.credentials == Credentials(api_key=SecretRef("env", "PROD_KIBANA_API_KEY"))
    assert amer.connection.credentials == Credentials(api_key=SecretRef("env", "AMER_KIBANA_API_KEY"))
    assert emea.connection.read_credentials == amer.connection.read_credentials
    assert emea.connection.ca_file == str(root / "certs/corporate-ca.pem")
    assert (emea.connection.run_timeout, emea.connection.horizon) == (1200.0, 150.0)
    assert emea.rules.source == "promoted"
    assert emea.rules.exclude == (
        Exclusion(parse_selector("path:rules/lab/**")),
        Exclusion(parse_selector("tag:Data Source: Workday"), "CHG-1182: not onboarded", date(2026, 12, 31)),
    )
    assert amer.rules.exclude == (
        *emea.rules.exclude,
        Exclusion(parse_selector("tag:Regulation: GDPR"), "does not apply"),
    )
    assert emea.limits.update == Limit(40, percent=True)
    assert (emea.limits.delete, emea.limits.enable, emea.limits.create) == (Limit(0), Limit(25), None)
    assert emea.limits.protected == (parse_selector("tag:Crown Jewel"),)
    assert emea.deploy.freeze == (Freeze(date(2026, 12, 18), date(2027, 1, 4), "year-end change freeze"),)
    assert emea.promotion.source == "staging"
    assert emea.promotion.soak == 86400.0
    assert emea.promotion.healthy_allows == ("missing-index", "disabled-in-source")
    assert amer.connectors == {"soc-slack": ConnectorRef("SOC Slack US"), "soc-pager": ConnectorRef("SOC PagerDuty")}
    own = ["prod marker", "cloudtrail is late", "page only for critical"]
    assert [override.name for override in emea.overrides] == own
    assert [override.name for override in amer.overrides] == [*own, "US indices", "US domain controllers are noisy"]
    assert amer.overrides[-1].set == {"threshold.value": 40}
    assert amer.overrides[-1].origin.startswith("environments/prod.toml:")
    assert emea.ownership.of("tags") == "merge"
    assert emea.ownership.of("query") == "shared"


def test_names_of_targets(tmp_path):
    """ENV for one space, ENV/SPACE where spaces are listed, so that adding a second one renames nothing."""
    root = project(
        tmp_path,
        dev='[kibana]\nurl = "sandbox"\n',
        test='[kibana]\nurl = "sandbox"\nspace = "soc"\n',
        prod='[kibana]\nurl = "sandbox"\nspaces = ["emea"]\n',
    )
    assert [(e.target, e.space) for e in load(root).environments] == [
        ("dev", "default"),
        ("prod/emea", "emea"),
        ("test", "soc"),
    ]


def test_defaults(tmp_path):
    """What an environment of one line gets: the limits, ownership and times of the design."""
    (environment,) = load(project(tmp_path, dev='[kibana]\nurl = "sandbox"\n')).environments
    limits = environment.limits
    assert (limits.disable, limits.delete, limits.recreate) == (Limit(10), Limit(0), Limit(0))
    assert (limits.create, limits.update, limits.enable, limits.weaken) == (None, None, None, None)
    assert (environment.ownership.removed, environment.ownership.conflict) == ("disable", "refuse")
    assert [environment.ownership.of(name) for name in ("tags", "exceptions_list", "query")] == [
        "merge",
        "merge",
        "shared",
    ]
    assert environment.connection.verify
    assert environment.sandbox


URLS = [
    ('url = "https://Kibana.Example.COM:443/"', "https://kibana.example.com"),
    ('url = "https://kibana.example.com/kibana/"', "https://kibana.example.com/kibana"),
    ('url = "http://127.0.0.1:5601"', "http://127.0.0.1:5601"),
    ('url = "https://[2001:DB8::1]:9243"', "https://[2001:db8::1]:9243"),
    ('url = "http://kibana.example.com"\nallow_http = true', "http://kibana.example.com"),
    ('url = "https://kibana.example.com/a/s"', "https://kibana.example.com/a/s"),
    # base64 of example.com$es$kibana, then example.com:9243$es$kibana, then example.com$es$kibana:9244
    ('cloud_id = "n:ZXhhbXBsZS5jb20kZXMka2liYW5h"', "https://kibana.example.com"),
    ('cloud_id = "n:ZXhhbXBsZS5jb206OTI0MyRlcyRraWJhbmE="', "https://kibana.example.com:9243"),
    ('cloud_id = "ZXhhbXBsZS5jb20kZXMka2liYW5hOjkyNDQ="', "https://kibana.example.com:9244"),
]


@pytest.mark.parametrize(("written", "url"), URLS)
def test_addresses_have_one_form(tmp_path, written, url):
    """Case, default port, slash at the end and Cloud ID do not matter; a base path stays."""
    settings = load(project(tmp_path, dev=f'[kibana]\n{written}\napi_key = "env:K"\n'))
    assert settings.problems == ()
    assert settings.environments[0].connection.url == url
    assert settings.environments[0].connection.given_as == written.partition(" ")[0]


def test_a_later_file_takes_the_place_of_another_way_to_say_it(tmp_path):
    """url for cloud_id, spaces for space, basic for an API key: what lies below does not disturb."""
    base = '[kibana]\ncloud_id = "n:ZXhhbXBsZS5jb20kZXMka2liYW5h"\nspace = "base"\n'
    base += 'api_key = "env:BASE"\nread_api_key = "env:READ"\n'
    dev = 'extends = "_base"\n[kibana]\nurl = "https://k.example.com"\nspaces = ["a", "b"]\n'
    dev += 'username = "elastic"\npassword = "env:PW"\n[space.b]\nbearer = "env:TOKEN"\n'
    settings = load(project(tmp_path, base=base, dev=dev))
    assert settings.problems == ()
    a, b = (environment.connection for environment in settings.environments)
    assert a.credentials == Credentials(username="elastic", password=SecretRef("env", "PW"))
    assert b.credentials == Credentials(bearer=SecretRef("env", "TOKEN"))
    assert a.read_credentials == b.read_credentials == Credentials(api_key=SecretRef("env", "READ"))


def test_an_inherited_limit_can_be_taken_off(tmp_path):
    """`unlimited` in a file that extends one with a limit; a user name by reference, a key from a file."""
    base = '[limits]\nupdate = "40%"\ndisable = "5%"\n'
    dev = 'extends = "_base"\n[kibana]\nurl = "https://k.example.com"\nusername = "env:ME"\npassword = "file:../pw"\n'
    settings = load(project(tmp_path, base=base, dev=dev + '[limits]\nupdate = "unlimited"\n'))
    assert settings.problems == ()
    (environment,) = settings.environments
    assert (environment.limits.update, environment.limits.disable) == (None, Limit(5, percent=True))
    basic = Credentials(username=SecretRef("env", "ME"), password=SecretRef("file", "../pw"))
    assert environment.connection.credentials == environment.connection.read_credentials == basic


def test_set_takes_dotted_keys_in_every_spelling_of_toml(tmp_path):
    """Quotes or not, inline or not: the same keys, so that forgotten quotes never throw away the rest of a field."""
    spellings = [
        'set = { "threshold.value" = 40, interval = "1h" }',
        'set = { threshold.value = 40, interval = "1h" }',
        'set = { threshold = { value = 40 }, interval = "1h" }',
        '[override.set]\nthreshold.value = 40\ninterval = "1h"',
    ]
    for number, spelling in enumerate(spellings):
        folder = tmp_path / str(number)
        folder.mkdir()
        text = f'[kibana]\nurl = "sandbox"\n[[override]]\nname = "o"\nmatch = ["*"]\n{spelling}\n'
        settings = load(project(folder, dev=text))
        assert settings.problems == ()
        assert settings.environments[0].overrides[0].set == {"threshold.value": 40, "interval": "1h"}


def test_every_key_but_the_url_may_differ_in_one_space(tmp_path):
    """Each key of each table may stand in `[space.NAME]`, bare or in its table, and is read there."""
    samples = {
        **dict.fromkeys(("api_key", "read_api_key", "bearer", "password"), '"env:X"'),
        **dict.fromkeys(("ca_file", "client_cert", "client_key", "branch", "username"), '"x"'),
        **dict.fromkeys(("verify", "allow_http", "ci_only"), "true"),
        **dict.fromkeys(("horizon", "delete_after", "soak"), '"90s"'),
        **dict.fromkeys(("create", "update", "enable", "disable", "delete", "recreate", "weaken", "connections"), "3"),
        **dict.fromkeys(("include", "exclude", "protected"), '["*"]'),
        **dict.fromkeys(("timeout", "fields"), "{}"),
        **{"proxy": '"http://p.example.com"', "stack": '"9.3"', "source": '"promoted"', "new_rules": '"disabled"'},
        **{"min_stack": '"skip"', "removed": '"keep"', "conflict": '"skip"', "reason": '["allow"]', "freeze": "[]"},
        **{"from": '"dev"', "require": '["healthy"]', "healthy_allows": "[]"},
    }
    not_here = {"url", "cloud_id", "space", "spaces"}
    assert {key for keys in SECTIONS.values() for key in keys} == samples.keys() | not_here
    together = {"password": 'username = "x"\n', "username": 'password = "env:X"\n', "client_key": 'client_cert = "x"\n'}
    for section, keys in SECTIONS.items():
        for key in set(keys) - not_here:
            other = together.get(key, "")
            basic = '[promotion]\nfrom = "test"\n' if section == "promotion" and key != "from" else ""
            head = '[kibana]\nurl = "https://x.example.com"\napi_key = "env:K"\nspaces = ["a"]\n' + basic
            for form in (
                f"[space.a]\n{key} = {samples[key]}\n{other}",
                f"[space.a.{section}]\n{key} = {samples[key]}\n{other}",
            ):
                root = tmp_path / f"{section}-{key}-{len(form)}"
                root.mkdir()
                other_environments = dict.fromkeys(("dev", "test"), '[kibana]\nurl = "sandbox"\n')
                settings = load(project(root, prod=head + form, **other_environments))
                assert settings.errors == (), (key, form)


def test_certificates_are_counted_from_the_project(tmp_path):
    """Relative paths mean the same wherever the command is started; absolute ones stay."""
    text = '[kibana]\nurl = "sandbox"\nca_file = "certs/ca.pem"\nclient_cert = "/etc/c.pem"\nclient_key = "../k.pem"\n'
    (environment,) = load(project(tmp_path, dev=text)).environments
    found = environment.connection
    assert (found.ca_file, found.client_cert) == (str(tmp_path / "certs/ca.pem"), "/etc/c.pem")
    assert Path(found.client_key).resolve() == tmp_path.parent / "k.pem"


def test_the_root_is_found_from_below(tmp_path):
    """deployer.toml above everything else; without one the nearest folder with rules or environments."""
    deep = tmp_path / "project" / "rules" / "windows" / "rules"
    deep.mkdir(parents=True)
    assert find_root(deep / "..") == tmp_path / "project" / "rules" / "windows"
    (tmp_path / "project" / "deployer.toml").write_text("")
    assert find_root(deep) == tmp_path / "project"
    assert find_root(tmp_path / "project") == tmp_path / "project"


def test_no_project_is_a_sentence(tmp_path):
    """Nowhere to be found: the message says what was looked for, the hint how to begin."""
    if any(
        (folder / mark).exists() for folder in tmp_path.parents for mark in ("deployer.toml", "rules", "environments")
    ):
        pytest.skip(f"a folder above {tmp_path} is a project")
    with pytest.raises(DeployerError, match="there is no project in") as caught:
        find_root(tmp_path)
    assert "deployer init" in caught.value.hint


def test_a_folder_without_environments_has_no_targets(tmp_path):
    """Nothing is wrong with a project that has none yet."""
    settings = load(tmp_path)
    assert (settings.environments, settings.problems, settings.broken) == ((), (), ())


@pytest.mark.skipif(not hasattr(os, "getuid") or os.getuid() == 0, reason="root reads everything")
def test_an_unreadable_file_is_a_problem(tmp_path):
    """No rights: told like any other problem."""
    root = project(tmp_path, dev='[kibana]\nurl = "sandbox"\n')
    (root / "environments/dev.toml").chmod(0)
    assert [problem.code for problem in load(root).problems] == ["unreadable"]


def test_a_folder_in_place_of_a_file_is_a_problem(tmp_path):
    """`environments/dev.toml/` is told, not a traceback."""
    root = project(tmp_path)
    (root / "environments/dev.toml").mkdir()
    settings = load(root)
    assert [problem.code for problem in settings.problems] == ["unreadable"]
    assert settings.broken == ("dev",)
