"""A campaign: many calls, each told by a number, and what was seen and found."""

from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from tests.fuzz.service import SLOW_SECONDS, Answer, Call, Service, faults


@dataclass(frozen=True, slots=True)
class Finding:
    """A call that was not answered as it should be."""

    number: int
    call: Call
    wrong: str


@dataclass(slots=True)
class Tally:
    """How many calls got which status, the slowest of them, and every finding."""

    statuses: Counter[int] = field(default_factory=Counter)
    kinds: Counter[str] = field(default_factory=Counter)
    slowest: tuple[float, int] = (0.0, -1)
    findings: list[Finding] = field(default_factory=list)

    def add(self, other: "Tally") -> None:
        """Take in what was seen in another part of the campaign."""
        self.statuses += other.statuses
        self.kinds += other.kinds
        self.slowest = max(self.slowest, other.slowest)
        self.findings += other.findings


MakeCall = Callable[[int], Call]
Law = Callable[[Call, Answer], Iterable[str]]


def attack(service: Service, numbers: Iterable[int], make_call: MakeCall, law: Law | None = None) -> Tally:
    """Make and judge the calls of these numbers; `law` tells what is wrong beyond the form of an answer."""
    seen = Tally()
    for number in numbers:
        call = make_call(number)
        answer = service.ask(call.service, call.body)
        seen.statuses[answer.status] += 1
        seen.kinds[call.told] += 1
        wrong = [*faults(answer), *(law(call, answer) if law else ())]
        seconds = answer.seconds
        if seconds >= SLOW_SECONDS and (seconds := service.busy_seconds(call)) >= SLOW_SECONDS:
            wrong.append(f"answered after {seconds * 1000:.0f} ms")
        seen.slowest = max(seen.slowest, (seconds, number))
        seen.findings += (Finding(number, call, line) for line in wrong)
    return seen
