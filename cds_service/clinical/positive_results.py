"""Does a laboratory result stop, although no condition is coded?

Question: is a test positive that stands for a stop condition, and what came after it? Source: the clinical contract,
section 3; knowledge/stops.toml says which test stands for which condition and what a later negative means.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

from cds_service.clinical.assessment import StopCondition
from cds_service.clinical.knowledge import StopRow, note, stops
from cds_service.clinical.moments import days_ago
from cds_service.clinical.policy import Policy
from cds_service.clinical.record import ConditionState, DataIssue, Finding, Moment, ReportedSign, TreatmentRecord

PRELIMINARY = "result-preliminary"
SINCE_NEGATIVE = "result-since-negative"
OLDER_RESULT = "result-older"


@dataclass(frozen=True, slots=True)
class _Test:
    """One test that stands for a stop condition, with its results, oldest first."""

    row: StopRow
    title: str
    results: Sequence[Finding]
    policy: Policy
    as_of: datetime

    @property
    def final(self) -> list[Finding]:
        return [result for result in self.results if not result.pending]

    def lapsed(self, result: Finding) -> bool:
        """Whether it lies before the window of a condition that lapses; an undated one is not known to be old."""
        return self.row.lapses and result.at is not None and self.days(result.at) > self.policy.infection_window_days

    def days(self, at: Moment) -> int:
        return days_ago(at, self.as_of)

    def say(self, code: str, result: Finding) -> DataIssue:
        day = result.at.day_in_words if result.at else "an unknown day"
        return note(code, test=self.title, day=day, evidence=result.evidence)


def read_results(record: TreatmentRecord, policy: Policy, as_of: datetime) -> Iterator[StopCondition | DataIssue]:
    """The results that stop, and those that only need confirming."""
    for row in stops().values():
        for concept, title in row.results.items():
            test = _Test(row, title, record.found(concept), policy, as_of)
            yield from _judge(test, record)
            yield from _preliminary(test)


def _judge(test: _Test, record: TreatmentRecord) -> Iterator[StopCondition | DataIssue]:
    positive = _newest_positive(test)
    if positive is None:
        yield from _undetermined(test)
    elif _closed_by_the_team(test, positive, record):
        return  # the entry itself is told as a former one
    elif _negative_since(test, positive):
        if not test.row.negative_resolves:
            yield test.say(SINCE_NEGATIVE, positive)
    elif test.lapsed(positive):
        yield test.say(OLDER_RESULT, positive)
    else:
        label = f"{test.title} positive"
        yield StopCondition(test.row.name, label, positive.evidence, positive.code, positive.at)


def _newest_positive(test: _Test) -> Finding | None:
    """The newest final positive; one without a date may be newer than all others."""
    positives = [result for result in test.final if result.sign is ReportedSign.POSITIVE]
    undated = [result for result in positives if result.at is None]
    return next(iter([*undated, *reversed(positives)]), None)


def _negative_since(test: _Test, positive: Finding) -> bool:
    """A negative of a later day: of several results of one day the gravest counts."""
    negatives = [result.at for result in test.final if result.sign is ReportedSign.NEGATIVE and result.at]
    return positive.at is not None and any(test.days(at) < test.days(positive.at) for at in negatives)


def _closed_by_the_team(test: _Test, positive: Finding, record: TreatmentRecord) -> bool:
    """Whether the problem list calls the same condition resolved, by an entry that is not older than the result."""
    closed = [
        entry.newest_date
        for entry in record.diagnoses
        if f"stop.{test.row.name}" in entry.concepts and entry.state is ConditionState.INACTIVE
    ]
    return positive.at is not None and any(at and test.days(at) <= test.days(positive.at) for at in closed)


def _undetermined(test: _Test) -> Iterator[DataIssue]:
    newest = test.final[-1:]
    yield from (test.say("result-undetermined", r) for r in newest if r.sign is None and not test.lapsed(r))


def _preliminary(test: _Test) -> Iterator[DataIssue]:
    """Positive and not final: nothing is concluded from it, and nothing is pressed before the final result."""
    answered = [test.days(result.at) for result in test.final if result.at]
    for result in test.results:
        waiting = result.at is None or all(day > test.days(result.at) for day in answered)
        if result.pending and result.sign is ReportedSign.POSITIVE and waiting and not test.lapsed(result):
            yield test.say(PRELIMINARY, result)
