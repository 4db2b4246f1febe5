from __future__ import annotations

from codex_hooks import ToolCall

PATCH = """\
*** Begin Patch
*** Add File: made
+hi
*** Update File: src/old.py
*** Move to: src/new.py
@@
-a
+b
*** Delete File: /etc/gone
*** End Patch
"""


def change(**tool_input: object) -> ToolCall:
    return ToolCall(call_id="c", name="apply_patch", kind="file_change", input=tool_input)


def test_a_file_change_says_which_paths_it_touches() -> None:
    assert change(command=PATCH).paths == ("made", "src/old.py", "src/new.py", "/etc/gone")


def test_a_line_that_could_be_a_header_is_taken_for_one() -> None:
    """G1: Codex forgives white space around its headers, so a guard must not be fooled by it."""
    assert change(command="  *** Add File:  a b \n\t*** Delete File:c\x85d").paths == (
        "a b",
        "c\x85d",
    )


def test_listed_changes_count_like_a_patch() -> None:
    listed = [
        {"path": "/repo/a", "kind": {"type": "update", "move_path": "/repo/b"}, "diff": ""},
        {"path": "/repo/c", "kind": {"type": "add"}, "diff": "x"},
        "nonsense",
    ]
    assert change(changes=listed).paths == ("/repo/a", "/repo/b", "/repo/c")
    assert change(changes=5, command=None).paths == ()


def test_a_patch_in_the_hands_of_a_shell_counts_too_and_other_tools_have_none() -> None:
    script = {"command": f"apply_patch <<'EOF'\n{PATCH}\nEOF"}
    assert "made" in ToolCall(call_id="c", name="Bash", kind="command", input=script).paths
    assert ToolCall(call_id="c", name="Bash", kind="command", input={"command": "ls"}).paths == ()
    assert ToolCall(call_id="c", name="mcp__x__y", kind="mcp", input=script).paths == ()
