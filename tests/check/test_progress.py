"""How far a long reading has come: rewritten in place on a terminal, a line now and then elsewhere."""

import io

from cds_service.check.progress import EVERY_SECONDS, Progress


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


class Timer:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def test_a_terminal_sees_one_line_that_is_rewritten_and_then_cleared() -> None:
    stream, timer = Terminal(), Timer()
    progress = Progress(stream, 4, "charts", timer)
    timer.now = 3
    progress.tell(1)
    progress.tell(4)
    progress.end()
    first, second, last = stream.getvalue().split("\r")[1:]
    assert first == f"[{'#' * 7}{'.' * 23}] 1 of 4 charts, about 9 s left\x1b[K"
    assert second == f"[{'#' * 30}] 4 of 4 charts\x1b[K"
    assert last == "\x1b[K"
    assert "\n" not in stream.getvalue()


def test_a_log_sees_a_line_every_few_seconds() -> None:
    stream, timer = io.StringIO(), Timer()
    progress = Progress(stream, 100, "charts", timer)
    for number in range(1, 101):
        timer.now = number * EVERY_SECONDS / 40
        progress.tell(number)
    progress.end()
    assert stream.getvalue().splitlines() == ["40 of 100 charts, about 8 s left", "80 of 100 charts, about 2 s left"]


def test_a_short_reading_leaves_no_line_in_a_log() -> None:
    stream = io.StringIO()
    progress = Progress(stream, 0, "charts", Timer())
    progress.tell(0)
    progress.end()
    assert stream.getvalue() == ""


def test_nothing_to_count_is_no_division_by_nothing() -> None:
    stream = Terminal()
    Progress(stream, 0, "charts", Timer()).tell(0)
    assert "0 of 0 charts" in stream.getvalue()
