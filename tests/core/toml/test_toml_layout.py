"""`deployer format`: what it changes and what it leaves alone. The laws are in test_toml_laws."""

from __future__ import annotations

import pytest

from deployer.core.toml.layout import format_text
from deployer.core.toml.place import TomlError

pytestmark = pytest.mark.quick

UNTIDY = """

# about the file \t


#  second
a=1#one
b . c   =  "x"   # two\t
[ t . "u v" ]
d = [ 1,2 ]\t
list = [   \t
  "x",  # three \t

  { k=1,l  =  2 } ]
e = '''
text  \t


text'''
# about w
[[w]]


# alone


[w.x]
[w.y]  # four
z = 1
  # inside
  indented=2





"""

TIDY = """# about the file

#  second
a = 1 #one
b.c = "x"   # two

[t."u v"]
d = [ 1,2 ]
list = [
  "x",  # three

  { k = 1,l = 2 } ]
e = '''
text  \t


text'''

# about w
[[w]]

# alone

[w.x]
[w.y]  # four
z = 1
  # inside
  indented = 2
"""


def test_an_untidy_file_becomes_tidy():
    """Blanks, blank lines, `=` and headers are laid out; strings, comments, order and indentation stay."""
    assert format_text(UNTIDY) == TIDY
    assert format_text(TIDY) == TIDY


def test_the_newlines_of_a_file_become_those_of_its_first_line():
    """CRLF stays CRLF; a mixed file is made even; data does not change either way."""
    assert format_text(UNTIDY.replace("\n", "\r\n")) == TIDY.replace("\n", "\r\n")
    assert format_text("a = 1\r\nb = 2\n") == "a = 1\r\nb = 2\r\n"
    assert format_text("a = '''\nx\r\ny'''\r\n") == "a = '''\nx\ny'''\n"


def test_a_long_array_goes_one_item_per_line():
    """121 columns are too many, 120 are not; the comment behind it stays; arrays inside values stay on their line."""
    item = "x" * 52
    fits = f'list = ["{item}", "{item}x"]'
    assert len(fits) == 120
    assert format_text(f"{fits} # c\n") == f"{fits} # c\n"
    assert format_text(f"  {fits} # c\n") == f'  list = [\n      "{item}",\n      "{item}x",\n  ] # c\n'
    nested = f'list = [["{item}", "{item}x"]]\n'
    assert format_text(nested) == f'list = [\n    ["{item}", "{item}x"],\n]\n'
    inline = f'table = {{ list = ["{item}", "{item}x"] }}\n'
    assert format_text(inline) == inline


@pytest.mark.parametrize("text", ["", "\n\n", "  \t"])
def test_an_empty_file_stays_empty(text):
    """A file of blanks becomes an empty one."""
    assert format_text(text) == ""


def test_a_broken_file_is_not_formatted():
    """What is not TOML is a TomlError."""
    with pytest.raises(TomlError):
        format_text("a = \n")
