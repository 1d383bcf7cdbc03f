"""Lines of log files: plain, compressed, from a pipe, damaged."""

import gzip
import os
import threading
from pathlib import Path

import pytest

from accounting.cli.log_lines import LINE_LIMIT_BYTES, Line, LogFile

TEXT = "one\n\ntwo é\nlast without an end"
LINES = [
    Line("f:1", "one\n"), Line("f:2", "\n"), Line("f:3", "two é\n"), Line("f:4", TEXT[11:]),
]  # fmt: skip


@pytest.mark.parametrize("compressed", [False, True])
def test_lines_of_a_file_come_with_their_numbers(tmp_path: Path, *, compressed: bool) -> None:
    """Plain or compressed, told apart by the content, whatever the name."""
    path = tmp_path / "f"
    octets = TEXT.encode()
    path.write_bytes(gzip.compress(octets) if compressed else octets)
    file = LogFile(path)
    assert list(file.lines()) == LINES
    assert file.position == path.stat().st_size


def test_lines_of_a_pipe_are_read_as_they_come(tmp_path: Path) -> None:
    """`docker compose logs envoy | … replay /dev/stdin`: a pipe has no size and cannot go back."""
    path = tmp_path / "f"
    os.mkfifo(path)
    writer = threading.Thread(target=path.write_text, args=(TEXT, "utf-8"))
    writer.start()
    assert list(LogFile(path).lines()) == LINES
    writer.join()


def test_line_too_long_is_passed_over_whole(tmp_path: Path) -> None:
    """Its rest is no line of its own."""
    path = tmp_path / "f"
    path.write_bytes(b"x" * (3 * LINE_LIMIT_BYTES) + b"\nnext\n")
    long, following = LogFile(path).lines()
    assert (long.place, long.readable) == ("f:1", False)
    assert following == Line("f:2", "next\n")


def test_octets_that_are_no_text_do_not_end_the_file(tmp_path: Path) -> None:
    """A torn page on disk costs its own line."""
    path = tmp_path / "f"
    path.write_bytes(b"\xff\xfe\nnext\n")
    assert [line.readable for line in LogFile(path).lines()] == [True, True]


def test_compressed_file_that_is_damaged_gives_what_it_has(tmp_path: Path) -> None:
    """Then one line that cannot be read, where the damage is."""
    path = tmp_path / "f"
    packed = bytearray(gzip.compress(os.urandom(50_000).hex().encode() + b"\n"))
    packed[len(packed) // 2 :] = b"\x00" * 200
    path.write_bytes(packed)
    *_, last = LogFile(path).lines()
    assert not last.readable
