"""Reading TOML: what is said about a file that is not TOML, and about one that needs TOML 1.1."""

from __future__ import annotations

import copy
import subprocess
import sys

import pytest
import tomli

from deployer.core.toml import TomlError, locator, read
from deployer.core.toml.place import path_text
from deployer.core.toml.syntax import scan

pytestmark = pytest.mark.quick

BROKEN = {
    'a = "C:\\windows"': (1, 8, r"`\w` is not an escape"),
    'x = 1\nq = """\nC:\\windows\n"""': (3, 3, r"`\w` is not an escape"),
    'a = "\\u12"': (1, 8, "the escape needs hexadecimal digits"),
    'a = "\\ud800"': (1, 12, "the escape names no character"),
    'x = 1\nq = """\nabc\n': (2, 5, "the string that starts here is never closed"),
    "x = 1\nq = '''\nabc\n": (2, 5, "the string that starts here is never closed"),
    'a = "abc\nb = 1': (1, 5, "the string that starts here is never closed"),
    "a = 'abc\r\nb = 1": (1, 5, "the string that starts here is never closed"),
    "[b]\nc = 1\n[b]": (3, 2, "`b` is already defined in line 1"),
    "a = 1\n\n'a' = 2": (3, 1, "`a` is already defined in line 1"),
    "a.b = 1\na = 2": (2, 1, "`a` is already defined in line 1"),
    "a = 1\na.b = 2": (2, 1, "`a` is already defined in line 1"),
    "[a]\nb.c = 1\n[a.b]": (3, 4, "`b` is already defined in line 2"),
    "a = [1]\n[[a]]": (2, 3, "`a` is already defined in line 1"),
    "[[a]]\n[a]": (2, 2, "`a` is already defined in line 1"),
    "[a]\n[[a]]": (2, 3, "`a` is already defined in line 1"),
    "a = { x = 1 }\n[a.y]": (2, 2, "`a` is already defined in line 1"),
    "a = { x = 1 }\n[[a.y]]": (2, 3, "`a` is already defined in line 1"),
    "a = {b = 1, b = 2}": (1, 13, "`b` is already defined in line 1"),
    "a = True": (1, 5, "`True` is not a value; write true"),
    "a = null": (1, 5, "TOML has no null"),
    "a = low": (1, 5, "`low` is not a value; text needs quotes"),
    "a = ": (1, 5, "expected a value"),
    "a": (1, 2, "expected `=`"),
    "a = 1 2": (1, 7, "expected the end of the line"),
    "a = 007": (1, 6, "expected the end of the line"),
    "größe = 1": (1, 3, "expected `=`"),
    "élan = 1": (1, 1, "a key with the character `é` needs quotes"),
    "= 1": (1, 1, "expected a key"),
    "a. = 1": (1, 4, "expected a key"),
    "[a": (1, 3, "expected `]`"),
    "[[a]": (1, 4, "expected `]]`"),
    "a = [1 2]": (1, 8, "expected `,` or `]`"),
    "a = {x = 1 y = 2}": (1, 12, "expected `,` or `}`"),
    "a = 2026-02-30": (1, 5, "there is no such date"),
    "\ufeffa = 1": (1, 1, "byte order mark"),
    'a = "\x00"': (1, 6, "U+0000 is not allowed"),
    "# \x07": (1, 3, "U+0007 is not allowed"),
    "a = 1\rb = 2": (1, 6, "a carriage return stands alone"),
    "a = " + "9" * 5000: (1, 5, "too many digits"),
    "a = " + "[" * 500: (0, 0, "nested too deeply"),
    "a = " + "[" * 200_000: (0, 0, "nested too deeply"),
    "a = " + "{a = " * 100_000: (0, 0, "nested too deeply"),
    "a" + ".a" * 2000 + " = 1": (0, 0, "nested too deeply"),
}


@pytest.mark.parametrize(("text", "expected"), BROKEN.items(), ids=[text[:30] for text in BROKEN])
def test_a_broken_text_is_explained(text, expected):
    """Each broken text has a line, a column and a sentence without Python in it."""
    line, column, words = expected
    with pytest.raises(TomlError) as caught:
        read(text)
    error = caught.value
    assert (error.line, error.column) == (line, column)
    assert words in error.message
    assert str(error) == (f"line {line}, column {column}: {error.message}" if line else error.message)
    assert not any(word in error.message for word in ("TOMLDecodeError", "('", "namespace", "\\x0"))


def test_what_the_quick_reader_does_not_take_is_read_all_the_same():
    """Deep nesting, a number beyond 64 bits: no error where tomli has none."""
    deep = read("a = " + "[" * 90 + "]" * 90)["a"]
    for _ in range(89):
        (deep,) = deep
    assert deep == []
    assert read(f"a = {2**70}") == {"a": 2**70}
    assert copy.deepcopy(read("a = 1979-05-27T07:32:00+02:00")) == tomli.loads("a = 1979-05-27T07:32:00+02:00")


@pytest.mark.parametrize("text", ["a = " + "[" * 200_000, "a = " + "{b=" * 200_000, "[" + "a." * 200_000 + "b]"])
def test_no_depth_ends_the_process(text):
    """In a process of its own: a stack that is full is no exception, it takes the test run with it."""
    program = "import sys; from deployer.core.toml import read, TomlError\n"
    program += "try: read(sys.stdin.read())\nexcept TomlError as exc: print(exc.message)"
    done = subprocess.run([sys.executable, "-c", program], input=text, capture_output=True, text=True, check=True)
    assert "nested too deeply" in done.stdout


def test_a_message_of_tomli_that_we_do_not_know_is_passed_on():
    """A newer tomli's words are kept, in lower case like ours."""
    from deployer.core.toml.reading import _plain

    assert _plain(tomli.TOMLDecodeError("Something new", "a = 1", 2)) == "something new"


def test_a_clash_that_only_tomli_sees_keeps_the_place_of_tomli():
    """Where our scanner finds nothing wrong with the keys, the place is tomli's and the words are ours."""
    from deployer.core.toml.reading import _explain

    with pytest.raises(TomlError, match="line 1, column 3: this key or table is already defined above"):
        _explain("a = 1", tomli.TOMLDecodeError("Cannot declare ('a',) twice", "a = 1", 2))


def test_the_scanner_refuses_what_it_cannot_follow():
    """Values nested a hundred deep and keys of a hundred parts are refused with their place: no stack overflow."""
    with pytest.raises(TomlError, match="line 1, column 105: values are nested more than 100 levels"):
        scan("a = " + "[" * 200 + "]" * 200)
    with pytest.raises(TomlError, match="the key has more than 100 parts"):
        scan("a" + ".a" * 200 + " = 1")
    for text in ("a", "a = ", "a = [1", "a = {", "a = {b}", "[a", "a = 1 b", ". = 1"):
        with pytest.raises(TomlError):
            scan(text)


def test_the_locator_gives_line_and_column_of_a_key():
    """`locator` maps key paths to places, and paths that are not there to (0, 0)."""
    locate = locator("[rule]\n  name = 'x'\n[[rule.threat]]\n")
    assert locate(("rule", "name")) == (2, 3)
    assert locate(("rule", "threat", 0)) == (3, 1)
    assert locate(("rule", "other")) == (0, 0)


def test_a_path_is_written_for_people():
    """Names with dots are quoted, indices stand in brackets."""
    assert path_text(("rule", "threat", 0, "tactic", "id")) == "rule.threat[0].tactic.id"
    assert path_text(("a", "file.path", "")) == 'a."file.path".""'
    assert path_text(()) == ""
