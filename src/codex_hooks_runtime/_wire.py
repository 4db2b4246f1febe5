"""Our words as Codex's: parameters of threads and turns. Plain code, nothing is sent here."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from codex_hooks import AtPath, ImageUrl, LocalImage, Skill

from ._errors import AttachmentNotFound, ConfigError
from ._sandbox import check_privilege, sandbox_params

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from codex_hooks import Attachment

    from ._models import PromptRunParams, RunProfile
    from ._rpc import JsonObject


def check_run(profile: RunProfile, cwd: Path) -> Path:
    """Return ``cwd`` made absolute, if everything that can be known before sending is in order.

    Raises `ConfigError`, and `AttachmentNotFound` for an attached path that does not exist.
    """
    problem = _problem(cwd) or ("" if cwd.is_dir() else "is not a folder")
    if problem:
        raise ConfigError(f"the working folder {str(cwd)!r} {problem}: give an existing one as cwd")
    check_privilege(
        profile.sandbox_policy,
        approved=profile.privileged_escalation_approved,
        approval_policy=profile.approval_policy,
        cwd=cwd,
    )
    check_attachments(cwd, profile.attachments)
    return cwd.resolve()


def check_attachments(cwd: Path, attachments: Sequence[Attachment]) -> None:
    """Raise for what the server would refuse or silently leave out.

    `AttachmentNotFound` for a path that is not there, relative ones being below ``cwd``;
    `ConfigError` for an image on another host, which no server of today fetches.
    """
    for item in attachments:
        if isinstance(item, ImageUrl):
            if not item.url.startswith("data:"):
                raise ConfigError(
                    f"Codex fetches no images, so {item.url!r} cannot be attached: download it "
                    "and use LocalImage, or give a data: URL; nothing was sent"
                )
        elif problem := _problem(path := cwd / item.path) or (
            "is a folder" if isinstance(item, LocalImage) and path.is_dir() else ""
        ):
            raise AttachmentNotFound(
                f"the attachment {item.path!r} {problem} (looked in {str(cwd)!r}); nothing was sent"
            )


def _problem(path: Path) -> str:
    """Return what is wrong with ``path``, as the end of a sentence; nothing if it is there."""
    try:
        path.stat()
    except (FileNotFoundError, NotADirectoryError, ValueError):  # ValueError: a null byte in it
        return "does not exist"
    except OSError as error:
        return f"cannot be used ({error.strerror})"
    return ""


def thread_params(
    profile: RunProfile, cwd: Path, *, model: str | None, config: Mapping[str, Any]
) -> JsonObject:
    """Return what ``thread/start``, ``thread/resume`` and ``thread/fork`` have in common.

    Opened for reading alone: with a wider word the server would take the folder for trusted from
    then on, and start the programs that a repository names there. Each turn says its own sandbox.
    The writable roots of the user's ``config.toml`` are left out, since Codex would add them to
    those that a turn names.
    """
    return {
        "cwd": str(cwd),
        "approvalPolicy": profile.approval_policy,
        "sandbox": "read-only",
        "model": model,
        "serviceTier": profile.service_tier,
        "baseInstructions": profile.base_instructions,
        "developerInstructions": profile.developer_instructions,
        "config": {"sandbox_workspace_write.writable_roots": [], **config},
    }


def turn_start_params(thread_id: str, params: PromptRunParams) -> JsonObject:
    """Return the params of ``turn/start``.

    They say everything anew: what a turn sets stays with its thread on the server, and one turn's
    sandbox is not to become the next one's by having been sent before, or not having arrived.
    """
    return {
        "threadId": thread_id,
        "input": turn_input(params.cwd, params.prompt, params.attachments),
        "cwd": str(params.cwd),
        "approvalPolicy": params.approval_policy,
        "sandboxPolicy": sandbox_params(params.sandbox_policy),
        "model": params.model,
        "effort": params.effort,
        "serviceTierForTurn": params.service_tier,
        "outputSchema": params.output_schema,
    }


def turn_input(cwd: Path, prompt: str, attachments: Sequence[Attachment]) -> list[JsonObject]:
    """Return a prompt and its attachments as the input of a turn.

    An `AtPath` becomes ``@path`` on a line of its own at the end of the text; its element says
    which bytes of the text it is, and what may be shown in their place.
    """
    text = prompt
    elements: list[JsonObject] = []
    others: list[JsonObject] = []
    for item in attachments:
        match item:
            case AtPath(path, placeholder):
                if text and not text.endswith("\n"):
                    text += "\n"
                start = len(text.encode())
                text += f"@{path}"
                span = {"start": start, "end": len(text.encode())}
                elements.append({"byteRange": span, "placeholder": placeholder})
            case ImageUrl(url):
                others.append({"type": "image", "url": url})
            case LocalImage(path):
                others.append({"type": "localImage", "path": str(cwd / path)})
            case Skill(name, path):
                others.append({"type": "skill", "name": name, "path": str(_skill_file(cwd / path))})
    return [{"type": "text", "text": text, "text_elements": elements}, *others]


def _skill_file(path: Path) -> Path:
    """Codex knows a skill by its file, and says nothing of one that it does not know."""
    return path / "SKILL.md" if path.is_dir() else path
