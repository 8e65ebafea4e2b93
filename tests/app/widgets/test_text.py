"""Text from links is shown as it is; tests/browser looks at how it renders."""

import re

from app.widgets.text import plain

HOSTILE = "![x](http://h/p.png) **[Log in](http://evil.example)** `a` <b> ~~s~~ $x$ :smile: # no\\* - + _i_"


def test_every_character_that_means_something_in_markdown_is_escaped() -> None:
    assert re.search(r"(?<!\\)(?:\\\\)*[`*_{}\[\]#!<>|~$:&]", plain(HOSTILE)) is None


def test_lists_do_not_come_out_of_lines_and_signs_within_them_stay() -> None:
    assert plain("+ a\n - b\n1. c\n2) d") == "\\+ a\n \\- b\n1\\. c\n2\\) d"
    assert plain("+35°, r = 6 (all) - b") == "+35°, r = 6 (all) - b"


def test_the_text_itself_is_kept() -> None:
    assert re.sub(r"\\(.)|\u200b", r"\1", plain(HOSTILE)) == HOSTILE


def test_no_block_of_code_no_heading_and_no_entity_comes_out() -> None:
    assert plain("a\n===") == "a\n\\==="
    assert plain("a\r- b\r\n+ c") == "a\n\\- b\n\\+ c"
    assert plain("\n    code\n \tcode") == "\n   code\n   code"
    assert plain("&lt;b&gt; &#91;") == "\\&lt;b\\&gt; \\&\\#91;"
