"""A campaign: many calls, each told by a number, and what was seen and found."""

from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from tests.fuzz.service import SLOW_SECONDS, Answer, Call, Service, faults

Broken = Callable[[Answer], Iterable[str]]


@dataclass(frozen=True, slots=True)
class Finding:
    """A call that was not answered as it should be."""

    number: int
    call: Call
    wrong: str


@dataclass(slots=True)
class Tally:
    """How many calls got which status, the slowest of them with its number, and every finding."""

    statuses: Counter[int] = field(default_factory=Counter)
    slowest: tuple[float, int] = (0.0, -1)
    findings: list[Finding] = field(default_factory=list)

    def add(self, other: "Tally") -> None:
        """Take in what was seen in another part of the campaign."""
        self.statuses += other.statuses
        self.slowest = max(self.slowest, other.slowest)
        self.findings += other.findings


def attack(
    service: Service,
    numbers: Iterable[int],
    make: Callable[[int], tuple[Call, Broken]],
    slow_seconds: float = SLOW_SECONDS,
) -> Tally:
    """Make and judge the calls of these numbers; beside each call is what its answer breaks beyond the form."""
    seen = Tally()
    for number in numbers:
        call, broken = make(number)
        answer = service.ask(call.service, call.body)
        seen.statuses[answer.status] += 1
        wrong = [*faults(answer), *broken(answer)]
        seconds = answer.seconds
        if seconds >= slow_seconds and (seconds := service.busy_seconds(call)) >= slow_seconds:
            wrong.append(f"answered after {seconds * 1000:.0f} ms")
        seen.slowest = max(seen.slowest, (seconds, number))
        seen.findings += (Finding(number, call, line) for line in wrong)
    return seen
