"""Lines out of chunks."""

import random

import pytest

from windlass.cluster.lines import LineSplitter


def test_chunks_may_be_cut_anywhere_even_within_a_character() -> None:
    lines = [f'{{"name":"großes Tor {number} ☃"}}'.encode() for number in range(50)]
    stream = b"".join(line + b"\n" for line in lines)
    for seed in range(50):
        chance = random.Random(seed)  # noqa: S311 — where the chunks are cut
        splitter, found, rest = LineSplitter(), [], stream
        while rest:
            size = chance.randint(1, 60)
            found += splitter.feed(rest[:size])
            rest = rest[size:]
        splitter.end()
        assert found == lines, f"seed {seed}"


def test_empty_lines_are_passed_over() -> None:
    assert LineSplitter().feed(b"\n\na\n\nb\n") == [b"a", b"b"]


def test_a_line_is_held_back_until_it_is_complete() -> None:
    splitter = LineSplitter()
    assert splitter.feed(b"half") == []
    assert splitter.feed(b" a line\nnext") == [b"half a line"]


def test_ending_within_a_line_is_noticed() -> None:
    splitter = LineSplitter()
    splitter.feed(b"a\nhalf")
    with pytest.raises(ValueError, match="in the middle of a line"):
        splitter.end()


def test_ending_after_a_line_is_fine() -> None:
    splitter = LineSplitter()
    splitter.feed(b"a\n")
    splitter.end()


def test_a_line_without_end_is_not_gathered_for_ever() -> None:
    splitter = LineSplitter(longest=10)
    splitter.feed(b"12345678")
    with pytest.raises(ValueError, match="longer than 10 bytes"):
        splitter.feed(b"9abc")


def test_the_bound_is_for_one_line_not_for_all() -> None:
    splitter = LineSplitter(longest=10)
    for _ in range(100):
        assert splitter.feed(b"1234567\n") == [b"1234567"]
