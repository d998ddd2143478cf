"""Selectors: what is selected, what is refused and with which words."""

from __future__ import annotations

import copy
import pickle
import subprocess

import pytest
from hypothesis import given
from hypothesis import strategies as st

from deployer.core.selector import (
    SelectorError,
    compile_glob,
    compile_path_glob,
    matches_any,
    parse_selector,
)
from tests.support.subject import RuleSubject

pytestmark = pytest.mark.quick

RULE = RuleSubject(
    rule_id="e1d7c2a8-4b90-4f3e-8c66-70a5b9d3f214",
    name="Brute Force: Privileged & Service Accounts",
    tags=("Domain: Identity", "Data Source: AWS & Azure", "Use Case: R&D", "[old]"),
    path="rules/identity/credential_access/brute_force.toml",
    type="threshold",
    severity="high",
    maturity="production",
)


@pytest.mark.parametrize(
    "text",
    [
        "*",
        "id:e1d7c2a8-4b90-4f3e-8c66-70a5b9d3f214",
        "id:e1d7c2a8*",
        "name:Brute Force*",
        "name:*Privileged & Service*",
        "tag:Domain: Identity",
        "tag: Domain: Identity",
        "tag:Domain:*",
        "tag:Data Source: AWS & Azure",
        "tag:Use Case: R&D",
        "tag:[[]old]",
        "tag:?old?",
        "path:rules/identity/**",
        "path:rules/**/brute_force.toml",
        "path:rules/*/credential_access/*.toml",
        "path:brute_force.toml",
        "path:credential_access",
        "type:threshold",
        "type:thres*",
        "severity:[hc]*",
        "maturity:production",
        "not:tag:Domain: LLM",
        "not:severity:low",
        "maturity:production & not:tag:Domain: LLM",
        "type:threshold  &  severity:high & * & not:id:nothing",
        "tag:Data Source: AWS & Azure & type:threshold",
        "not: tag:Domain: LLM",
    ],
)
def test_selects(text):
    """These selectors select the rule."""
    assert parse_selector(text).matches(RULE)


@pytest.mark.parametrize(
    "text",
    [
        "id:e1d7c2a8",
        "id:E1D7C2A8*",
        "tag:domain: identity",
        "tag:Domain",
        "tag:[old]",
        "path:rules/*",
        "path:rules/lab/**",
        "path:identity/credential_access",
        "path:rules/*/brute_force.toml",
        "type:query",
        "not:*",
        "not:tag:Domain:*",
        "maturity:production & tag:Domain: LLM",
        "maturity:production & not:*",
        "name:Brute Force: Privileged",
    ],
)
def test_does_not_select(text):
    """These do not, though they come near: case counts, a glob means the whole, `*` stops at a folder in paths."""
    matches_folder = text == "path:rules/*"  # as in git's ignore files: it matches the folder rules/identity
    assert parse_selector(text).matches(RULE) is matches_folder


@pytest.mark.parametrize(
    ("text", "column", "message", "remedy"),
    [
        ("", 1, "empty", '"*"'),
        ("production", 1, '"production" names no kind', '"tag:production"'),
        ("high", 1, '"high" names no kind', '"severity:high"'),
        ("eql", 1, '"eql" names no kind', '"type:eql"'),
        ("tags", 1, '"tags" names no kind', '"tag:…"'),
        ("tags:AWS", 1, '"tags" is not a kind', 'did you mean "tag"?'),
        ("colour:red", 1, '"colour" is not a kind', "kinds are id, name, tag"),
        ("not:tags:AWS", 5, '"tags" is not a kind', 'did you mean "tag"?'),
        ("not:not:tag:x", 5, "stands once", "remove one"),
        ("tag:", 5, "has no value", '"*"'),
        ("severity:High", 10, 'no severity is called "High"', 'did you mean "high"?'),
        ("type:eql & severity:hgih", 21, 'no severity is called "hgih"', 'did you mean "high"?'),
        ("not:type:sigma", 10, 'no type is called "sigma"', "known: eql"),
        ("tag:A & severty:high", 9, '"severty" is not a kind', 'did you mean "severity"?'),
        ("tag:A & not:pth:x", 13, '"pth" is not a kind', 'did you mean "path"?'),
    ],
)
def test_refuses_with_place_and_remedy(text, column, message, remedy):
    """What cannot be read names the place inside the text, and what to write instead."""
    with pytest.raises(SelectorError) as caught:
        parse_selector(text)
    assert (caught.value.column, message in str(caught.value), remedy in caught.value.remedy) == (column, True, True)


def test_a_value_may_go_on_after_an_ampersand_that_begins_no_term():
    """` & ` splits only before a kind, `not:` or a lone star."""
    assert parse_selector("tag:A & B").matches(RuleSubject(tags=("A & B",)))
    assert parse_selector("tag:A & B & type:eql").matches(RuleSubject(tags=("A & B",), type="eql"))
    assert not parse_selector("tag:A & B & type:eql").matches(RuleSubject(tags=("A & B",), type="query"))
    assert parse_selector("tag:A [&] types: x").matches(RuleSubject(tags=("A & types: x",)))


def test_equal_by_text_and_survives_copying():
    """A selector prints as it was written, equals its copies, and can cross a process border."""
    selector = parse_selector(" tag:A & type:eql ")
    assert str(selector) == "tag:A & type:eql"
    for other in (pickle.loads(pickle.dumps(selector)), copy.deepcopy(selector), parse_selector("tag:A & type:eql")):
        assert other == selector
        assert other.matches(RuleSubject(tags=("A",), type="eql"))
    assert "lambda" not in repr(selector)


def test_a_list_means_any_of_them():
    """One selector of a list is enough; an empty list selects nothing."""
    assert matches_any([parse_selector("type:eql"), parse_selector("severity:high")], RULE)
    assert not matches_any([], RULE)


SIGNS = st.characters(categories=("Lu", "Ll", "Nd", "Zs"), include_characters=":/._-&'\"#")
NAMES = st.text(SIGNS, min_size=1).filter(lambda text: text == text.strip() and " & " not in text)


@given(value=NAMES, kind=st.sampled_from(["id", "name", "tag"]), other=NAMES)
def test_a_value_without_glob_signs_selects_exactly_itself(value, kind, other):
    """Whatever signs a name has: its selector selects it, the negation does not, and of others it is the opposite."""
    selector, negation = parse_selector(f"{kind}:{value}"), parse_selector(f"not:{kind}:{value}")
    of = {"id": "rule_id", "name": "name", "tag": "tags"}[kind]
    same, different = (RuleSubject(**{of: (text,) if kind == "tag" else text}) for text in (value, other))
    assert selector.matches(same)
    assert not negation.matches(same)
    assert selector.matches(different) is (value == other)
    assert negation.matches(different) is (value != other)


def test_a_range_that_runs_backwards_has_no_members():
    """`[b-a]` matches no character, `[!b-a]` every one; neither is an error."""
    assert not any(map(compile_glob("[b-a]"), "abc-"))
    assert all(map(compile_glob("[!b-a]"), "abc-"))


@pytest.mark.parametrize(
    ("glob", "members", "others"),
    [
        ("[a--]", "", "ab-"),
        ("[--b]", "-.0Aab", "c,"),
        ("[a-b--]", "ab-", "c."),
        ("[a--b]", "b", "a-"),
        ("[-]", "-", "a"),
    ],
)
def test_hyphens_in_a_class_are_ranges_or_themselves(glob, members, others):
    """A `-` between two signs is a range, whatever the signs are; any other is itself (found by the test below)."""
    matches = compile_glob(glob)

    assert all(map(matches, members))
    assert not any(map(matches, others))


@given(st.text(st.sampled_from("ab*?[]!-/"), max_size=8), st.text(st.sampled_from("ab]-/"), max_size=6))
def test_every_glob_compiles_and_literal_text_matches_itself(glob, text):
    """No text of a user makes a glob that cannot be compiled, and one without signs matches only itself."""
    matches = compile_glob(glob)
    compile_path_glob(glob or "x")
    if not set(glob) & set("*?["):
        assert matches(text) is (glob == text)


@given(st.lists(st.sampled_from("ab*?"), max_size=6).map("".join), st.text(st.sampled_from("ab"), max_size=6))
def test_globs_agree_with_a_matcher_by_definition(glob, text):
    """`*` is any run of characters and `?` is one: the compiled glob agrees with the recursive definition."""

    def by_definition(g, t):
        if not g:
            return not t
        if g[0] == "*":
            return by_definition(g[1:], t) or (bool(t) and by_definition(g, t[1:]))
        return bool(t) and g[0] in ("?", t[0]) and by_definition(g[1:], t[1:])

    assert compile_glob(glob)(text) is by_definition(glob, text)


def test_path_globs_agree_with_git(tmp_path):
    """A path selector selects what the same line in .gitignore would ignore, asked of git itself."""
    paths = [
        "a",
        "a/b",
        "a/b/c.toml",
        "b/a/c.toml",
        "c.toml",
        "ab/c.toml",
        "a/bb/cc.toml",
        "a/b/a/b/c.toml",
        "lab/x",
        "x/lab",
    ]
    globs = [
        *("a", "a/", "/a", "a/b", "a/*", "a/**", "**/a", "**/c.toml", "a/**/c.toml", "*.toml", "/*.toml", "**", "*"),
        *(
            "a/*/c.toml",
            "a?b",
            "a?/c.toml",
            "[ab]/c.toml",
            "[!a]b/c.toml",
            "a[!b]*",
            "lab",
            "lab/",
            "*/a",
            "*/a/",
            "b/**",
        ),
        *("**/b/**", "a/**/b", "a/b/c", "?", "a**", "**b/c.toml", "[a-b]b", "a/**/**/c.toml"),
    ]
    subprocess.run(["git", "init", "-q", tmp_path], check=True)
    different = []
    for glob in globs:
        (tmp_path / ".git/info/exclude").write_text(glob + "\n")
        command = ["git", "-C", str(tmp_path), "check-ignore", "--no-index", "--stdin"]
        asked = subprocess.run(command, input="\n".join(paths), capture_output=True, text=True, check=False)
        ours = [path for path in paths if compile_path_glob(glob)(path)]
        # A path without a folder is a file for us; git, too, sees none of these on disk.
        if asked.stdout.split() != ours:
            different.append((glob, asked.stdout.split(), ours))
    assert different == []
