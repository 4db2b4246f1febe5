from __future__ import annotations

from itertools import pairwise

from hypothesis import given, strategies as st

from codex_hooks_runtime._framing import LineSplitter

MIB = 1024 * 1024


@st.composite
def cut_anywhere(draw: st.DrawFn) -> tuple[bytes, list[bytes]]:
    data = draw(st.lists(st.sampled_from([b"\n", b"a", b"bb", b"\r\n", b"\x00\xff"])).map(b"".join))
    cuts = sorted(draw(st.lists(st.integers(0, len(data)))))
    edges = [0, *cuts, len(data)]
    return data, [data[a:b] for a, b in pairwise(edges)]


def fed(splitter: LineSplitter, chunks: list[bytes]) -> list[bytes]:
    return [line for chunk in chunks for line in splitter.feed(chunk)]


@given(cut_anywhere())
def test_any_chunking_gives_the_same_lines(stream: tuple[bytes, list[bytes]]) -> None:
    """R7."""
    data, chunks = stream
    assert fed(LineSplitter(), chunks) == data.split(b"\n")[:-1]


@given(cut_anywhere(), st.integers(0, 6))
def test_any_chunking_drops_the_same_long_lines(
    stream: tuple[bytes, list[bytes]], limit: int
) -> None:
    """R7."""
    data, chunks = stream
    splitter = LineSplitter(limit_bytes=limit)
    whole = data.split(b"\n")[:-1]
    short = [line for line in whole if len(line) <= limit]
    assert fed(splitter, chunks) == short
    assert splitter.dropped == len(whole) - len(short)


def test_a_line_of_32_mib_is_one_line() -> None:
    """F16: quadratic joining would take many minutes here."""
    splitter = LineSplitter()
    chunk = b"x" * 4096
    assert fed(splitter, [chunk] * (32 * MIB // 4096)) == []
    (line,) = splitter.feed(b"\n")
    assert len(line) == 32 * MIB


def test_one_byte_at_a_time_takes_no_more_memory_than_the_line() -> None:
    """F16."""
    splitter = LineSplitter()
    assert fed(splitter, [b"x"] * MIB) == []
    assert len(splitter._open) == MIB
    assert splitter.feed(b"\n") == [b"x" * MIB]


def test_what_is_kept_is_bounded_by_the_limit_and_the_next_line_is_fine() -> None:
    """F16."""
    splitter = LineSplitter(limit_bytes=MIB)
    for _ in range(64):
        assert splitter.feed(b"x" * 65536) == []
        assert len(splitter._open) <= MIB
    assert splitter.feed(b"the end of it\nnext\n") == [b"next"]
    assert splitter.dropped == 1


def test_a_line_that_was_cut_off_is_no_line() -> None:
    assert LineSplitter().feed(b'{"id":1}\n{"id":2') == [b'{"id":1}']
