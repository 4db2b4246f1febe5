"""Words of a syntax tree to the texts that a shell would make of them.

Braces, tildes, variables, substitutions, quotes and globs are worked out as far as the command
itself says what they are; the rest are holes. One node may be several words (``{a,b}``), and one
of several alternatives (``$x`` after a branch).
"""

from __future__ import annotations

import math
import re
from itertools import product
from typing import TYPE_CHECKING, Final, TypeAlias

from ._braces import CLOSING, COMMA, OPENING, expand_braces
from ._escapes import ansi, in_backticks, in_double_quotes
from ._grammar import Unreadable, text_of
from ._parameters import WORD_BREAK, expand_parameter
from ._text import AMBIENT, ANYTHING, Hole, Text

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from tree_sitter import Node

    from ._shell import Shell

Substitute: TypeAlias = "Callable[[Node], Text]"
"""Runs what a ``$(…)`` holds and returns what it prints, or the name of a ``<(…)``."""

RunCode: TypeAlias = "Callable[[str], Text]"
"""Runs code and returns what it prints."""

MAX_LINES: Final = 32
"""A command of which there are more forms than this is taken as one that has all their words."""

MAX_WORDS: Final = 512
"""More words or alternatives than this, out of one node, are not followed."""

_EXPANDED: Final = re.compile(r"(?<!\\)(?:\$[\w@*#?!${(-]|`)")

MAX_EXPANDED: Final = 1 << 20
"""The most characters that one node may become, in all its alternatives together."""

# Unquoted characters with a meaning, while a word is being made. Unicode keeps these code points
# free for such use, and the grammar refuses commands that have them.
_STAR, _ONE, _LEFT, _RIGHT, _TILDE = (chr(0xFDD3 + place) for place in range(5))
_MARKS: Final = {
    "{": OPENING,
    ",": COMMA,
    "}": CLOSING,
    "*": _STAR,
    "?": _ONE,
    "[": _LEFT,
    "]": _RIGHT,
    "~": _TILDE,
    " ": WORD_BREAK,
}
_SEAM = chr(0xFDD9)  # between plain characters and others: a tilde does not look across it
_PLAIN: Final = {ord(mark): char for char, mark in _MARKS.items()} | {ord(_SEAM): ""}
_BACKTICKS: Final = re.compile(r"`((?:[^`\\]|\\.)*)`", re.DOTALL)


class Words:
    """Expands the words of one shell."""

    def __init__(self, shell: Shell, substitute: Substitute, run: RunCode) -> None:
        self._shell = shell
        self._substitute = substitute
        self._run = run

    def alternatives(self, nodes: Sequence[Node]) -> list[list[Text]]:
        """Return what ``nodes``, which touch, may become: each alternative is a list of words."""
        found = [
            [word for raw in expand_braces(text) for word in self._split(raw)]
            for text in _products([self._raw(node, quoted=False) for node in nodes])
        ]
        return [list(words) for words in dict.fromkeys(map(tuple, found))]

    def lines(self, nodes: Sequence[Node]) -> list[list[Text]]:
        """Return what the words of a command may become, each alternative a list of its own.

        Where these are too many, there is one line with all words in it; raises `Unreadable` where
        that would put words in places that they do not have.
        """
        groups = [self.alternatives(group) for group in touching(nodes)]
        if math.prod(map(len, groups)) <= MAX_LINES:
            return [[word for words in line for word in words] for line in product(*groups)]
        if any(len({len(words) for words in group}) > 1 for group in groups):
            raise Unreadable(f"it has more than {MAX_LINES} forms")
        return [[word for group in groups for words in group for word in words]]

    def words(self, nodes: Sequence[Node]) -> list[Text]:
        """Return all words that ``nodes`` may become, of all alternatives."""
        return [
            word
            for group in touching(nodes)
            for words in self.alternatives(group)
            for word in words
        ]

    def values(self, node: Node) -> tuple[Text, ...]:
        """Return what a variable may be to which ``node`` is assigned: one text, not split."""
        if node.type == "array":
            return tuple(self.words(node.named_children))
        texts = self._raw(node, quoted=True)
        return tuple(dict.fromkeys(self._finished(text, assigned=True) for text in texts))

    def value(self, node: Node) -> Text:
        """Return the text of ``node``, unknown where it may be several."""
        values = self.values(node)
        return values[0] if len(values) == 1 else ANYTHING

    def here_document(self, body: Node, *, quoted: bool, indented: bool) -> Text:
        """Return the text of a here-document."""
        if quoted:
            text = Text.of(text_of(body))
        else:
            start, end = body.start_byte, body.end_byte
            pieces = self._pieces(body, start, end, self._in_here_document, quoted=True)
            texts = _products(pieces)
            text = texts[0] if len(texts) == 1 else ANYTHING
        if indented:
            text = text.map(lambda part: re.sub(r"^\t+", "", part, flags=re.MULTILINE))
        return text

    def _raw(self, node: Node, *, quoted: bool) -> list[Text]:
        """Return the alternatives of ``node``, with marks for what has a meaning unquoted."""
        kind = node.type
        text = text_of(node)
        if kind in ("raw_string", "ansi_c_string"):
            return [Text.of(text[1:-1] if kind == "raw_string" else _c_string(text))]
        if kind in ("string", "translated_string"):
            inner = node if kind == "string" else node.children[-1]
            start, end = inner.start_byte + 1, inner.end_byte - 1
            return _products(
                self._pieces(
                    inner, start, end, lambda gap: [Text.of(in_double_quotes(gap))], quoted=True
                )
            )
        if kind in ("simple_expansion", "expansion"):
            texts = expand_parameter(node, self._shell, self)
            return texts if quoted else [self._unquoted(text) for text in texts]
        if kind == "command_substitution":
            if text.startswith("`"):
                printed = self._run(in_backticks(text[1:-1]))
            else:
                printed = self._substitute(node)
            printed = printed.chop(len(printed.tail) - len(printed.tail.rstrip("\n")))
            return [printed if quoted else self._unquoted(printed)]
        if kind == "process_substitution":
            return [self._substitute(node)]
        if kind == "arithmetic_expansion":
            self._look_into(node)
            return [Text.of(Hole.NAME)]  # a number
        if kind == "brace_expression" or text == "$$":
            return [Text.of(Hole.NAME)]
        if kind in ("concatenation", "command_name", "array", "subscript", "variable_assignment"):
            return _products(
                self._pieces(
                    node, node.start_byte, node.end_byte, lambda gap: [_marked(gap)], quoted=quoted
                )
            )
        if node.named_child_count:
            self._look_into(node)
            return [ANYTHING]
        if "$(" in text or "`" in text:  # a pattern, into which the grammar does not look
            self._run(f': "{text}"')
        return [ANYTHING if _EXPANDED.search(text) else _marked(text)]

    def _pieces(
        self,
        node: Node,
        start: int,
        end: int,
        gap: Callable[[str], list[Text]],
        *,
        quoted: bool,
    ) -> list[list[Text]]:
        """Expand the children of ``node`` from ``start`` to ``end``, and the text between them.

        The grammar gives no node to some of the text, so that it is taken from the source.
        """
        source = node.text or b""
        pieces: list[list[Text]] = []
        place = start
        in_quotes = node.type in ("string", "heredoc_body")
        for child in node.children:
            if child.type in ("string_content", "heredoc_content") or child.end_byte > end:
                continue
            if not child.is_named and in_quotes:
                continue
            if child.start_byte < place:
                continue
            pieces.append(
                gap(source[place - node.start_byte : child.start_byte - node.start_byte].decode())
            )
            if node.type == "concatenation" and child.type not in ("word", "number"):
                pieces.append([Text.of(_SEAM)])
            pieces.append(self._raw(child, quoted=quoted))
            place = child.end_byte
        pieces.append(gap(source[place - node.start_byte : end - node.start_byte].decode()))
        return pieces

    def _in_here_document(self, gap: str) -> list[Text]:
        parts: list[str | Text] = []
        place = 0
        for found in _BACKTICKS.finditer(gap):
            parts += (in_double_quotes(gap[place : found.start()]),)
            parts += (self._run(in_backticks(found[1])),)
            place = found.end()
        return [Text.of(*parts, in_double_quotes(gap[place:]))]

    def _look_into(self, node: Node) -> None:
        """Run the substitutions below ``node``."""
        for child in node.named_children:
            if child.type in ("command_substitution", "process_substitution", "expansion"):
                self._raw(child, quoted=True)
            else:
                self._look_into(child)

    def _unquoted(self, value: Text) -> Text:
        """Return a value that is used unquoted: it is split, and its globs are globs."""
        separators = self._shell.separators
        if separators is None:
            return ANYTHING
        breaks = dict.fromkeys(map(ord, separators), WORD_BREAK)
        globs = {ord(char): _MARKS[char] for char in "*?[]"}
        words = value.map(lambda part: part.translate(breaks | globs))
        if value.is_open:  # what may be anything may be several words
            return Text.of(words, WORD_BREAK, ANYTHING, WORD_BREAK, ANYTHING)
        return words

    def _split(self, raw: Text) -> list[Text]:
        """Split at the unquoted spaces of a value; nothing is left of an empty one."""
        if not any(isinstance(part, str) and WORD_BREAK in part for part in raw.parts):
            return [self._finished(raw)]
        words = [self._finished(piece) for piece in raw.split(WORD_BREAK)]
        return [word for n, word in enumerate(words) if word != ANYTHING or word not in words[:n]]

    def _finished(self, raw: Text, *, assigned: bool = False) -> Text:
        """Make holes of globs, and the home of a tilde; other marks are what they look like."""
        text = self._with_home(raw)
        if assigned:  # no globs here, and they would be ones where the variable is used
            return text.map(lambda part: part.translate(_PLAIN))
        parts: list[str | Hole] = []
        for part in text.parts:
            if isinstance(part, Hole):
                parts.append(part)
                continue
            for piece in re.split(f"({_LEFT}[^{_RIGHT}/]+{_RIGHT}|[{_STAR}{_ONE}])", part):
                if piece == _STAR:
                    parts.append(Hole.NAME)
                elif piece == _ONE or (piece[:1] == _LEFT and piece[-1:] == _RIGHT):
                    parts.append(Hole.CHAR)
                else:
                    parts.append(piece.translate(_PLAIN))
        return Text.of(*parts)

    def _with_home(self, raw: Text) -> Text:
        found = re.search(f"(?:^|(?<=[=:])){_TILDE}([\\w.+-]*)(?=/|:|$)", raw.head)
        if found is None:
            return raw
        if not found[1]:
            home = self._shell.values("HOME")
            put = home[0] if len(home) == 1 else ANYTHING
        else:
            put = self._shell.cwd if found[1] == "+" else AMBIENT
        return Text.of(raw.head[: found.start()], put, raw.drop(found.end()))


def touching(nodes: Sequence[Node]) -> list[list[Node]]:
    """Return ``nodes`` by words: the grammar makes two of some that nothing separates."""
    groups: list[list[Node]] = []
    for node in nodes:
        if groups and groups[-1][-1].end_byte == node.start_byte:
            groups[-1].append(node)
        else:
            groups.append([node])
    return groups


def _products(pieces: list[list[Text]]) -> list[Text]:
    count = 1
    for alternatives in pieces:
        count *= len(alternatives)
    if count > MAX_WORDS:
        raise Unreadable(f"a word of it has more than {MAX_WORDS} alternatives")
    longest = sum(max(len(text) for text in alternatives) for alternatives in pieces)
    if count * longest > MAX_EXPANDED:
        raise Unreadable("a word of it becomes too long")
    return [Text.of(*parts) for parts in product(*pieces)]


def _marked(text: str) -> Text:
    """Return unquoted source: what a backslash precedes is plain, the rest may have a meaning."""
    parts = [
        ("" if piece == "\\\n" else piece[1:])
        if piece[0] == "\\" and len(piece) == 2
        else _MARKS.get(piece, piece)
        for piece in re.findall(r"\\.|.", text, re.DOTALL)
    ]
    return Text.of("".join(parts))


def _c_string(text: str) -> str:
    return ansi(text[2:-1]).partition("\0")[0]
