"""Asking one plugin about one context, from a sync test or from an async one."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, TypeVar

import anyio

from codex_hooks._kernel import HookKernel

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from codex_hooks._context import HookContext
    from codex_hooks._run import PostOutcome, PreOutcome

T = TypeVar("T")


def kernel_with(*plugins: object) -> HookKernel:
    """Return a kernel that has these plugins and no other, in this order."""
    kernel = HookKernel()
    for plugin in plugins:
        kernel.register(plugin)
    return kernel


def ask(plugin: object, ctx: HookContext) -> PreOutcome | PostOutcome:
    """Ask ``plugin``, alone, about ``ctx``; its report is in the outcome.

    The plugin starts and stops around the question. Raises `PluginError` for a plugin that could
    not be registered.
    """
    kernel = kernel_with(plugin)

    async def put() -> PreOutcome | PostOutcome:
        async with kernel.run(ctx.correlation_id) as run:
            return await (run.pre(ctx) if ctx.phase.is_pre else run.post(ctx))

    try:
        return on_a_loop(put)
    finally:
        kernel.close()


def on_a_loop(work: Callable[[], Awaitable[T]]) -> T:
    """Run ``work`` on an event loop of its own, in a thread, since the test may have one too."""
    results: list[T] = []
    errors: list[BaseException] = []

    def run() -> None:
        try:
            results.append(anyio.run(work))
        except BaseException as error:  # carried to the caller's thread, and raised there
            errors.append(error)

    thread = threading.Thread(target=run, name="codex-hooks-test")
    thread.start()
    thread.join()
    if errors:
        raise errors[0]
    return results[0]
