"""Attachments of all four kinds: what the model receives, and what is refused before sending."""

from __future__ import annotations

import base64
import struct
import zlib
from typing import TYPE_CHECKING, Any

import pytest

from codex_hooks import AtPath, HookContext, ImageUrl, LocalImage, Mutate, Skill, hookimpl
from codex_hooks_runtime import AttachmentNotFound, ConfigError, PromptRunParams, RunProfile
from codex_hooks_runtime._wire import check_attachments, check_run, turn_input
from codex_hooks_runtime.testing import Say
from runtime.scripted import Journal, scripted

if TYPE_CHECKING:
    from pathlib import Path

    from codex_hooks import Attachment, Decision


def pixel() -> bytes:
    """Return a PNG of one red pixel."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        checksum = zlib.crc32(kind + data).to_bytes(4, "big")
        return len(data).to_bytes(4, "big") + kind + data + checksum

    header = struct.pack(">IIBBBBB", 1, 1, 8, 2, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", header)
        + chunk(b"IDAT", zlib.compress(b"\0\xff\0\0"))
        + chunk(b"IEND", b"")
    )


PIXEL_URL = f"data:image/png;base64,{base64.b64encode(pixel()).decode()}"


async def received(
    cwd: Path, *attachments: Attachment, prompt: str = "look"
) -> list[dict[str, Any]]:
    """Run a prompt with ``attachments`` and return the content of the user's messages."""
    async with scripted([Say("seen")]) as (client, model):
        await client.run(cwd, prompt, attachments=attachments)
    messages = [item for item in model.requests[0].input if item.get("role") == "user"]
    # The first one is Codex's own, about the environment.
    return [part for message in messages[1:] for part in message["content"]]


@pytest.mark.codex
async def test_a_file_is_named_in_the_text(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("tea at four")
    assert await received(tmp_path, AtPath("notes.txt", placeholder="the notes")) == [
        {"type": "input_text", "text": "look\n@notes.txt"}
    ]


@pytest.mark.codex
async def test_an_inline_image_is_sent_as_it_is(tmp_path: Path) -> None:
    text, image = await received(tmp_path, ImageUrl(PIXEL_URL))
    assert text["text"] == "look"
    assert (image["type"], image["image_url"]) == ("input_image", PIXEL_URL)


@pytest.mark.codex
async def test_a_local_image_is_read_and_sent(tmp_path: Path) -> None:
    (tmp_path / "pixel.png").write_bytes(pixel())
    parts = await received(tmp_path, LocalImage("pixel.png"))
    (image,) = [part for part in parts if part["type"] == "input_image"]
    assert image["image_url"] == PIXEL_URL


@pytest.mark.codex
@pytest.mark.parametrize("path", [".agents/skills/greet/SKILL.md", ".agents/skills/greet"])
async def test_a_skill_is_sent_in_full_whether_its_file_or_its_folder_is_given(
    tmp_path: Path, path: str
) -> None:
    skill = tmp_path / ".agents/skills/greet/SKILL.md"
    skill.parent.mkdir(parents=True)
    skill.write_text("---\nname: greet\ndescription: says hello\n---\nSay hello twice.\n")
    parts = await received(tmp_path, Skill("greet", path))
    assert parts[0]["text"] == "look"
    assert "<name>greet</name>" in parts[1]["text"]
    assert "Say hello twice." in parts[1]["text"]


@pytest.mark.codex
async def test_an_attachment_alone_is_prompt_enough(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").touch()
    assert await received(tmp_path, AtPath("notes.txt"), prompt="") == [
        {"type": "input_text", "text": "@notes.txt"}
    ]


@pytest.mark.codex
@pytest.mark.parametrize(
    "missing", [AtPath("gone"), LocalImage("gone.png"), Skill("greet", "gone/SKILL.md")]
)
async def test_a_missing_path_is_an_error_before_anything_is_sent(
    tmp_path: Path, missing: Attachment
) -> None:
    journal = Journal()
    async with scripted([], journal) as (client, _):
        with pytest.raises(AttachmentNotFound, match=r"gone.*nothing was sent"):
            await client.run(tmp_path, "look", attachments=[missing])
        assert await client.runtime.thread_loaded_list() == ()
    assert journal.seen == []


@pytest.mark.codex
async def test_an_image_on_another_host_is_refused_before_anything_is_sent(tmp_path: Path) -> None:
    """The servers of today fetch none: the control asks one of them."""
    elsewhere = ImageUrl("https://images.invalid/cat.png")
    async with scripted([]) as (client, _):
        with pytest.raises(ConfigError, match="use LocalImage, or give a data: URL"):
            await client.run(tmp_path, "look", attachments=[elsewhere])
        assert await client.runtime.thread_loaded_list() == ()

        call = client.runtime.server.call
        thread = (await call("thread/start", {"cwd": str(tmp_path)}))["thread"]
        with pytest.raises(Exception, match="remote image URLs are not supported"):
            await call(
                "turn/start",
                {"threadId": thread["id"], "input": [{"type": "image", "url": elsewhere.url}]},
            )


@pytest.mark.codex
async def test_what_a_plugin_attaches_is_sent_and_checked_like_the_callers_own(
    tmp_path: Path,
) -> None:
    """K7."""
    (tmp_path / "rules.md").touch()

    class Attaches:
        path = "rules.md"

        @hookimpl
        async def pre_turn(self, ctx: HookContext) -> Decision:
            return Mutate(add_attachments=[AtPath(self.path)])

    plugin, journal = Attaches(), Journal()
    async with scripted([Say("seen")], plugin, journal) as (client, model):
        await client.run(tmp_path, "look")
        assert model.requests[0].user_texts[-1] == "look\n@rules.md"
        journal.seen.clear()
        plugin.path = "gone.md"
        with pytest.raises(AttachmentNotFound, match=r"gone\.md"):
            await client.run(tmp_path, "look")
    assert len(model.requests) == 1
    assert set(journal.endings.values()) == {"ok", "error"}


def test_a_path_is_marked_by_its_bytes_on_a_line_of_its_own(tmp_path: Path) -> None:
    (text,) = turn_input(tmp_path, "größer", [AtPath("a", "A"), AtPath("b")])
    assert text["text"] == "größer\n@a\n@b"
    spans = [
        text["text"].encode()[item["byteRange"]["start"] : item["byteRange"]["end"]]
        for item in text["text_elements"]
    ]
    assert spans == [b"@a", b"@b"]
    assert [item["placeholder"] for item in text["text_elements"]] == ["A", None]
    assert turn_input(tmp_path, "ends\n", [AtPath("a")])[0]["text"] == "ends\n@a"


@pytest.mark.parametrize("field", ["prompt", "model", "developer_instructions"])
def test_what_is_no_text_is_a_mistake_before_anything_is_sent(tmp_path: Path, field: str) -> None:
    given = {"prompt": "hello", field: "half a pair: \udcff"}
    with pytest.raises(ConfigError, match=f": {field}: it is no valid UTF-8 text"):
        PromptRunParams(cwd=tmp_path, **given)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "attached",
    [AtPath("\udcff"), AtPath("a", "\udcff"), ImageUrl("data:\udcff"), Skill("\udcff", "a")],
)
def test_what_is_attached_is_text_too(attached: Attachment) -> None:
    with pytest.raises(ConfigError, match="RunProfile: attachments: it is no valid UTF-8 text"):
        RunProfile(attachments=(attached,))


@pytest.mark.parametrize("value", [{1, 2}, b"bytes", float("nan"), "half a pair: \udcff", object()])
def test_a_schema_that_is_no_json_is_a_mistake_before_anything_is_sent(value: object) -> None:
    with pytest.raises(ConfigError, match="output_schema: it cannot be sent as JSON"):
        RunProfile(output_schema={"const": value})


def test_a_path_that_the_system_refuses_is_said_to_be_the_trouble(tmp_path: Path) -> None:
    """An error of the tree, too, and an image is no folder."""
    too_long = "x" * 300
    with pytest.raises(AttachmentNotFound, match=r"cannot be used \(File name too long\)"):
        check_attachments(tmp_path, [AtPath(too_long)])
    with pytest.raises(AttachmentNotFound, match=r"is a folder .*nothing was sent"):
        check_attachments(tmp_path, [LocalImage(".")])
    check_attachments(tmp_path, [AtPath(".")])
    with pytest.raises(ConfigError, match=r"cannot be used \(File name too long\): give an"):
        check_run(RunProfile(), tmp_path / too_long)


def test_an_empty_prompt_with_nothing_attached_is_a_mistake(tmp_path: Path) -> None:
    for prompt in ("", " \n"):
        with pytest.raises(ConfigError, match="prompt: it is empty"):
            RunProfile().prompt_in(tmp_path, prompt)
