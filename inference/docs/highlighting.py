"""Code as HTML in which comments, strings and names that a language reserves have a class.

The parts are found by Pygments when the page is made, so that no script has to. Four classes are
enough to read by: with one for each kind of token a page would weigh twice as much.
"""

from collections.abc import Iterator
from itertools import groupby

from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from pygments.lexer import Lexer
from pygments.lexers import BashLexer, JavascriptLexer, PythonLexer
from pygments.token import Comment, Keyword, Name, Number, String, _TokenType

LEXERS: dict[str, type[Lexer]] = {"sh": BashLexer, "py": PythonLexer, "mjs": JavascriptLexer}
CLASSES = {
    Comment: "c",
    String: "s",
    Keyword: "k",
    Name.Builtin: "k",
    Number: "n",
}


def highlight(code: str, language: str) -> SafeString:
    """`language`: the end of a file's name, such as py; of an unknown one nothing is marked."""
    if language not in LEXERS:
        return format_html("{}", code)
    return format_html_join("", "{}", ((part,) for part in _parts(code, LEXERS[language])))


def _parts(code: str, lexer: type[Lexer]) -> Iterator[SafeString]:
    tokens = lexer(stripnl=False, ensurenl=False).get_tokens(code)
    for name, group in groupby(tokens, key=lambda token: _class_of(token[0])):
        text = "".join(text for _, text in group)
        yield format_html('<b class="{}">{}</b>', name, text) if name else format_html("{}", text)


def _class_of(token: _TokenType) -> str:
    # A token's type is the path to it, such as ("Literal", "String", "Double").
    return next((name for kind, name in CLASSES.items() if token[: len(kind)] == kind), "")
