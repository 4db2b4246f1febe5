"""An async client of the real codex app-server, under the hooks of codex_hooks."""

from __future__ import annotations

from ._automation import Automation
from ._client import Client
from ._config import ClientConfig
from ._errors import (
    AttachmentNotFound,
    BlockedByHook,
    CodexNotFound,
    CodexUnsupported,
    ConfigError,
    EmptyAssistantText,
    GateNotArmed,
    InvalidRequest,
    MethodNotFound,
    Overloaded,
    PromptRunError,
    PromptTurnFailure,
    ResponseError,
    RpcError,
    RpcTimeout,
    ServerError,
    TransportClosed,
    TurnCompletedWithoutAssistantText,
    TurnFailed,
    TurnInterrupted,
    TurnTimeout,
    UnmediatedToolUse,
)
from ._gate._approver import ApprovalChannel, ApprovalQuestion, Approver, PendingApproval
from ._gate._dynamic import DynamicTool
from ._gate._ledger import ToolUseRecord
from ._handle import ThreadHandle
from ._live import Lagged, LiveEvent, LiveSubscription, Restarted
from ._metrics import RuntimeMetrics
from ._models import (
    AgentMessageDelta,
    ApprovalPolicy,
    PromptRunParams,
    PromptRunResult,
    PromptRunStreamEvent,
    ReasoningEffort,
    RunProfile,
    SessionConfig,
    TurnCompleted,
    TurnFailure,
    TurnStopped,
)
from ._records import FolderSkills, Page, SkillRecord, ThreadRecord, TurnRecord
from ._restart import RestartPolicy
from ._runtime import Runtime
from ._sandbox import ExternalSandbox, ReadOnly, SandboxPolicy, WorkspaceWrite
from ._session import Session
from ._sink import EventSink
from ._state import ItemState, RuntimeState, StateProjectionLimits, ThreadState, TurnState
from ._stream import PromptRunStream
from ._supervisor import ServerStatus
from ._workflow import Workflow, quick_run

__all__ = [
    "AgentMessageDelta",
    "ApprovalChannel",
    "ApprovalPolicy",
    "ApprovalQuestion",
    "Approver",
    "AttachmentNotFound",
    "Automation",
    "BlockedByHook",
    "Client",
    "ClientConfig",
    "CodexNotFound",
    "CodexUnsupported",
    "ConfigError",
    "DynamicTool",
    "EmptyAssistantText",
    "EventSink",
    "ExternalSandbox",
    "FolderSkills",
    "GateNotArmed",
    "InvalidRequest",
    "ItemState",
    "Lagged",
    "LiveEvent",
    "LiveSubscription",
    "MethodNotFound",
    "Overloaded",
    "Page",
    "PendingApproval",
    "PromptRunError",
    "PromptRunParams",
    "PromptRunResult",
    "PromptRunStream",
    "PromptRunStreamEvent",
    "PromptTurnFailure",
    "ReadOnly",
    "ReasoningEffort",
    "ResponseError",
    "RestartPolicy",
    "Restarted",
    "RpcError",
    "RpcTimeout",
    "RunProfile",
    "Runtime",
    "RuntimeMetrics",
    "RuntimeState",
    "SandboxPolicy",
    "ServerError",
    "ServerStatus",
    "Session",
    "SessionConfig",
    "SkillRecord",
    "StateProjectionLimits",
    "ThreadHandle",
    "ThreadRecord",
    "ThreadState",
    "ToolUseRecord",
    "TransportClosed",
    "TurnCompleted",
    "TurnCompletedWithoutAssistantText",
    "TurnFailed",
    "TurnFailure",
    "TurnInterrupted",
    "TurnRecord",
    "TurnState",
    "TurnStopped",
    "TurnTimeout",
    "UnmediatedToolUse",
    "Workflow",
    "WorkspaceWrite",
    "quick_run",
]
