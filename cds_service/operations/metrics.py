"""Counts that all processes share, in the text form that Prometheus reads.

Question: how often did what happen since the start, over all workers? Every series is known beforehand (metrics.toml):
they stand in one piece of memory that the processes inherit, in a row for each process, which alone writes to it. The
reader adds the rows up. Source: Prometheus text exposition format 0.0.4.
"""

import mmap
import tomllib
from bisect import bisect_left
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache
from importlib.resources import files
from itertools import product
from threading import Lock
from types import MappingProxyType

PREFIX = "infliximab_cds_"
CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
_BYTES = 8  # of one cell
_SERVING = 0  # the first cell of a row: whether its process serves


@dataclass(frozen=True, slots=True)
class Metric:
    """One row of metrics.toml and where its cells begin in a row of the board."""

    name: str
    kind: str
    meaning: str
    labels: Mapping[str, tuple[str, ...]] = field(default_factory=lambda: MappingProxyType({}))
    buckets: tuple[float, ...] = ()
    begins: int = 0

    @property
    def series(self) -> tuple[tuple[str, ...], ...]:
        """Every combination of label values."""
        return tuple(product(*self.labels.values()))

    @property
    def width(self) -> int:
        """Cells of one series: of a histogram one for each bucket, one above them, and the sum."""
        return len(self.buckets) + 2 if self.kind == "histogram" else 1

    def cell(self, labels: Mapping[str, str]) -> int:
        """Where a series begins. Raises ValueError or KeyError for a label or value that is not listed."""
        at = 0
        for name, values in self.labels.items():
            at = at * len(values) + values.index(labels[name])
        if labels.keys() != self.labels.keys():
            raise KeyError(f"{self.name}: labels {', '.join(self.labels)} expected")
        return self.begins + at * self.width


@cache
def listed() -> Mapping[str, Metric]:
    """The list as it stands in metrics.toml, by name."""
    metrics, begins = {}, _SERVING + 1
    for name, row in tomllib.loads(files(__package__).joinpath("metrics.toml").read_text("utf-8")).items():
        labels = MappingProxyType({label: tuple(values) for label, values in row.get("labels", {}).items()})
        buckets = tuple(row.get("buckets", ()))
        metrics[name] = metric = Metric(name, row["kind"], row["meaning"], labels, buckets, begins)
        begins += metric.width * len(metric.series)
    return MappingProxyType(metrics)


class Board:
    """The counts of so many processes. Open it before the fork; row 0 is that of the process that opened it."""

    def __init__(self, rows: int) -> None:
        metrics = tuple(listed().values())
        last = metrics[-1]
        self._width = last.begins + last.width * len(last.series)
        self.rows = rows
        self._cells = memoryview(mmap.mmap(-1, rows * self._width * _BYTES)).cast("d")
        self._row = 0
        self._lock = Lock()

    def take_row(self, row: int) -> None:
        """From now on this process writes here. Counts of a process that had the row before stay in it."""
        self._row = row

    def add(self, name: str, amount: float = 1, **labels: str) -> None:
        """Count so many more of a series."""
        at = self._at(listed()[name].cell(labels))
        with self._lock:
            self._cells[at] += amount

    def observe(self, name: str, seconds: float, **labels: str) -> None:
        """Count a duration in its bucket."""
        metric = listed()[name]
        at = self._at(metric.cell(labels))
        with self._lock:
            self._cells[at + bisect_left(metric.buckets, seconds)] += 1
            self._cells[at + metric.width - 1] += seconds

    def set(self, name: str, value: float, **labels: str) -> None:
        """Write down the newest value of a gauge."""
        self._cells[self._at(listed()[name].cell(labels))] = value

    def mark(self, row: int, *, serving: bool) -> None:
        """Write down whether the process of a row serves; of row 0, whether the service is not about to stop."""
        self._cells[row * self._width + _SERVING] = serving

    @property
    def open(self) -> bool:
        """Whether the service is meant to serve: started and not about to stop."""
        return bool(self._cells[_SERVING])

    @property
    def workers(self) -> int:
        """How many workers serve."""
        return sum(1 for row in range(1, self.rows) if self._cells[row * self._width + _SERVING])

    def text(self, version: str) -> str:
        """All counts, as Prometheus reads them."""
        lines = [*_head("info", "gauge", "Version of the service."), f'{PREFIX}info{{version="{version}"}} 1']
        lines += [*_head("workers", "gauge", "Worker processes that serve."), f"{PREFIX}workers {self.workers}"]
        for metric in listed().values():
            lines += _head(metric.name, metric.kind, metric.meaning)
            lines += (line for labels in metric.series for line in self._lines(metric, labels))
        return "\n".join(lines) + "\n"

    def total(self, name: str, **labels: str) -> float:
        """What a counter or gauge says over all processes."""
        metric = listed()[name]
        return self._read(metric.cell(labels), newest=metric.kind == "gauge")

    def _at(self, cell: int) -> int:
        return self._row * self._width + cell

    def _read(self, cell: int, *, newest: bool = False) -> float:
        held = (self._cells[row * self._width + cell] for row in range(self.rows))
        return max(held) if newest else sum(held)

    def _lines(self, metric: Metric, values: tuple[str, ...]) -> Iterator[str]:
        labels = dict(zip(metric.labels, values, strict=True))
        at = metric.cell(labels)
        if metric.kind != "histogram":
            yield _line(metric.name, labels, self._read(at, newest=metric.kind == "gauge"))
            return
        seen = 0.0
        for number, edge in enumerate((*metric.buckets, float("inf"))):
            seen += self._read(at + number)
            yield _line(
                f"{metric.name}_bucket", {**labels, "le": "+Inf" if edge == float("inf") else f"{edge:g}"}, seen
            )
        yield _line(f"{metric.name}_sum", labels, self._read(at + metric.width - 1))
        yield _line(f"{metric.name}_count", labels, seen)


def _head(name: str, kind: str, meaning: str) -> Iterable[str]:
    return f"# HELP {PREFIX}{name} {meaning}", f"# TYPE {PREFIX}{name} {kind}"


def _line(name: str, labels: Mapping[str, str], value: float) -> str:
    held = ",".join(f'{label}="{value}"' for label, value in labels.items())
    return f"{PREFIX}{name}{{{held}}} {value:.15g}" if held else f"{PREFIX}{name} {value:.15g}"


_shared = Board(1)


def board() -> Board:
    """The board of this process and of those that it forked from."""
    return _shared


def open_board(processes: int) -> Board:
    """A new board for so many processes, with everything at 0. To be called before they fork."""
    global _shared  # noqa: PLW0603 - one board for each process tree, like the log
    _shared = Board(processes)
    return _shared
