"""Text from outside on the page."""

import re

SPECIAL = re.compile(r"([\\`*_{}\[\]#!<>|~$:&])")
LISTED = re.compile(r"^(\s*\d*)([+.)=-])(?=[\s=-]|$)", re.MULTILINE)  # lists, and lines under a heading
INDENTED = re.compile(r"^(?: {4}| {0,3}\t)[ \t]*", re.MULTILINE)
LINE_END = re.compile(r"\r\n?")
LINKABLE = re.compile(r"(?<=:)(?=//)|(?<=www)(?=\.)|(?<=@)", re.IGNORECASE)


def plain(text: str) -> str:
    """``text`` so that Markdown shows it as it is: no link, image or emphasis comes out of a link's values.

    Addresses that would turn into links by themselves get a zero-width space. What means nothing where it stands
    stays as it is: screen readers are told the label of a widget with its backslashes.
    """
    text = INDENTED.sub("   ", LINE_END.sub("\n", text))  # four spaces would make it code
    return LISTED.sub(r"\1\\\2", SPECIAL.sub(r"\\\1", LINKABLE.sub("\u200b", text)))
