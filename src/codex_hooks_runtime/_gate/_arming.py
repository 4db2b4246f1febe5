"""How Codex's own tool hooks are armed for one thread, and how we know that they are.

The configuration goes along with ``thread/start``, ``thread/resume`` or ``thread/fork``; no file
is written, and the user's own hooks stay as they are. A hook that Codex does not trust it skips
without a word, so each of ours comes with the hash that Codex records for a trusted one; nothing
is done that would make a repository's hooks trusted too. What the server then says of the thread
is held against what was sent: armed, or refused (G6).
"""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING, Any, Final

from codex_hooks_runtime._errors import GateNotArmed, InvalidRequest

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping
    from typing import TypeAlias

    Request: TypeAlias = Callable[[str, dict[str, Any] | None], Awaitable[Any]]

HOOK_TIMEOUT_S: Final = 86_400
"""Codex's time-out for the client, which gives up sooner: after it Codex would just go on."""

# Codex's name of an event in configuration, and in a hook's key and hash.
_EVENTS: Final = {"PreToolUse": "pre_tool_use", "PostToolUse": "post_tool_use"}
_LAYER: Final = "/<session-flags>/config.toml"

_HEARD: Final = frozenset({"running", "completed", "blocked"})


def hook_config(
    command: str, *, interactive: bool = False, web_search: bool = False
) -> dict[str, Any]:
    """Return what to merge into the ``config`` of ``thread/start``, ``thread/resume`` or ``fork``.

    ``command`` is an admission's. The side doors are shut as `shut_doors` says.
    """
    handler = {"type": "command", "command": command, "timeout": HOOK_TIMEOUT_S}
    hooks: dict[str, Any] = {event: [{"hooks": [handler]}] for event in _EVENTS}
    hooks["state"] = {
        # Said to be enabled, for a user's own entry under this key could have switched it off.
        _key(name): {"enabled": True, "trusted_hash": trusted_hash(name, command)}
        for name in _EVENTS.values()
    }
    # A trusted project could switch hooks off otherwise (F24).
    doors = shut_doors(interactive=interactive, web_search=web_search)
    return {"features.hooks": True, "hooks": hooks, **doors}


def shut_doors(*, interactive: bool, web_search: bool) -> dict[str, Any]:
    """Return the ``config`` that shuts what would pass by every hook, unless asked for (G8).

    Commands on a terminal, whose later input no hook sees (``interactive``), and the provider's
    own search of the web (``web_search``), which then stays as the user has it.
    """
    config: dict[str, Any] = {}
    if not interactive:
        config["features.unified_exec_tty"] = False
    if not web_search:
        config["web_search"] = "disabled"
    return config


def trusted_hash(event_name: str, command: str) -> str:
    """Return the hash by which Codex trusts our hook on ``event_name`` (``pre_tool_use``, …)."""
    handler = {"type": "command", "command": command, "timeout": HOOK_TIMEOUT_S, "async": False}
    identity = {"event_name": event_name, "hooks": [handler]}
    text = json.dumps(identity, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return f"sha256:{hashlib.sha256(text.encode()).hexdigest()}"


def _key(event_name: str) -> str:
    return f"{_LAYER}:{event_name}:0:0"


async def confirm_armed(
    request: Request, *, thread_id: str, cwd: str, config: Mapping[str, Any]
) -> None:
    """Ask the server whether ``config``, as `hook_config` made it, is in force for a thread.

    ``request`` calls a method of the server's. Raises `GateNotArmed`.

    Codex 0.163 cannot list a thread's hooks. There the answer rests on the thread's features, the
    machine's requirements and our hash, and a thread that was loaded before it was resumed, which
    keeps the configuration that it had, is told by its TTY commands alone: not if ``interactive``.
    """
    features = {"threadId": thread_id, "limit": 1_000}
    check_features(await request("experimentalFeature/list", features), config)
    try:
        # Where a thread can be listed, these two exclude each other; elsewhere the id is ignored.
        await request("hooks/list", {"threadId": thread_id, "cwds": [cwd]})
    except InvalidRequest:
        check_listed(await request("hooks/list", {"threadId": thread_id}), config)
    else:
        check_requirements(await request("configRequirements/read", None))


def check_features(listing: object, config: Mapping[str, Any]) -> None:
    """Raise `GateNotArmed` unless a thread's ``experimentalFeature/list`` is as ``config`` says."""
    enabled = {feature.get("name"): feature.get("enabled") for feature in _objects(listing, "data")}
    for key, wanted in config.items():
        table, _, name = key.partition(".")
        if table == "features" and enabled.get(name) is not wanted:
            raise _not_armed(f"the feature {name!r} should be {wanted} and is {enabled.get(name)}")


def check_listed(listing: object, config: Mapping[str, Any]) -> None:
    """Raise `GateNotArmed` unless a thread's ``hooks/list`` has our hooks, enabled and trusted."""
    folders = _objects(listing, "data")
    found = {hook.get("key"): hook for folder in folders for hook in _objects(folder, "hooks")}
    for event in _EVENTS:
        key = _key(_EVENTS[event])
        wanted = {
            "command": config["hooks"][event][0]["hooks"][0]["command"],
            "currentHash": config["hooks"]["state"][key]["trusted_hash"],
            "trustStatus": "trusted",
            "enabled": True,
        }
        if key not in found:
            raise _not_armed(f"the thread has no {event} hook of the gate")
        for field, value in wanted.items():
            if found[key].get(field) != value:
                raise _not_armed(f"the gate's {event} hook has {field} {found[key].get(field)!r}")


def check_requirements(reply: object) -> None:
    """Raise `GateNotArmed` if a ``configRequirements/read`` lets no hooks but the machine's run."""
    match reply:
        case {"requirements": {"allowManagedHooksOnly": True}}:
            raise _not_armed("this machine's requirements allow managed hooks only")
        case {"requirements": None | dict()}:
            return
    raise _not_armed("the server does not tell this machine's requirements")


def went_unheard(notification: Mapping[str, Any]) -> str | None:
    """Return Codex's words for why our hook decided nothing, from a ``hook/completed``'s params.

    Codex goes on then: the client's shell was killed, or could not be started in a folder that is
    gone (F22). For all other hooks, and for ours when it was heard, returns None.
    """
    run = notification.get("run")
    if not isinstance(run, dict) or run.get("sourcePath") != _LAYER or run.get("status") in _HEARD:
        return None
    said = [str(entry["text"]) for entry in run.get("entries") or () if "text" in entry]
    return "; ".join(said) or f"its hook has the status {run.get('status')!r}"


def _objects(parent: object, name: str) -> list[dict[str, Any]]:
    members = parent.get(name) if isinstance(parent, dict) else None
    if not isinstance(members, list) or not all(isinstance(member, dict) for member in members):
        raise _not_armed(f"the server's answer has no list of {name!r}")
    return members


def _not_armed(found: str) -> GateNotArmed:
    return GateNotArmed(
        f"Codex does not put this thread's tool uses before the hooks: {found}. See whether a "
        "managed_config.toml or requirements.toml of this machine pins hooks or features; a thread "
        "that is loaded already cannot be armed by resuming it"
    )
