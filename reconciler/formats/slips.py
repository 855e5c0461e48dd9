"""Explains slips of the hand in a line that is not YAML, where a parser has no words. Pure."""

from __future__ import annotations

import re

_TAB = re.compile(r" *\t")
_FULL_WIDTH = re.compile(r"[ -]*[\w.-]+：")
_COLON_IN_TEXT = re.compile(r"[ -]*[\w.-]+: +[^\s'\"|>\[{].*:(?: |$)")
_COMMENT_IN_TEXT = re.compile(r".*:[ \t]+[^\s#'\"|>][^'\"]*[ \t]#")


def explain_slip(line: str, above: str) -> str:
    """Words for the likely reason why `line`, below `above`, is not YAML, in brackets; else
    nothing.
    """
    if _TAB.match(line):
        return " (the line begins with a tab: indent it with blanks)"
    for text, where in ((line, "this line"), (above, "the line above")):
        if _FULL_WIDTH.match(text):
            return f" (the ： in {where} is a full-width colon: write `:` and a blank)"
    if _COLON_IN_TEXT.match(line):
        return " (a text with `: ` in it stands in quotes)"
    if _COMMENT_IN_TEXT.match(above):
        return " (the ` #` in the line above begins a comment: put the text in quotes to keep it)"
    return ""
