"""Shell code to the simple commands that it comes down to.

`read_command` walks the syntax tree as the shell would, through every branch and into everything
that is run by something else. It runs nothing and looks at no file. What it cannot follow is in
the result as a command that is ``hidden``.
"""

from __future__ import annotations

import re
from contextlib import nullcontext
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from ._arguments import has_flag
from ._builtins import change_shell
from ._command import Command
from ._grammar import Unreadable, text_of
from ._reading import Around, Reading, Scope
from ._redirects import Redirections, descriptor_name, read_redirects
from ._shell import Shell
from ._simple import SimpleCommands
from ._text import ANYTHING, EMPTY, Text
from ._words import Words

if TYPE_CHECKING:
    from collections.abc import Iterable

    from tree_sitter import Node

    from ._paths import Place

_WORDS: Final = frozenset(
    {
        "word",
        "string",
        "raw_string",
        "ansi_c_string",
        "translated_string",
        "concatenation",
        "simple_expansion",
        "expansion",
        "arithmetic_expansion",
        "number",
        "array",
        "regex",
        "extglob_pattern",
    }
)


_CLAUSES: Final = ("elif_clause", "else_clause", "case_item")
# Where this fails the shell ends, so that what follows can count on what comes before.
_LEAVES: Final = re.compile(r"\|\|\s*(?:exit|return)\b[^;&|]*$")
_BRACES: Final = re.compile(r"(?<!\$)\{")


def read_command(code: str, place: Place) -> tuple[Command, ...]:
    """Return the simple commands of ``code``, as ``bash -lc`` would run it at ``place``.

    Raises nothing: the worst that can be said of ``code`` is one hidden command.
    """
    reader = _Reader()
    at = Scope(Shell(folders=(place.folder,), home=Text.of(place.home)))
    try:
        reader.simple.run_code(Text.of(code), at)
        reader.simple.run_later()
    except (Unreadable, RecursionError) as error:
        why = str(error) if isinstance(error, Unreadable) else "it is nested too deeply"
        hidden = Command(words=(), cwd=at.shell.cwd, hidden="unreadable", why=why)
        reader.reading.found.append(hidden)
    return tuple(dict.fromkeys(reader.reading.found))


@dataclass(slots=True)
class _Reader:
    """Statements: lists, pipelines, branches, loops, functions, assignments, redirections.

    ``sinks`` are the ``>(…)`` of which it is not yet known what goes in.
    """

    reading: Reading = field(default_factory=Reading)
    sinks: list[tuple[Node, Scope]] = field(default_factory=list)
    streams: int = 0

    @property
    def simple(self) -> SimpleCommands:
        return SimpleCommands(self.reading, self.visit)

    def visit(self, node: Node, at: Scope) -> Text:
        """Read a statement; return what it prints."""
        match node.type:
            case "command":
                return self._command(node, at, Redirections())
            case "pipeline":
                return self._pipeline(node, at)
            case "list":
                return self._list(node, at)
            case "subshell" | "command_substitution" | "process_substitution":
                return self._all(node.named_children, at.subshell())
            case "variable_assignment" | "variable_assignments":
                self._assign(node, at)
                return EMPTY
            case "declaration_command" | "unset_command":
                return self._declaration(node, at)
            case "for_statement" | "select_statement":
                return self._loop(node, at)
            case "while_statement" | "c_style_for_statement":
                return self._repeated(node.named_children, at)
            case "if_statement" | "elif_clause" | "case_statement":
                return self._branches(node, at)
            case "redirected_statement" | "file_redirect" | "herestring_redirect":
                return self._redirected(node, at)
            case "heredoc_redirect":
                return self._redirected(node, at)
            case "function_definition":
                return self._define(node, at)
            case "comment":
                return EMPTY
            case kind if kind in _WORDS:
                self._words(at).values(node)  # for the commands in it
                return EMPTY
        return self._all(node.named_children, at)

    def _all(self, nodes: Iterable[Node], at: Scope) -> Text:
        out = EMPTY
        for node in nodes:
            before = at.shell.folders
            out = Text.of(out, self.visit(node, at))
            if not _LEAVES.search(text_of(node)):
                at.shell.may_be_in(before)
        return out

    def _list(self, node: Node, at: Scope) -> Text:
        first, *rest = node.named_children
        before = at.shell.folders
        out = self.visit(first, at)
        uncertain = any(child.type == "||" for child in node.children)
        there = at.shell.folders
        if uncertain:
            at.shell.may_be_in(before)
        with at.shell.perhaps() if uncertain else nullcontext():
            out = Text.of(out, self._all(rest, at))
        if _LEAVES.search(text_of(node)):
            at.shell.folders = there
        return out

    def _pipeline(self, node: Node, at: Scope) -> Text:
        stdin = at.stdin
        for stage in node.named_children:
            stdin = self.visit(stage, at.subshell().fed(stdin))
        return EMPTY if stdin is None else stdin

    def _branches(self, node: Node, at: Scope) -> Text:
        """Read an ``if`` or a ``case``: its branches after what decides about them."""
        first = node.children_by_field_name("condition") or node.children_by_field_name("value")
        clauses = [each for each in node.named_children if each.type in _CLAUSES]
        body = [each for each in node.named_children if each not in (*first, *clauses)]
        out = [self._all(first, at)]
        for branch in (body, *([clause] for clause in clauses)):
            with at.shell.perhaps():
                out.append(self._all(branch, at))
        return Text.of(*out)

    def _loop(self, node: Node, at: Scope) -> Text:
        variable, body = node.child_by_field_name("variable"), node.child_by_field_name("body")
        given = node.children_by_field_name("value")
        values = tuple(self._words(at).words(given)) if given else at.shell.params
        if variable is not None:
            at.shell.assign(text_of(variable), values or (EMPTY,))
        return self._repeated([] if body is None else [body], at)

    def _repeated(self, nodes: list[Node], at: Scope) -> Text:
        """Read a loop's body twice: what it sets at its end counts at its beginning."""
        for _ in range(2):
            with at.shell.perhaps():
                out = self._all(nodes, at)
        return out

    def _define(self, node: Node, at: Scope) -> Text:
        name, body = node.child_by_field_name("name"), node.child_by_field_name("body")
        if name is not None and body is not None:
            at.shell.functions[text_of(name)] = (body,)
            self.reading.defined[body.id] = (text_of(name), body, at)
        return EMPTY

    def _assign(self, node: Node, at: Scope, also: Iterable[Text] = ()) -> list[tuple[str, Text]]:
        """Carry out an assignment, or several; return the names with their values.

        ``also`` are values that it may set as well.
        """
        if node.type == "variable_assignments":
            return [pair for each in node.named_children for pair in self._assign(each, at)]
        name, value = node.child_by_field_name("name"), node.child_by_field_name("value")
        if name is None:
            return []
        words = self._words(at)
        variable = text_of(name).partition("[")[0]
        if name.type == "subscript":
            words.values(name)
        values = (EMPTY,) if value is None else words.values(value)
        appends = any(child.type == "+=" for child in node.children)
        is_list = name.type == "subscript" or (value is not None and value.type == "array")
        if appends and not is_list:
            values = tuple(Text.of(old, new) for old in at.shell.values(variable) for new in values)
        values = (*values, *also)
        adds = name.type == "subscript" or (appends and is_list)
        at.shell.assign(variable, values or (EMPTY,), adds=adds)
        pairs = [(variable, each) for each in values]
        self.simple.run_settings(pairs, at)
        return pairs

    def _declaration(self, node: Node, at: Scope) -> Text:
        pairs: list[tuple[str, Text]] = []
        given: list[Node] = []
        for child in node.named_children:
            if child.type == "variable_assignment":
                # Here braces make words of their own, before a word is an assignment.
                braced = self._words(at).words([child]) if _BRACES.search(text_of(child)) else []
                also = [word.drop(len(word.head.partition("=")[0]) + 1) for word in braced]
                pairs += self._assign(child, at, also)
            else:
                given.append(child)
        words = (Text.of(node.children[0].type), *self._words(at).words(given))
        shell = at.shell
        self.reading.add(at, words, Around(env=tuple(pairs)))
        for word in words[1:] if node.type == "unset_command" else ():
            shell.assign(str(word), (EMPTY,))
        if has_flag(words, "-n") and words[0].literal not in ("export", "unset"):
            for name, _ in pairs:  # names of other variables
                shell.assign(name, (ANYTHING,))
        change_shell(words, shell, None)
        return EMPTY

    def _command(self, node: Node | None, at: Scope, given: Redirections) -> Text:
        words = self._words(at)
        env: list[tuple[str, Text]] = []
        arguments: list[Node] = []
        inside = at.subshell()
        first = len(self.sinks)
        redirects = Redirections(redirects=list(given.redirects))
        for child in [] if node is None else node.named_children:
            if child.type == "variable_assignment":
                env += self._assign(child, inside)
            elif child.type.endswith("_redirect"):
                self._read_redirects([child], at, redirects)
            elif child.type == "subshell":  # after `time`, which is a keyword to the shell
                self.visit(child, at)
            else:
                arguments.append(child)
        arguments += [*redirects.arguments, *given.arguments]
        lines = words.lines(arguments)
        at = at.given(redirects.stdin)
        around = Around(tuple(env), tuple(redirects.redirects))
        printed: list[Text] = []
        for line in lines:
            with at.shell.perhaps() if len(lines) > 1 else nullcontext():
                printed.append(self.simple.run(line, at, around))
        out = Text.of(*printed)
        self._fill_sinks(first, out if at.stdin is None else Text.of(out, at.stdin))
        return out

    def _redirected(self, node: Node, at: Scope) -> Text:
        body = node.child_by_field_name("body")
        first = len(self.sinks)
        children = [node] if node.type.endswith("_redirect") else node.named_children
        given = self._read_redirects([child for child in children if child != body], at)
        inside = at.given(given.stdin)
        redirects = tuple(given.redirects)
        if given.arguments or (body is not None and body.type == "command"):
            out = self._command(body, inside, given)
        else:
            out = EMPTY if body is None else self.visit(body, inside)
            self.reading.add(at, (), Around(redirects=redirects))
            self.reading.written.note_redirects(redirects, out, at.shell.folders)
        self._fill_sinks(first, out)
        if any(redirect.operator[0] in ">&" for redirect in redirects):
            out = EMPTY  # it goes into a file; what else goes there is beside the point
        for following in given.after:
            piped = text_of(following).startswith("|")
            out = self.visit(following, at.fed(out) if piped else at)
        return out

    def _read_redirects(
        self, nodes: Iterable[Node], at: Scope, found: Redirections | None = None
    ) -> Redirections:
        def content_of(file: Text) -> Text | None:
            return self.reading.content_of(file, at)

        found = read_redirects(nodes, self._words(at), content_of, found)
        for number, content in found.descriptors.items():
            self.reading.streams[str(descriptor_name(Text.of(number)))] = content
        return found

    def _words(self, at: Scope) -> Words:
        return Words(
            at.shell,
            lambda node: self._substitute(node, at),
            lambda code: self.simple.run_code(Text.of(code), at.subshell().within("`…`")),
        )

    def _substitute(self, node: Node, at: Scope) -> Text:
        """Read a ``$(…)`` and return what it prints, or a ``<(…)`` and return its name."""
        at = at.fed(None)
        if node.type == "command_substitution":
            inside = at.within("$(…)")
            if [child.type for child in node.named_children] == ["file_redirect"]:
                self.visit(node, inside)
                return self._read_redirects(node.named_children, inside).stdin or EMPTY
            return self.visit(node, inside)
        name = f"/dev/fd/{63 + self.streams}"
        self.streams += 1
        if text_of(node).startswith(">"):
            self.sinks.append((node, at.subshell().within(">(…)")))
        else:
            self.reading.streams[name] = self.visit(node, at.within("<(…)"))
        return Text.of(name)

    def _fill_sinks(self, first: int, text: Text) -> None:
        """Read the ``>(…)`` of a command, now that it is known what goes in."""
        sinks, self.sinks[first:] = self.sinks[first:], []
        for node, at in sinks:
            self._all(node.named_children, at.fed(text))
