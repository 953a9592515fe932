"""How much of what an evaluation needs could be read: counts, never values.

Question: of all infusions, levels, antibodies and charts, how many can be used, and for what?
"""

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field

from cds_service.clinical.antibody import judge_antibody
from cds_service.clinical.assessment import AntibodyStatus
from cds_service.clinical.record import AntibodyLevel, DrugLevel, Moment, TreatmentRecord

CROHNS = "crohns"
UNDATED = frozenset({"infusion-without-time", "infusion-unreadable"})  # doubts that stand in an infusion's place
UNKNOWN_ASSAY = "not known"


@dataclass(frozen=True, slots=True)
class Question:
    """One line of the table: `ask` answers yes or no for each thing of its kind in one chart."""

    key: str
    title: str
    ask: Callable[[TreatmentRecord], Sequence[bool]]


@dataclass(frozen=True, slots=True)
class Share:
    """So many of so many."""

    key: str
    title: str
    number: int
    of: int


@dataclass(frozen=True, slots=True)
class Coverage:
    """What was counted over charts. `results` counts values by concept, `charts` the charts that hold one."""

    yes: Counter[str] = field(default_factory=Counter)
    asked: Counter[str] = field(default_factory=Counter)
    assays: Counter[str] = field(default_factory=Counter)
    results: Counter[str] = field(default_factory=Counter)
    charts: Counter[str] = field(default_factory=Counter)

    def share(self, key: str) -> Share:
        """One line of the table. Raises KeyError for a key that no question has."""
        return Share(key, QUESTIONS[key].title, self.yes[key], self.asked[key])

    def shares(self) -> tuple[Share, ...]:
        """The whole table, in the order of the questions."""
        return tuple(self.share(key) for key in QUESTIONS)


def cover(record: TreatmentRecord) -> Coverage:
    """The counts of one chart."""
    answers = {question.key: question.ask(record) for question in QUESTIONS.values()}
    named = [*(one.concept for one in record.measurements), *(one.concept for one in record.findings)]
    return Coverage(
        yes=Counter({key: sum(told) for key, told in answers.items()}),
        asked=Counter({key: len(told) for key, told in answers.items()}),
        assays=Counter(one.assay or UNKNOWN_ASSAY for one in _antibodies(record)),
        results=Counter(named),
        charts=Counter(set(named)),
    )


def together(counted: Iterable[Coverage]) -> Coverage:
    """The counts of several charts as one."""
    whole = Coverage()
    for one in counted:
        whole.yes.update(one.yes)
        whole.asked.update(one.asked)
        whole.assays.update(one.assays)
        whole.results.update(one.results)
        whole.charts.update(one.charts)
    return whole


def _levels(record: TreatmentRecord) -> list[DrugLevel]:
    return [level for level in record.levels if not level.pending]


def _antibodies(record: TreatmentRecord) -> list[AntibodyLevel]:
    return [antibody for antibody in record.antibodies if not antibody.pending]


def _started(record: TreatmentRecord) -> list[bool]:
    lost = sum(issue.code in UNDATED for issue in record.issues)
    return [True] * len(record.infusions) + [False] * lost


def _timed(moment: Moment | None) -> bool:
    return moment is not None and not moment.day_only


def _gradable(antibody: AntibodyLevel) -> bool:
    # Judged as beside a level of its own sample, of which nothing but the time is known.
    beside = DrugLevel(antibody.evidence, None, antibody.drawn, specimen=antibody.specimen)
    judgement, _ = judge_antibody((antibody,), beside, undetectable=False)
    return judgement.result is antibody and judgement.status is not AntibodyStatus.UNKNOWN


def _has_crohns(record: TreatmentRecord) -> bool:
    return any(CROHNS in diagnosis.concepts and diagnosis.current for diagnosis in record.diagnoses)


TABLE = (
    Question("charts_with_birth_date", "charts with a birth date", lambda r: [r.patient.birth_date is not None]),
    Question("charts_with_crohns", "charts with coded Crohn's disease", lambda r: [_has_crohns(r)]),
    Question("charts_with_infusion", "charts with an infusion of infliximab", lambda r: [bool(r.infusions)]),
    Question("charts_with_level", "charts with an infliximab level", lambda r: [bool(_levels(r))]),
    Question("charts_with_antibody", "charts with an antibody to infliximab", lambda r: [bool(_antibodies(r))]),
    Question("charts_with_weight", "charts with a weight", lambda r: [bool(r.measured("weight"))]),
    Question("infusions_with_start", "infusions with a usable start", _started),
    Question("infusions_with_time", "infusions with the time of day", lambda r: [_timed(i.start) for i in r.infusions]),
    Question("infusions_with_mg", "infusions with milligrams", lambda r: [i.dose_mg is not None for i in r.infusions]),
    Question(
        "levels_usable",
        "levels with a usable value, unit and date",
        lambda r: [level.reading is not None and level.drawn is not None for level in _levels(r)],
    ),
    Question("levels_with_time", "levels with the time of day", lambda r: [_timed(x.drawn) for x in _levels(r)]),
    Question("levels_with_assay", "levels whose assay is known", lambda r: [bool(x.assay) for x in _levels(r)]),
    Question(
        "antibodies_with_assay",
        "antibodies whose assay is known",
        lambda r: [bool(antibody.assay) for antibody in _antibodies(r)],
    ),
    Question(
        "antibodies_gradable",
        "antibodies that can be graded",
        lambda r: [_gradable(antibody) for antibody in _antibodies(r)],
    ),
)
QUESTIONS = {question.key: question for question in TABLE}
