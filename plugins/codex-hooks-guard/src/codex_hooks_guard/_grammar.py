"""Shell text to a syntax tree, with tree-sitter's grammar of bash.

What is too long, too deep, or no bash by that grammar is `Unreadable`, and so is text with
characters that bash and the grammar may take differently: two readings are no reading.
"""

from __future__ import annotations

import re
import threading
from functools import cache
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from tree_sitter import Language, Node

MAX_CHARACTERS: Final = 65_536
"""A longer command is not read; Codex's own tools carry files in patches, not in commands."""

MAX_DEPTH: Final = 120
"""A syntax tree with more levels is not walked."""

# Where the grammar sees a lone $, and bash the start of an expansion.
_WITH_DOLLAR: Final = ("simple_expansion", "translated_string")
_DOLLAR: Final = re.compile(rb"[\w@*#?!$({'\"-]")
_DOLLAR_IN_QUOTES: Final = re.compile(rb"[\w@*#?!$({-]")
_BRACES: Final = (b"{", b",", b"}")
_GROUP: Final = re.compile(rb"\{\s|\(\(")
_WORD_GOES_ON: Final = re.compile(rb"[^\s;&|()<>`]")

_local = threading.local()


class Unreadable(Exception):
    """This text may do anything; the message says why, for a person."""


def parse(code: str) -> Node:
    """Return the root of the tree of ``code``; raises `Unreadable`."""
    if len(code) > MAX_CHARACTERS:
        raise Unreadable(f"it has more than {MAX_CHARACTERS:,} characters")
    for char in code:
        if char not in " \t\n" and (char < " " or char.isspace() or _is_no_character(char)):
            raise Unreadable(f"it has a character, {char!r}, that shells differ about")
    from tree_sitter import Parser  # noqa: PLC0415  # the library loads with the first command

    # A parser is not to be shared between threads, and hooks run in several.
    if not hasattr(_local, "parser"):
        _local.parser = Parser(_language())
    root: Node = _local.parser.parse(code.encode()).root_node
    if root.has_error:
        raise Unreadable(f"it is no bash that can be read: {_where(root)}")
    _check(root)
    return root


def _is_no_character(char: str) -> bool:
    """Whether Unicode gives ``char`` no meaning: half a pair, or free for inner use."""
    return "\ud800" <= char <= "\udfff" or "\ufdd0" <= char <= "\ufdef"


@cache
def _language() -> Language:
    import tree_sitter_bash  # noqa: PLC0415
    from tree_sitter import Language  # noqa: PLC0415

    return Language(tree_sitter_bash.language())


def _where(root: Node) -> str:
    node = root
    while True:
        wrong = next((child for child in node.children if child.has_error), None)
        if wrong is None or wrong.is_missing:
            break
        node = wrong
    return f"near {text_of(node)[:40]!r}"


def _check(root: Node) -> None:
    """Refuse trees that are too deep, and places where the grammar is known to differ from bash."""
    source = root.text or b""
    level = [root]
    for _ in range(MAX_DEPTH):
        for node in level:
            _check_place(node, source)
        level = [child for node in level for child in node.children]
        if not level:
            return
    raise Unreadable(f"it is nested more than {MAX_DEPTH} levels deep")


def _check_place(node: Node, source: bytes) -> None:
    if node.type == "$" and node.parent is not None and node.parent.type not in _WITH_DOLLAR:
        quoted = node.parent.type in ("string", "heredoc_body")
        if (_DOLLAR_IN_QUOTES if quoted else _DOLLAR).match(source, node.end_byte):
            raise Unreadable("it has a $ that shells differ about")
    if node.type == "word" and source[node.start_byte : node.start_byte + 1] == b"\n":
        # A here-document that begins with a backslash is taken for more of the command.
        raise Unreadable("it is not clear where a here-document begins")
    if node.type == "compound_statement" and not _GROUP.match(source, node.start_byte):
        raise Unreadable("it has a { that shells differ about")
    if node.type == "simple_expansion" and source[node.end_byte : node.end_byte + 1] in _BRACES:
        # Bash expands braces first: $a{b,c} is $ab and $ac.
        parent = node.parent
        if parent is not None and parent.type == "concatenation" and b"{" in (parent.text or b""):
            raise Unreadable(f"it is not clear where the name {text_of(node)!r} ends")
    if node.type in ("variable_assignment", "file_redirect", "herestring_redirect"):
        after = node.next_sibling
        touches = after is not None and after.is_named and after.start_byte == node.end_byte
        if touches or _WORD_GOES_ON.match(source, node.end_byte):
            raise Unreadable(f"it is not clear where {text_of(node)!r} ends")


def text_of(node: Node) -> str:
    """Return the source of ``node``."""
    return (node.text or b"").decode()
