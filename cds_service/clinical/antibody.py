"""What the antibody to infliximab says, by its own assay's thresholds.

Question: is there antibody, and does it forbid more drug? Source: the clinical contract, section 1; thresholds in
knowledge/assays.toml. Units are the assay's own: the same unit on another assay has another meaning.
"""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime

from cds_service.clinical.assessment import AntibodyJudgement, AntibodyStatus
from cds_service.clinical.knowledge import Assay, assays, note
from cds_service.clinical.moments import instant
from cds_service.clinical.record import AntibodyLevel, DataIssue, DrugLevel, Moment, Reading, ReportedSign

POSITIVE = (AntibodyStatus.LOW, AntibodyStatus.HIGH, AntibodyStatus.POSITIVE)
AGAINST_MORE = (AntibodyStatus.HIGH, AntibodyStatus.POSITIVE)
# A result that says nothing yields to one that says something; among those that do, the gravest is judged.
GRAVITY = (
    AntibodyStatus.UNKNOWN,
    AntibodyStatus.UNINFORMATIVE,
    AntibodyStatus.NEGATIVE,
    AntibodyStatus.LOW,
    AntibodyStatus.POSITIVE,
    AntibodyStatus.HIGH,
)


def judge_antibody(
    antibodies: Sequence[AntibodyLevel], level: DrugLevel | None, *, undetectable: bool, ordered: bool = False
) -> tuple[AntibodyJudgement, tuple[DataIssue, ...]]:
    """The antibody of the deciding sample's day; of several results the gravest, so that no negative hides another.

    Results of other days are shown, never used. Where that day has none and one is `ordered`, it is pending.
    """
    graded = [
        (result, _grade(result, level, undetectable=undetectable))
        for result in antibodies
        if level is not None and not result.pending and _same_day(result, level)
    ]
    if graded:
        return max(graded, key=_gravity)[1]
    pending = next((a for a in antibodies if a.pending), None)
    if pending:
        return AntibodyJudgement(AntibodyStatus.PENDING, pending, reasons=("antibody result pending",)), ()
    judgement, issues = _unpaired(antibodies, level)
    if ordered:
        judgement = replace(judgement, status=AntibodyStatus.PENDING, reasons=("antibody ordered", *judgement.reasons))
    return judgement, issues


def judge_newer(
    antibodies: Sequence[AntibodyLevel], level: DrugLevel | None, without_drug: Sequence[Moment]
) -> AntibodyJudgement | None:
    """The gravest antibody drawn on a later day than the deciding level, shown and never used; None where negative.

    `without_drug` are the samples of newer levels in which no drug was measurable.
    """
    if level is None or level.drawn is None:
        return None
    judged = [
        (result, _grade(result, level, undetectable=any(result.drawn.same_day(at) for at in without_drug)))
        for result in antibodies
        if not result.pending
        and result.drawn is not None
        and not _same_day(result, level)
        and instant(result.drawn) > instant(level.drawn)
    ]
    found = max(judged, key=_gravity)[1][0] if judged else None
    return found if found is not None and found.status in (*POSITIVE, AntibodyStatus.UNKNOWN) else None


def is_positive(result: AntibodyLevel) -> bool | None:
    """Whether one result, by itself, found antibody; None where it does not say, or where drug may have hidden it."""
    assay = _assay(result.assay)
    status = _by_assay(result, assay)[0] if assay else _as_reported(result)
    if status in POSITIVE:
        return True
    blind = assay is not None and assay.drug_tolerant is False
    return False if status is AntibodyStatus.NEGATIVE and not blind else None


def _same_day(antibody: AntibodyLevel, level: DrugLevel) -> bool:
    if level.drawn is None or antibody.drawn is None:
        return False
    return same_specimen(antibody, level) or antibody.drawn.same_day(level.drawn)


def same_specimen(antibody: AntibodyLevel, level: DrugLevel) -> bool:
    """Whether both came from one specimen: the chart says so, or they share the time of collection."""
    if antibody.specimen is not None and level.specimen is not None:
        return antibody.specimen == level.specimen
    return antibody.drawn == level.drawn


def _gravity(graded: tuple[AntibodyLevel, tuple[AntibodyJudgement, object]]) -> tuple[int, bool, datetime, str]:
    """The graver status first, then one specimen before the same day, then the later result."""
    result, (judgement, _) = graded
    assert result.drawn is not None  # noqa: S101 - only dated results are graded
    return GRAVITY.index(judgement.status), bool(judgement.same_sample), instant(result.drawn), result.evidence


def _grade(
    result: AntibodyLevel, level: DrugLevel, *, undetectable: bool
) -> tuple[AntibodyJudgement, tuple[DataIssue, ...]]:
    assay = _assay(result.assay)
    status, source, issues = _by_assay(result, assay) if assay else (_as_reported(result), "as reported", ())
    reasons: tuple[str, ...] = ()
    if undetectable and status in POSITIVE and status is not AntibodyStatus.HIGH:
        status, reasons = AntibodyStatus.HIGH, ("no drug measurable: any antibody counts as high",)
    if status is AntibodyStatus.NEGATIVE and assay and assay.drug_tolerant is False and not undetectable:
        status, reasons = (
            AntibodyStatus.UNINFORMATIVE,
            ("this assay cannot see antibody while drug is present",),
        )
    if status is AntibodyStatus.UNKNOWN:
        source, reasons = None, ("assay not known and the report does not say negative or positive",)
    return AntibodyJudgement(status, result, same_specimen(result, level), source, reasons), issues


def _by_assay(result: AntibodyLevel, assay: Assay) -> tuple[AntibodyStatus, str | None, tuple[DataIssue, ...]]:
    """The assay's thresholds; where it has none that decide, what the report itself says."""
    if result.reading is None:
        return _as_reported(result), "as reported", ()
    if assay.unit is not None and result.unit != assay.unit:
        told = note(
            "antibody-unit",
            evidence=result.evidence,
            unit=result.unit or "no unit",
            assay=assay.title,
            expected=assay.unit,
        )
        return AntibodyStatus.UNKNOWN, None, (told,)
    status = _by_thresholds(result.reading, assay)
    if status is AntibodyStatus.UNKNOWN:
        return _as_reported(result), "as reported", ()
    return status, assay.citation, ()


def _by_thresholds(reading: Reading, assay: Assay) -> AntibodyStatus:
    """Negative, low, high or (no threshold for high) positive; unknown where the thresholds do not decide."""
    if _reaches(reading, assay.high_from, assay.high_above):
        return AntibodyStatus.HIGH
    if _reaches(reading, assay.positive_from, assay.positive_above):
        under_high = _stays_under(reading, assay.high_from, assay.high_above)
        return AntibodyStatus.LOW if under_high else AntibodyStatus.POSITIVE
    if _stays_under(reading, assay.positive_from, assay.positive_above):
        return AntibodyStatus.NEGATIVE
    return AntibodyStatus.UNKNOWN


def _reaches(reading: Reading, at_least: float | None, above: float | None) -> bool:
    return (at_least is not None and reading.surely_at_least(at_least)) or (
        above is not None and reading.surely_above(above)
    )


def _stays_under(reading: Reading, at_least: float | None, above: float | None) -> bool:
    return (at_least is not None and reading.surely_below(at_least)) or (above is not None and reading.high <= above)


def _as_reported(result: AntibodyLevel) -> AntibodyStatus:
    """What the laboratory's own words say; a bare number of an unknown assay says nothing."""
    if result.reported is ReportedSign.NEGATIVE:
        return AntibodyStatus.NEGATIVE
    if result.reported is ReportedSign.POSITIVE:
        return AntibodyStatus.POSITIVE
    return AntibodyStatus.UNKNOWN


def _unpaired(
    antibodies: Sequence[AntibodyLevel], level: DrugLevel | None
) -> tuple[AntibodyJudgement, tuple[DataIssue, ...]]:
    """No antibody of the level's day: the newest of another day is shown, and what may explain the lack is told."""
    dated = [(a.drawn, a) for a in antibodies if a.drawn is not None]
    newest = max(dated, key=lambda pair: instant(pair[0]), default=None)
    result, same_sample = (newest[1], False) if newest else (None, None)
    if level is None:
        return AntibodyJudgement(AntibodyStatus.UNKNOWN, result, same_sample, reasons=("no antibody on record",)), ()
    issues = []
    if newest:
        issues.append(note("antibody-other-day", day=newest[0].day_in_words, evidence=newest[1].evidence))
    assay = _assay(level.assay)
    limit = assay.reflex_below if assay else None
    if limit is not None and level.reading is not None and level.reading.surely_at_least(limit):
        issues.append(note("antibody-reflex", limit=f"{limit:g}"))
    reason = "no antibody measured on the day of the level"
    return AntibodyJudgement(AntibodyStatus.UNKNOWN, result, same_sample, reasons=(reason,)), tuple(issues)


def _assay(name: str | None) -> Assay | None:
    return assays().get(name) if name else None
