from __future__ import annotations

import math
from typing import Any

import pytest

from codex_hooks_runtime._errors import ConfigError
from codex_hooks_runtime._restart import RestartBudget, RestartPolicy


def pauses(budget: RestartBudget, *ran_for: float) -> list[float | None]:
    return [budget.pause_after(seconds) for seconds in ran_for]


def test_each_crash_in_a_row_waits_twice_as_long_up_to_the_longest() -> None:
    """R5, F20."""
    policy = RestartPolicy(max_restarts=5, first_delay=1, longest_delay=5, jitter=0)
    assert pauses(RestartBudget(policy), 0, 0, 0, 0, 0) == [1, 2, 4, 5, 5]


def test_the_budget_ends_and_then_there_is_no_restart() -> None:
    """R5, F20."""
    policy = RestartPolicy(max_restarts=2, first_delay=1, jitter=0)
    assert pauses(RestartBudget(policy), 0, 0, 0, 0) == [1, 2, None, None]


def test_a_server_that_ran_well_for_a_while_gives_the_whole_budget_back() -> None:
    """R5."""
    policy = RestartPolicy(max_restarts=2, first_delay=1, jitter=0, healthy_after=60)
    assert pauses(RestartBudget(policy), 0, 59, 60, 0, 0) == [1, 2, 1, 2, None]


def test_of_each_pause_a_random_part_is_left_out() -> None:
    """R5: so that many clients of one machine do not come back together."""
    policy = RestartPolicy(first_delay=1, longest_delay=1, jitter=0.5)
    assert [RestartBudget(policy, lambda c=c: c).pause_after(0) for c in (0, 0.5, 1)] == [  # type: ignore[misc]
        1,
        0.75,
        0.5,
    ]


def test_with_no_budget_a_server_is_never_started_again() -> None:
    """R5."""
    assert RestartBudget(RestartPolicy(max_restarts=0)).pause_after(1e9) is None


def test_a_generous_budget_does_not_overflow() -> None:
    """R5."""
    budget = RestartBudget(RestartPolicy(max_restarts=5000, jitter=0))
    assert all(math.isfinite(budget.pause_after(0) or 0) for _ in range(5000))


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"max_restarts": -1}, "max_restarts=-1: 0 for never"),
        ({"first_delay": -1}, "cannot be negative"),
        ({"first_delay": 2, "longest_delay": 1}, "longer than the longest"),
        ({"jitter": 1.5}, "from 0 to 1"),
        ({"healthy_after": 0}, "more than 0 seconds"),
    ],
)
def test_a_policy_that_cannot_work_is_refused(options: dict[str, Any], words: str) -> None:
    with pytest.raises(ConfigError, match=words):
        RestartPolicy(**options)
