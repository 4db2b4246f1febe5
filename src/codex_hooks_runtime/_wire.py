"""Our words as Codex's: parameters of threads and turns. Plain code, nothing is sent here."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from codex_hooks import AtPath, ImageUrl, LocalImage, Skill

from ._errors import AttachmentNotFound, ConfigError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from codex_hooks import Attachment

    from ._models import PromptRunParams, RunProfile, SandboxPolicy
    from ._rpc import JsonObject

_SANDBOX_TYPES: Mapping[SandboxPolicy, str] = {
    "read-only": "readOnly",
    "workspace-write": "workspaceWrite",
    "danger-full-access": "dangerFullAccess",
}


def check_folder(cwd: Path) -> Path:
    """Return ``cwd`` made absolute; `ConfigError` if it is no folder."""
    if not cwd.is_dir():
        problem = "is not a folder" if cwd.exists() else "does not exist"
        raise ConfigError(f"the working folder {str(cwd)!r} {problem}: give an existing one as cwd")
    return cwd.resolve()


def check_privilege(profile: RunProfile) -> None:
    """Refuse a run without a sandbox that is not asked for in every way it has to be (R9)."""
    if profile.sandbox_policy != "danger-full-access":
        return
    if not profile.privileged_escalation_approved or profile.approval_policy == "never":
        raise ConfigError(
            "sandbox_policy='danger-full-access' takes the sandbox away: it needs "
            "privileged_escalation_approved=True and an approval_policy other than 'never'"
        )


def check_attachments(cwd: Path, attachments: Sequence[Attachment]) -> None:
    """Raise `AttachmentNotFound` for a path that is not there; relative ones are below ``cwd``."""
    for item in attachments:
        if not isinstance(item, ImageUrl) and not (cwd / item.path).exists():
            raise AttachmentNotFound(
                f"the attachment {item.path!r} does not exist (looked in {str(cwd)!r}); "
                "nothing was sent"
            )


def thread_start_params(
    profile: RunProfile, cwd: Path, *, model: str | None, config: Mapping[str, Any]
) -> JsonObject:
    """Return the params of ``thread/start``."""
    return {
        "cwd": str(cwd),
        "approvalPolicy": profile.approval_policy,
        "sandbox": profile.sandbox_policy,
        "model": model,
        "config": dict(config),
    }


def sandbox_policy(preset: SandboxPolicy) -> JsonObject:
    """Return the sandbox as ``turn/start`` takes it."""
    return {"type": _SANDBOX_TYPES[preset]}


def turn_start_params(thread_id: str, params: PromptRunParams) -> JsonObject:
    """Return the params of ``turn/start``, without what the thread was started with."""
    return {
        "threadId": thread_id,
        "input": turn_input(params.cwd, params.prompt, params.attachments),
        "model": params.model,
        "effort": params.effort,
        "outputSchema": params.output_schema,
    }


def turn_input(cwd: Path, prompt: str, attachments: Sequence[Attachment]) -> list[JsonObject]:
    """Return a prompt and its attachments as the input of a turn.

    An `AtPath` becomes ``@path`` at the end of the text; its element says which bytes of the text
    it is, and what may be shown in their place.
    """
    text = prompt
    elements: list[JsonObject] = []
    others: list[JsonObject] = []
    for item in attachments:
        match item:
            case AtPath(path, placeholder):
                start = len(f"{text}\n".encode())
                text = f"{text}\n@{path}"
                elements.append(
                    {
                        "byteRange": {"start": start, "end": len(text.encode())},
                        "placeholder": placeholder,
                    }
                )
            case ImageUrl(url):
                others.append({"type": "image", "url": url})
            case LocalImage(path):
                others.append({"type": "localImage", "path": str(cwd / path)})
            case Skill(name, path):
                others.append({"type": "skill", "name": name, "path": str(cwd / path)})
    return [{"type": "text", "text": text, "text_elements": elements}, *others]
