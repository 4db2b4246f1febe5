"""A command keeps its verdict, whatever it is dressed in."""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING

import pytest
from hypothesis import assume, given, settings, strategies as st

from guard_corpus import DANGEROUS, HARMLESS, verdict_on

if TYPE_CHECKING:
    from collections.abc import Callable


def _quoted(form: str) -> Callable[[str], str]:
    return lambda command: form.format(shlex.quote(command))


def _plain(form: str) -> Callable[[str], str]:
    return lambda command: form.replace("@", command)


DRESSINGS = {
    "bash": _quoted("bash -lc {}"),
    "sh": _quoted("/bin/sh -c {}"),
    "env": _quoted("env X=1 bash -c {}"),
    "assignment": _quoted("X=1 Y=2 sh -c {}"),
    "eval": _quoted("eval {}"),
    "variable": _quoted('C={}; eval "$C"'),
    "export": _quoted('export C={}; sh -c "$C"'),
    "parameter": _quoted("bash -c 'eval \"$1\"' _ {}"),
    "pipe": _quoted("printf %s {} | bash"),
    "pipe through cat": _quoted("printf %s {} | cat | tee /dev/null | sh -s"),
    "here-string": _quoted("bash <<< {}"),
    "process substitution": _quoted("source <(printf %s {})"),
    "substitution": _quoted('bash -c "$(printf %s {})"'),
    "xargs": _quoted("xargs -I_ITEM_ sh -c {} <<< x"),
    "find": _quoted("find . -maxdepth 0 -exec sh -c {} \\;"),
    "sudo": _quoted("sudo -u root -- bash -c {}"),
    "nohup": _quoted("nohup timeout -k 1 5 nice -n 5 sh -c {} > out 2>&1"),
    "redirection": _quoted("bash -c {} < /dev/null > out 2>&1"),
    "trap": _quoted("trap {} EXIT"),
    "alias": _quoted("alias go={}; go"),
    "python": lambda command: "python3 -c " + shlex.quote(f"import os; os.system({command!r})"),
    "here-document": _plain("bash <<'HERE_END'\n@\nHERE_END"),
    "subshell": _plain("(\n@\n)"),
    "group": _plain("{\n@\n} > out 2>&1"),
    "substituted": _plain("echo $(\n@\n)"),
    "in a string": _plain('echo "a $(\n@\n) b"'),
    "if": _plain("if true; then\n@\nfi"),
    "else": _plain("if false; then :; else\n@\nfi"),
    "condition": _plain("if\n@\nthen :; fi"),
    "while": _plain("while true; do\n@\nbreak; done"),
    "for": _plain("for i in 1 2; do\n@\ndone"),
    "case": _plain("case x in x)\n@\n;; esac"),
    "function": _plain("f() {\n@\n}; f"),
    "uncalled function": _plain("on_exit() {\n@\n}"),
    "after and": _plain("true && {\n@\n}"),
    "after or": _plain("false || {\n@\n}"),
    "after semicolon": _plain("ls; pwd;\n@\n"),
    "negated": _plain("! {\n@\n}"),
    "background": _plain("{\n@\n} &"),
    "piped": _plain("{\n@\n} | cat"),
    "default": _plain("echo ${x:-$(\n@\n)}"),
}

# A here-document in them ends where its own word stands alone, which not every dressing leaves.
BLOCKED = [e.command for e in DANGEROUS if e.expected == "block" and "\n" not in e.command]
PASSING = [e.command for e in HARMLESS if "\n" not in e.command]


@settings(max_examples=300, deadline=None)
@given(
    command=st.sampled_from(BLOCKED),
    names=st.lists(st.sampled_from(sorted(DRESSINGS)), min_size=1, max_size=3),
)
def test_a_blocked_command_stays_blocked_however_it_is_dressed(
    command: str, names: list[str]
) -> None:
    for name in names:
        # Where the dressing has a meaning of its own for a part of it, it is another command.
        assume(name != "find" or "{}" not in command)
        assume(name != "parameter" or not ("$@" in command or "$1" in command))
        command = DRESSINGS[name](command)
    assert verdict_on(command) == "block", command


@pytest.mark.parametrize("name", DRESSINGS)
def test_each_dressing_is_seen_through_and_blocks_nothing_by_itself(name: str) -> None:
    """The control: the same dressing around a harmless command passes."""
    assert verdict_on(DRESSINGS[name]("cat .env")) == "block"
    assert verdict_on(DRESSINGS[name]("cat notes.txt")) == "pass"


@settings(max_examples=150, deadline=None)
@given(command=st.sampled_from(PASSING), name=st.sampled_from(["bash", "subshell", "if", "group"]))
def test_a_harmless_command_stays_harmless_in_everyday_dress(command: str, name: str) -> None:
    # What a branch sets may not be set when a trap runs, for all that the guard knows.
    assume(name != "if" or "trap" not in command)
    assert verdict_on(DRESSINGS[name](command)) == "pass", DRESSINGS[name](command)


@pytest.mark.parametrize("redirection", ["< /dev/null", "> out", "2>&1", "2>/dev/null", "&> out"])
def test_a_redirection_changes_nothing(redirection: str) -> None:
    """Codex's own rule files stop matching where there is one; these rules do not."""
    assert verdict_on(f"cat .env {redirection}") == "block"
    assert verdict_on(f"git push --force {redirection}") == "block"
    assert verdict_on(f"{redirection} rm -rf ..") == "block"
    assert verdict_on(f"exec {redirection} && rm -rf ..") == "block"
    assert verdict_on(f"ls {redirection}") == "pass"
