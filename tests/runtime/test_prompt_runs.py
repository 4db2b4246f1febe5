"""Prompt runs in every form, and all that can be said of how they are run."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import anyio
import pytest

from codex_hooks import Block
from codex_hooks_runtime import (
    AgentMessageDelta,
    Client,
    ClientConfig,
    ConfigError,
    EmptyAssistantText,
    ExternalSandbox,
    PromptRunParams,
    ReadOnly,
    RunProfile,
    SessionConfig,
    TurnCompleted,
    TurnFailed,
    TurnTimeout,
    WorkspaceWrite,
    _opening,
)
from codex_hooks_runtime._wire import thread_params
from codex_hooks_runtime.testing import CodexHome, Fail, Hang, RunCommand, Say, ScriptedModel
from runtime.scripted import Journal, scripted

if TYPE_CHECKING:
    from pathlib import Path

    from codex_hooks_runtime import SandboxPolicy
    from codex_hooks_runtime.testing import ModelRequest, Step

pytestmark = pytest.mark.codex


async def test_a_prompt_runs_in_a_new_thread_in_the_simplest_form(tmp_path: Path) -> None:
    async with scripted([Say("first"), RunCommand("touch made"), Say("done")]) as (client, model):
        result = await client.runtime.run_prompt_simple(tmp_path, "hello")
        assert result.assistant_text == "first"
        assert await client.runtime.thread_loaded_list() == (result.thread_id,)
        await client.runtime.run_prompt_simple(str(tmp_path), "write")
    # The defaults let nothing be written.
    assert "Read-only file system" in model.requests[-1].text
    assert model.requests[0].body["reasoning"]["effort"] == "medium"


async def test_a_prompt_runs_in_a_thread_that_is_loaded_or_is_resumed_for_it(
    tmp_path: Path,
) -> None:
    journal = Journal()
    params = PromptRunParams(cwd=tmp_path, prompt="hello")
    async with scripted([Say("one"), Say("two"), Say("three")], journal) as (client, model):
        runtime = client.runtime
        thread_id = (await runtime.run_prompt(params)).thread_id
        journal.seen.clear()

        loaded = await runtime.run_prompt_on_loaded_thread(thread_id, params)
        assert (loaded.thread_id, loaded.assistant_text) == (thread_id, "two")
        assert journal.phases == ["pre_run", "pre_turn", "post_turn", "post_run"]

        again = await runtime.run_prompt_in_thread(thread_id, params.replace(prompt="third"))
        assert (again.thread_id, again.assistant_text) == (thread_id, "three")
        assert model.requests[-1].user_texts[-3:] == ("hello", "hello", "third")


async def test_a_thread_that_is_not_loaded_is_resumed_with_its_session_hooks(
    tmp_path: Path,
) -> None:
    """R1: session hooks around the resume, inside the run's own."""
    journal = Journal()
    params = PromptRunParams(cwd=tmp_path, prompt="hello")
    async with scripted([Say("one"), Say("two")], journal) as (client, _):
        runtime = client.runtime
        thread_id = (await runtime.run_prompt(params)).thread_id
        await runtime.thread_archive(thread_id)
        await runtime.call("thread/unarchive", {"threadId": thread_id})
        with pytest.raises(ConfigError, match="not loaded here"):
            await runtime.run_prompt_on_loaded_thread(thread_id, params)
        journal.seen.clear()

        assert (await runtime.run_prompt_in_thread(thread_id, params)).assistant_text == "two"
    assert journal.phases == [
        "pre_run",
        "pre_session_start",
        "post_session_start",
        "pre_turn",
        "post_turn",
        "post_run",
    ]
    assert {ctx.thread_id for ctx in journal.seen} == {thread_id}
    assert len({ctx.correlation_id for ctx in journal.seen}) == 1


async def test_the_thread_of_a_prompt_that_is_over_is_let_go_of_and_can_be_resumed(
    tmp_path: Path,
) -> None:
    """F30, G6: nothing of it stays here or in Codex; resumed, it is behind its gate again."""
    plugin = Journal(pre_tool_use=Block("no"))
    script: list[Step] = [Say("one"), Fail("out of ideas"), RunCommand("touch made"), Say("two")]
    with ScriptedModel(script) as model, CodexHome(model.base_url) as home:
        config = home.path / "config.toml"
        config.write_text(f"thread_unload_delay_secs = 1\n{config.read_text()}")
        options = ClientConfig(plugins=(plugin,), load_installed=False, env=home.env)
        closed = 0
        async with Client.connect(options) as client, client.runtime.subscribe_live() as events:
            runtime = client.runtime
            thread_id = (await client.run(tmp_path, "hello")).thread_id
            with pytest.raises(TurnFailed):
                await client.run(tmp_path, "hello again")
            assert runtime.gate is not None
            assert (runtime.threads._threads, runtime.gate._threads) == ({}, {})
            with anyio.fail_after(60):
                async for event in events:
                    closed += getattr(event, "method", None) == "thread/closed"
                    if closed == 2:
                        break
            assert await runtime.thread_loaded_list() == ()
            params = PromptRunParams(cwd=tmp_path, prompt="write", sandbox_policy="workspace-write")
            again = await runtime.run_prompt_in_thread(thread_id, params)
            assert again.assistant_text == "two"
            # The control: this way keeps it.
            assert await runtime.thread_loaded_list() == (thread_id,)
            await runtime.thread_release(thread_id)
            assert runtime.gate._threads == {}
    assert "blocked by plugin Journal" in model.requests[-1].text
    assert not (tmp_path / "made").exists()


async def test_a_stream_tells_what_the_model_says_as_it_says_it(tmp_path: Path) -> None:
    async with (
        scripted([Say("a short answer", chunks=3)]) as (client, _),
        client.stream(tmp_path, "hello") as stream,
    ):
        events = [event async for event in stream]
        result = await stream.finish()
    assert [type(event) for event in events] == [*[AgentMessageDelta] * 3, TurnCompleted]
    assert "".join(e.text for e in events if isinstance(e, AgentMessageDelta)) == "a short answer"
    assert result.assistant_text == "a short answer"


async def test_everything_that_a_profile_says_reaches_the_model(tmp_path: Path) -> None:
    schema = {
        "type": "object",
        "properties": {"city": {"type": "string"}},
        "required": ["city"],
        "additionalProperties": False,
    }
    async with scripted([Say('{"city": "Rome"}')]) as (client, model):
        await client.run(
            tmp_path,
            "where?",
            model="gpt-5.5-special",
            effort="high",
            service_tier="flex",
            output_schema=schema,
            base_instructions="You are an oracle.",
            developer_instructions="Answer in one word.",
        )
    request = model.requests[0]
    assert request.model == "gpt-5.5-special"
    assert request.body["reasoning"]["effort"] == "high"
    assert request.body["service_tier"] == "flex"
    assert request.body["text"]["format"]["schema"] == schema
    developer = [
        part["text"]
        for item in request.input
        if item.get("role") == "developer"
        for part in item["content"]
    ]
    assert developer[0] == "You are an oracle."
    assert developer[1] == "Answer in one word."


async def test_a_tier_and_a_schema_hold_for_their_own_turn(tmp_path: Path) -> None:
    async with scripted(lambda _: Say("ok")) as (client, model):
        session = await client.start_session(SessionConfig(cwd=tmp_path, service_tier="flex"))
        profile = RunProfile(service_tier="priority", output_schema={"type": "object"})
        await session.ask_with_profile("fast", profile)
        await session.ask("slow")
    fast, slow = model.requests
    assert (fast.body["service_tier"], slow.body["service_tier"]) == ("priority", "flex")
    assert "format" in fast.body["text"]
    assert "format" not in slow.body["text"]


async def test_instructions_that_a_loaded_thread_does_not_have_are_refused(tmp_path: Path) -> None:
    journal = Journal()
    async with scripted([Say("ok")], journal) as (client, _):
        config = SessionConfig(cwd=tmp_path, developer_instructions="Be brief.")
        session = await client.start_session(config)
        await session.ask("with its own instructions")
        journal.seen.clear()
        for other in (
            RunProfile(developer_instructions="Be verbose."),
            RunProfile(base_instructions="You are a poet."),
            RunProfile(interactive=True),
            RunProfile(web_search=True),
        ):
            with pytest.raises(ConfigError, match="was opened without this"):
                await session.ask_with_profile("otherwise", other)
    assert journal.seen == []


@pytest.mark.parametrize(
    ("policy", "told"),
    [
        ("read-only", "`sandbox_mode` is `read-only`"),
        (ReadOnly(network_access=True), "Network access is enabled"),
        ("workspace-write", "`sandbox_mode` is `workspace-write`"),
        (WorkspaceWrite(network_access=True), "Network access is enabled"),
    ],
)
async def test_a_sandbox_is_what_the_model_is_told_of_it(
    tmp_path: Path, policy: SandboxPolicy, told: str
) -> None:
    async with scripted([Say("ok")]) as (client, model):
        await client.run(tmp_path, "hello", sandbox_policy=policy)
    assert told in model.requests[0].text


async def test_a_command_writes_in_the_named_roots_and_nowhere_else(
    tmp_path: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """With the control that the same command fails without the root."""
    # Not in the temporary folders: those are left out here, so that the roots decide.
    cwd, root = tmp_path / "cwd", tmp_path_factory.mktemp("root")
    cwd.mkdir()

    async def told(policy: SandboxPolicy) -> str:
        script: list[Step] = [RunCommand(f"touch here {root}/there; ls {root}"), Say("done")]
        async with scripted(script) as (client, model):
            await client.run(cwd, "write", sandbox_policy=policy)
        return next(iter(model.requests[-1].tool_outputs.values()))

    assert "Read-only file system" in await told(WorkspaceWrite(include_tmp=False))
    assert (cwd / "here").exists()
    assert not (root / "there").exists()
    await told(WorkspaceWrite(writable_roots=(root,), include_tmp=False))
    assert (root / "there").exists()


@pytest.mark.parametrize("said", [True, False])
async def test_what_the_users_configuration_leaves_open_is_not_added(
    tmp_path: Path,
    tmp_path_factory: pytest.TempPathFactory,
    monkeypatch: pytest.MonkeyPatch,
    *,
    said: bool,
) -> None:
    """R9, G2: with the control, in which Codex adds the user's roots to the turn's."""

    def without(*args: Any, **options: Any) -> Any:
        params = thread_params(*args, **options)
        del params["config"]["sandbox_workspace_write.writable_roots"]
        return params

    if not said:
        monkeypatch.setattr(_opening, "thread_params", without)
    cwd, root = tmp_path / "cwd", tmp_path_factory.mktemp("root")
    cwd.mkdir()
    users = f"[sandbox_workspace_write]\nwritable_roots = [{json.dumps(str(root))}]\n"
    script: list[Step] = [RunCommand(f"touch {root}/there"), Say("done")]
    async with scripted(script, extra_config=users) as (client, _):
        await client.run(cwd, "write", sandbox_policy=WorkspaceWrite(include_tmp=False))
    assert (root / "there").exists() is not said


async def test_a_repository_is_not_trusted_for_being_written_in(tmp_path: Path) -> None:
    """F24: with the control, in which the server trusts it, and starts what it names."""
    started = tmp_path / "started"

    def repository(name: str) -> Path:
        folder = tmp_path / name
        (folder / ".git").mkdir(parents=True)
        (folder / ".codex").mkdir()
        argv = json.dumps(["-c", f"touch {started}"])
        server = f'[mcp_servers.its_own]\ncommand = "/bin/sh"\nargs = {argv}\n'
        (folder / ".codex" / "config.toml").write_text(server)
        return folder

    async with scripted([RunCommand("touch here"), Say("done")]) as (client, _):
        cwd = repository("here")
        await client.run(cwd, "write", sandbox_policy="workspace-write")
        assert (cwd / "here").exists()
        found = await client.runtime.call("config/read", {"cwd": str(cwd)})
        assert not found["config"].get("projects")
        assert not started.exists()
    async with scripted([], tool_gate="off") as (client, _):
        params = {"cwd": str(repository("there")), "sandbox": "workspace-write"}
        await client.runtime.call("thread/start", params)
        with anyio.fail_after(60):
            while not started.exists():  # noqa: ASYNC110  # a file tells nobody
                await anyio.sleep(0.01)


async def test_an_external_sandbox_is_the_callers_own_and_asked_for_in_every_way(
    tmp_path: Path,
) -> None:
    """R9."""
    async with scripted([RunCommand("touch made"), Say("ok")]) as (client, model):
        await client.run(
            tmp_path,
            "hello",
            sandbox_policy=ExternalSandbox(network_access=True),
            approval_policy="on-request",
            privileged_escalation_approved=True,
        )
    assert (tmp_path / "made").exists()
    assert "danger-full-access" in model.requests[0].text


@pytest.mark.parametrize(
    ("given", "missing"),
    [
        ({"approval_policy": "on-request"}, "privileged_escalation_approved=True"),
        ({"privileged_escalation_approved": True}, "an approval_policy other than 'never'"),
        (
            {"approval_policy": "on-request", "privileged_escalation_approved": True, "cwd": "."},
            "an absolute cwd",
        ),
    ],
)
@pytest.mark.parametrize("policy", ["danger-full-access", ExternalSandbox()])
async def test_a_privileged_sandbox_lacking_one_condition_is_refused_before_anything_is_sent(
    tmp_path: Path, given: dict[str, Any], missing: str, policy: SandboxPolicy
) -> None:
    """R9: for runs, sessions and turns alike."""
    profile = RunProfile(
        sandbox_policy=policy, **{key: value for key, value in given.items() if key != "cwd"}
    )
    cwd = given.get("cwd", tmp_path)
    journal = Journal()
    async with scripted([], journal) as (client, _):
        with pytest.raises(ConfigError, match=missing):
            await client.runtime.run_prompt(profile.prompt_in(cwd, "hello"))
        with pytest.raises(ConfigError, match=missing):
            await client.start_session(profile.session_in(cwd))
        assert await client.runtime.thread_loaded_list() == ()
        assert journal.seen == []
        session = await client.start_session(SessionConfig(cwd=tmp_path))
        with pytest.raises(ConfigError, match=missing):
            await session.ask_with(profile.prompt_in(cwd, "hello"))


async def test_the_whole_file_system_as_a_writable_root_is_privileged_too(tmp_path: Path) -> None:
    """R9."""
    everything = WorkspaceWrite(writable_roots=(tmp_path.joinpath(*[".."] * 30),))
    async with scripted([]) as (client, _):
        with pytest.raises(ConfigError, match="keeps nothing from the agent"):
            await client.run(tmp_path, "hello", sandbox_policy=everything)


async def test_a_model_that_nobody_has_is_the_providers_word_in_one_error(tmp_path: Path) -> None:
    def refuse(request: ModelRequest) -> Fail:
        return Fail(f"The model '{request.model}' does not exist", "model_not_found", 404)

    journal = Journal()
    async with scripted(refuse, journal) as (client, _):
        with pytest.raises(TurnFailed, match="'gpt-none' does not exist") as caught:
            await client.run(tmp_path, "hello", model="gpt-none")
    assert caught.value.failure.terminal_state == "failed"
    assert caught.value.failure.source_method == "turn/completed"
    assert set(journal.endings.items()) == {
        ("run", "error"),
        ("session_start", "ok"),
        ("turn", "error"),
    }


async def test_a_working_folder_that_is_none_is_refused_before_anything_is_sent(
    tmp_path: Path,
) -> None:
    (tmp_path / "file").touch()
    journal = Journal()
    async with scripted([], journal) as (client, _):
        with pytest.raises(ConfigError, match=r"gone.*does not exist"):
            await client.run(tmp_path / "gone", "hello")
        with pytest.raises(ConfigError, match=r"file.*is not a folder"):
            await client.start_session(SessionConfig(cwd=tmp_path / "file"))
        with pytest.raises(ConfigError, match="prompt: it is empty"):
            await client.run(tmp_path, "")
        with pytest.raises(ConfigError, match="timeout: Input should be greater than 0"):
            await client.run(tmp_path, "hello", timeout=0)
        assert await client.runtime.thread_loaded_list() == ()
    assert journal.seen == []


async def test_a_turn_that_says_nothing_or_takes_too_long_is_told_apart(tmp_path: Path) -> None:
    async with scripted([[], Hang()]) as (client, _):
        with pytest.raises(EmptyAssistantText):
            await client.run(tmp_path, "hello")
        with pytest.raises(TurnTimeout, match="raise its timeout"):
            await client.run(tmp_path, "hello", timeout=0.3)


def test_a_writable_root_is_absolute() -> None:
    with pytest.raises(ConfigError, match="give an absolute path"):
        WorkspaceWrite(writable_roots=("relative",))  # type: ignore[arg-type]
