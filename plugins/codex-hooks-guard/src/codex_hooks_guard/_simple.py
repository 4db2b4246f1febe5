"""One simple command, and everything that it runs: wrappers, scripts, code in its arguments."""

from __future__ import annotations

from contextlib import nullcontext, suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ._arguments import option_values
from ._builtins import change_shell
from ._clients import read_client
from ._file_lists import read_list
from ._grammar import Unreadable, parse
from ._inline import foreign_code, is_interpreter, read_foreign, read_sed, scripts_of
from ._inner import Code, Inner
from ._patch import read_patch
from ._printed import printed
from ._programs import CODE_VARIABLES, PROMPT_VARIABLES, READERS, SCRIPT_VARIABLES, SHELLS
from ._reading import Around, Reading, Scope
from ._text import AMBIENT, ANYTHING, EMPTY, Hole, Text, basename
from ._wrappers import inner, names_of, script_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from tree_sitter import Node

_SAME_SHELL = ("command", "builtin", "noglob", "time", "exec")
# Empty words, and keywords that the grammar takes for a program after `time`.
_NO_PROGRAMS = frozenset({"", "{", "}", "!", "if", "then", "elif", "else", "do", "while", "until"})
_STDIN = ("-", "/dev/stdin", "/dev/fd/0", "/proc/self/fd/0")


@dataclass(frozen=True, slots=True)
class SimpleCommands:
    """Reads simple commands; ``visit`` reads a syntax tree and returns what it prints."""

    reading: Reading
    visit: Callable[[Node, Scope], Text]

    def run_code(self, code: Text, at: Scope) -> Text:
        """Read shell code, and return what it prints.

        What of the code is not known has to be the environment's or a listing's.
        """
        if Hole.DOWNLOAD in code.parts:
            return self.reading.hide(at, "download", "it runs what the network gives")
        if all(part is Hole.CONTENT or not str(part).strip() for part in code.parts):
            return EMPTY  # a local file is run, as a script is; a script is not looked into
        if code.is_open:
            return self.reading.hide(at, "unreadable", "it runs what it works out itself")
        try:
            root = parse(_with_names(code, at))
        except Unreadable as error:
            return self.reading.hide(at, "unreadable", str(error))
        return self.visit(root, at)

    def run_later(self) -> None:
        """Read what runs at the end, and the functions that nothing has called: something may."""
        while self.reading.at_exit or self.reading.defined:  # either may bring more of both
            if self.reading.at_exit:
                self.run_code(*self.reading.at_exit.pop())
                continue
            name, body, at = self.reading.defined.pop(next(iter(self.reading.defined)))
            inside = at.subshell().fed(None)
            inside.shell.set_params([AMBIENT])
            self.visit(body, inside.within(f"{name}()"))

    def run(self, words: Sequence[Text], at: Scope, around: Around) -> Text:
        """Read a simple command and what it runs; return what it prints."""
        while words and words[0].literal in _NO_PROGRAMS:
            words = words[1:]
        shell = at.shell
        self.reading.add(at, tuple(words), around)
        if not words:
            return EMPTY
        program = words[0]
        for name in names_of(basename(program)):
            self.run([Text.of(name), *words[1:]], at, around)
        if len(words) > 1 and not any(isinstance(part, str) for part in program.parts):
            self.run(words[1:], at, around)  # the program may be empty, and vanish
        if program.is_open and not basename(program).literal:
            self.reading.hide(at, "unreadable", f"its program is {program}")
        self._run_file(program, at)
        out = self._inside(tuple(words), at, around)
        change_shell(words, shell, at.stdin, around.env)
        self.reading.written.note(words, around.redirects, out, at.stdin, shell.folders)
        return out

    def _inside(self, words: tuple[Text, ...], at: Scope, around: Around) -> Text:
        """Read what a simple command runs, and return what it prints."""
        name = basename(words[0]).literal or ""
        out = self._printed(name, words, at)
        child = at.subshell()
        for variable, _ in around.env:
            values = [value for each, value in around.env if each == variable]
            child.shell.assign(variable, tuple(values))
        if name in at.shell.functions:
            out = self._call(name, words[1:], at)
        if name in at.shell.aliases:
            line = Text.join([at.shell.aliases[name], *words[1:]], " ")
            out = self.run_code(line, at.within(f"alias {name}"))
        if name in SHELLS or name in ("source", "."):
            out = self._script(name, words, child if name in SHELLS else at)
        if name in ("apply_patch", "applypatch"):
            patch = words[1] if len(words) > 1 else at.stdin
            patch = ANYTHING if patch is None else patch
            for folder in at.shell.folders:
                self.reading.add_all(read_patch(patch, folder, at.origin))
        found = (*inner(words, at.stdin), *self._foreign(name, words, at), *self._given(words, at))
        for each in found:
            if isinstance(each, Code):
                out = self._code(each, at if each.here or each.later else child)
                continue
            within = at.within(each.via)
            if each.via not in _SAME_SHELL:
                within = within.subshell()
            if each.folder is not None:
                within.shell.change_folder(each.folder)
            self.run_settings(each.env, within)
            out = self.run(each.words, within, Around(env=around.env + each.env))
        return out

    def run_settings(self, env: Iterable[tuple[str, Text]], at: Scope) -> None:
        """Read what variables make other programs run, such as ``GIT_PAGER``."""
        for name, value in env:
            if name in CODE_VARIABLES:
                code = Text.of(value.head.lstrip("|-"), *value.parts[1:]) if value.head else value
                self._code(Code(code, name, guessed=True), at)
            elif name in PROMPT_VARIABLES and not value.is_open:
                self._code(Code(Text.of(': "', value, '"'), name, guessed=True), at)
            elif name in SCRIPT_VARIABLES and value.parts:
                self.run([Text.of("source"), value], at.within(name).subshell(), Around())

    def _printed(self, name: str, words: Sequence[Text], at: Scope) -> Text:
        """Return what a program prints, also of files that were written before."""
        files = words[1:] if name in READERS else ()
        written = [
            self.reading.streams[f.literal] for f in files if f.literal in self.reading.streams
        ]
        for file in files:
            written += self.reading.written.of(file, at.shell.folders)
        if any(Hole.DOWNLOAD in content.parts for content in written):
            return Text((Hole.DOWNLOAD,))
        if name == "cat" and len(written) == 1 and len(words) == 2:
            return written[0]
        return printed(words, at.stdin, at.shell.cwd)

    def _call(self, name: str, arguments: tuple[Text, ...], at: Scope) -> Text:
        saved = at.shell.params, at.shell.exact
        at.shell.set_params(arguments)
        out = EMPTY
        for body in at.shell.functions[name]:
            self.reading.defined.pop(body.id, None)
            with at.shell.perhaps() if len(at.shell.functions[name]) > 1 else nullcontext():
                out = Text.of(out, self.visit(body, at.within(f"{name}()")))
        at.shell.params, at.shell.exact = saved
        return out

    def _foreign(self, name: str, words: Sequence[Text], at: Scope) -> list[Inner]:
        """Return what code of another language in a command does."""
        if is_interpreter(name):
            for script in scripts_of(words):
                self._run_file(script, at, name)
        for script in _recipes_of(name, words):
            content = at.stdin if script.literal in _STDIN else self.reading.content_of(script, at)
            is_address = script.head.startswith(("http://", "https://"))
            if is_address or (content is not None and Hole.DOWNLOAD in content.parts):
                self.reading.hide(at, "download", f"{name} runs what the network gives")
        if name in ("sed", "gsed"):
            return list(read_sed(words[1:]))
        code = foreign_code(words, at.stdin, self.reading.streams)
        if code is None:
            return []
        try:
            return list(read_foreign(name, code, at.shell.home))
        except Unreadable as error:
            downloaded = Hole.DOWNLOAD in code.parts
            self.reading.hide(at, "download" if downloaded else "unreadable", str(error))
            return []

    def _given(self, words: Sequence[Text], at: Scope) -> list[Inner]:
        """Return what a program does by its own commands, or to a list of files."""

        def content_of(file: Text) -> Text | None:
            if file.literal in _STDIN:
                return at.stdin
            return self.reading.content_of(file, at)

        listed = read_list(words, at.stdin, content_of)
        try:
            return [*listed, *read_client(words, at.stdin, content_of, at.shell.home)]
        except Unreadable as error:
            self.reading.hide(at, "unreadable", str(error))
            return []

    def _code(self, code: Code, at: Scope) -> Text:
        at = at.within(code.via)
        if code.later:
            self.reading.at_exit.append((code.text, at))
            return EMPTY
        if code.guessed:
            try:
                parse(str(code.text))
            except Unreadable:
                return EMPTY
        if not code.here:
            at = at.subshell()
            at.shell.set_params(code.params)
        return self.run_code(code.text, at)

    def _script(self, name: str, words: Sequence[Text], at: Scope) -> Text:
        """Read the script of a shell: a file is not looked into, its input and ``<(…)`` are."""
        sourced = name in ("source", ".")
        script = next(iter(words[1:]), EMPTY) if sourced else script_of(words)
        if script is None:
            has_code = any(isinstance(each, Code) for each in inner(words, at.stdin))
            code = None if has_code else at.stdin
        elif script.literal in self.reading.streams:
            code = self.reading.streams[script.literal]
        elif script.literal in _STDIN:
            code = at.stdin
        else:
            self._run_file(script, at, name)
            if script.is_anything:
                self.reading.hide(at, "unreadable", f"it runs the script {script}")
            at.shell.sourced = at.shell.sourced or sourced
            return ANYTHING
        return EMPTY if code is None else self.run_code(code, at.within(f"input of {name}"))

    def _run_file(self, file: Text, at: Scope, interpreter: str = "") -> None:
        """Read a script that this very command has written; what cannot be read of it is not.

        A script that was there before is not looked into either.
        """
        if self.reading.written.is_download(file, at.shell.folders):
            self.reading.hide(at, "download", f"it runs {file}, which it has downloaded")
            return
        for content in self.reading.written.of(file, at.shell.folders):
            name = interpreter or _interpreter_of(content)
            via = f"script {file}"
            if not is_interpreter(name):
                self._code(Code(content, via, guessed=True), at)
                continue
            with suppress(Unreadable):
                for each in list(read_foreign(name, content, at.shell.home)):
                    if isinstance(each, Code):
                        self._code(each, at.within(via))
                    else:
                        self.run(each.words, at.within(via).subshell(), Around())


def _recipes_of(name: str, words: Sequence[Text]) -> list[Text]:
    """Return the files by which programs that are no interpreters may run something."""
    files = option_values(words, "-f", "--file", "--makefile") if name != "kubectl" else []
    if name == "make":
        files.append(Text.of("Makefile"))
    if name in ("uv", "deno", "bun") and len(words) > 1 and words[1].literal == "run":
        files += words[2:]
    if name in ("java", "wine"):
        files += words[1:]
    return files


def _interpreter_of(script: Text) -> str:
    """Return the program that ``#!`` names; a shell's is as good as none."""
    first = script.head.partition("\n")[0]
    return basename(Text.of(first.split()[-1])).literal or "" if first.startswith("#!") else ""


def _with_names(code: Text, at: Scope) -> str:
    """Return ``code`` as text, in which names of the shell stand for its holes."""
    lines: list[str] = []
    for part in code.parts:
        if isinstance(part, str):
            lines.append(part)
            continue
        name = f"__hole_{len(at.shell.variables)}"
        at.shell.variables[name] = (Text.of(part),)
        lines.append(f"${{{name}}}")
    return "".join(lines)
