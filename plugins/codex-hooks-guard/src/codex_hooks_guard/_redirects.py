"""Redirections of a syntax tree: where they lead, and what a command reads instead of its input."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from ._command import Redirect
from ._grammar import text_of
from ._text import ANYTHING, EMPTY, Hole, Text

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from tree_sitter import Node

    from ._words import Words


@dataclass(slots=True)
class Redirections:
    """What redirections come to.

    ``stdin`` is the input that they give, if they do. ``arguments`` are words of the command, and
    ``after`` statements, that the grammar leaves in a redirection.
    """

    redirects: list[Redirect] = field(default_factory=list)
    stdin: Text | None = None
    arguments: list[Node] = field(default_factory=list)
    after: list[Node] = field(default_factory=list)


def read_redirects(
    nodes: Iterable[Node],
    words: Words,
    streams: Mapping[str, Text],
    found: Redirections | None = None,
) -> Redirections:
    """Read redirections in their order, and add them to those that are ``found`` already.

    ``streams`` are the texts of ``<(…)`` by their names.

    An operator begins with the descriptor where that is not the usual one: ``2>``.
    """
    found = Redirections() if found is None else found
    for node in nodes:
        if node.type == "herestring_redirect":
            found.stdin = Text.of(words.value(node.named_children[-1]), "\n")
        elif node.type == "heredoc_redirect":
            _here_document(node, words, streams, found)
        elif node.type == "file_redirect":
            _file(node, words, streams, found)
    return found


def _file(node: Node, words: Words, streams: Mapping[str, Text], found: Redirections) -> None:
    descriptor = node.child_by_field_name("descriptor")
    sign = next((text_of(child) for child in node.children if not child.is_named), "")
    number = text_of(descriptor) if descriptor is not None else ""
    targets = node.children_by_field_name("destination")
    found.arguments += targets[1:]
    usual = "0" if sign.startswith("<") else "1"
    operator = sign if number in ("", usual) else number + sign
    for word in words.words(targets[:1]) or [ANYTHING]:
        if sign in (">&", "<&") and re.fullmatch(r"\d*-?", word.literal or "x"):
            continue  # one descriptor to another
        found.redirects.append(Redirect(operator, word))
        if operator in ("<", "<>"):
            found.stdin = streams.get(word.literal or "", Text.of(Hole.CONTENT))


def _here_document(
    node: Node, words: Words, streams: Mapping[str, Text], found: Redirections
) -> None:
    opening = next((text_of(c) for c in node.children if c.type == "heredoc_start"), "")
    body = next((child for child in node.children if child.type == "heredoc_body"), None)
    found.stdin = EMPTY
    if body is not None:
        quoted = re.search(r"[\"'\\]", opening) is not None
        indented = any(child.type == "<<-" for child in node.children)
        found.stdin = words.here_document(body, quoted=quoted, indented=indented)
    arguments = node.children_by_field_name("argument")
    found.arguments += arguments
    for child in node.named_children:
        if child.type == "file_redirect":
            _file(child, words, streams, found)
        elif child not in arguments and not child.type.startswith(("heredoc_", "file_desc")):
            found.after.append(child)
