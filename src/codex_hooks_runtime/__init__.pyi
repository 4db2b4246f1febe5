# The public names and where each is defined; `__init__.py` loads them on first use.

from ._approver import (
    ApprovalChannel as ApprovalChannel,
    ApprovalQuestion as ApprovalQuestion,
    Approver as Approver,
    PendingApproval as PendingApproval,
)
from ._automation import Automation as Automation
from ._client import Client as Client
from ._config import ClientConfig as ClientConfig
from ._errors import (
    AttachmentNotFound as AttachmentNotFound,
    BlockedByHook as BlockedByHook,
    CodexNotFound as CodexNotFound,
    CodexUnsupported as CodexUnsupported,
    ConfigError as ConfigError,
    EmptyAssistantText as EmptyAssistantText,
    GateNotArmed as GateNotArmed,
    InvalidRequest as InvalidRequest,
    MethodNotFound as MethodNotFound,
    Overloaded as Overloaded,
    PromptRunError as PromptRunError,
    PromptTurnFailure as PromptTurnFailure,
    ResponseError as ResponseError,
    RpcError as RpcError,
    RpcTimeout as RpcTimeout,
    ServerError as ServerError,
    TransportClosed as TransportClosed,
    TurnCompletedWithoutAssistantText as TurnCompletedWithoutAssistantText,
    TurnFailed as TurnFailed,
    TurnInterrupted as TurnInterrupted,
    TurnTimeout as TurnTimeout,
    UnmediatedToolUse as UnmediatedToolUse,
)
from ._gate._dynamic import DynamicTool as DynamicTool
from ._gate._ledger import ToolUseRecord as ToolUseRecord
from ._handle import ThreadHandle as ThreadHandle
from ._handshake import ClientInfo as ClientInfo
from ._live import (
    Lagged as Lagged,
    LiveEvent as LiveEvent,
    LiveSubscription as LiveSubscription,
    Restarted as Restarted,
)
from ._messages import ServerRequest as ServerRequest
from ._metrics import RuntimeMetrics as RuntimeMetrics
from ._models import (
    AgentMessageDelta as AgentMessageDelta,
    ApprovalPolicy as ApprovalPolicy,
    PromptRunParams as PromptRunParams,
    PromptRunResult as PromptRunResult,
    PromptRunStreamEvent as PromptRunStreamEvent,
    ReasoningEffort as ReasoningEffort,
    RunProfile as RunProfile,
    SessionConfig as SessionConfig,
    TurnCompleted as TurnCompleted,
    TurnFailure as TurnFailure,
    TurnStopped as TurnStopped,
)
from ._records import (
    FolderSkills as FolderSkills,
    Page as Page,
    SkillRecord as SkillRecord,
    ThreadRecord as ThreadRecord,
    TurnRecord as TurnRecord,
)
from ._restart import RestartPolicy as RestartPolicy
from ._runtime import Runtime as Runtime
from ._sandbox import (
    ExternalSandbox as ExternalSandbox,
    ReadOnly as ReadOnly,
    SandboxPolicy as SandboxPolicy,
    WorkspaceWrite as WorkspaceWrite,
)
from ._server_requests import ServerRequestHandler as ServerRequestHandler
from ._session import Session as Session
from ._sink import EventSink as EventSink
from ._state import (
    ItemState as ItemState,
    RuntimeState as RuntimeState,
    StateProjectionLimits as StateProjectionLimits,
    ThreadState as ThreadState,
    TurnState as TurnState,
)
from ._stream import PromptRunStream as PromptRunStream
from ._supervisor import ServerStatus as ServerStatus
from ._workflow import Workflow as Workflow, quick_run as quick_run
