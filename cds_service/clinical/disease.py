"""Is there objective inflammation?

Question: active, quiet or unknown, and by which markers? Source: the clinical contract, section 1; calprotectin
250 ug/g and SES-CD below 3 from STRIDE-II, CRP 5 mg/L where a report gives no limit of its own (TAXIT).
Scores of symptoms alone (PCDAI, wPCDAI) are shown and never make it active.
"""

from collections.abc import Iterator, Sequence
from datetime import datetime

from cds_service.clinical.assessment import DiseaseJudgement, DiseaseMarker, DiseaseStatus
from cds_service.clinical.knowledge import judgement, note
from cds_service.clinical.moments import days_ago
from cds_service.clinical.policy import Policy
from cds_service.clinical.record import DataIssue, Measurement, Reading, TreatmentRecord

CALPROTECTIN_LIMIT_UG_PER_G = 250.0
ENDOSCOPIC_ACTIVITY = 3.0
ENDOSCOPIC_REMISSION = 2.0
CRP_LIMIT_MG_PER_L = 5.0
REPEAT_AFTER_DAYS = 7  # J
INFECTION = "crp-infection"


def judge_disease(record: TreatmentRecord, policy: Policy, as_of: datetime) -> DiseaseJudgement:
    """Objective activity from the newest markers inside their windows."""
    calprotectin = _recent(record.measured("calprotectin"), policy.calprotectin_window_days, as_of)[-1:]
    crp = _newest_and_repeat(_recent(record.measured("crp"), policy.crp_window_days, as_of))
    endoscopy = _recent(record.measured("ses_cd"), policy.endoscopy_window_days, as_of)[-1:]
    symptoms = [
        m
        for concept in ("wpcdai", "pcdai")
        for m in _recent(record.measured(concept), policy.calprotectin_window_days, as_of)[-1:]
    ]
    markers = (
        *(_marker(m, _read_calprotectin(m)) for m in calprotectin),
        *(_marker(m, _read_endoscopy(m)) for m in endoscopy),
        *(_marker(m, _read_crp(m, crp)) for m in reversed(crp)),
        *(_marker(m, "symptoms only") for m in symptoms),
    )
    return DiseaseJudgement(_status(markers), markers)


def _status(markers: Sequence[DiseaseMarker]) -> DiseaseStatus:
    readings = {(m.marker, m.reading) for m in markers}
    raised_twice = sum(m.marker == "crp" and m.reading == "raised" for m in markers) == 2
    if ("calprotectin", "raised") in readings or ("ses_cd", "active") in readings or raised_twice:
        return DiseaseStatus.ACTIVE
    newest_crp = next((m for m in markers if m.marker == "crp"), None)
    mucosa = ("calprotectin", "normal") in readings or ("ses_cd", "remission") in readings
    quiet = newest_crp is not None and newest_crp.reading == "normal" and mucosa
    return DiseaseStatus.QUIET if quiet else DiseaseStatus.UNKNOWN


def _newest_and_repeat(crp: Sequence[Measurement]) -> Sequence[Measurement]:
    """The newest CRP and the one it repeats, at least a week earlier: one acute episode is not two."""
    if not crp:
        return ()
    repeated = [m for m in crp if days_ago(m.at, crp[-1].at.at) >= REPEAT_AFTER_DAYS]
    return [*repeated[-1:], crp[-1]]


def _recent(values: Sequence[Measurement], window_days: int, as_of: datetime) -> Sequence[Measurement]:
    return [m for m in values if 0 <= days_ago(m.at, as_of) <= window_days]


def _read_calprotectin(m: Measurement) -> str:
    if m.reading.surely_above(CALPROTECTIN_LIMIT_UG_PER_G):
        return "raised"
    return "normal" if m.reading.surely_below(CALPROTECTIN_LIMIT_UG_PER_G) else "undetermined"


def _read_endoscopy(m: Measurement) -> str:
    if m.reading.surely_at_least(ENDOSCOPIC_ACTIVITY):
        return "active"
    return "remission" if m.reading.high <= ENDOSCOPIC_REMISSION else "undetermined"


def _read_crp(m: Measurement, recent: Sequence[Measurement]) -> str:
    """Raised twice is inflammation; raised once is to be repeated, with infection in mind, unless it was."""
    if not _crp_raised(m):
        return "normal" if m.reading.high <= _crp_limit(m) else "undetermined"
    if all(_crp_raised(other) for other in recent):
        return "raised" if len(recent) == 2 else "raised once"
    return "raised once" if m is recent[-1] else "raised before"


def _crp_raised(m: Measurement) -> bool:
    return m.reading.surely_above(_crp_limit(m))


def _crp_limit(m: Measurement) -> float:
    return CRP_LIMIT_MG_PER_L if m.upper_limit is None else m.upper_limit


def _marker(m: Measurement, reading: str) -> DiseaseMarker:
    return DiseaseMarker(
        marker=m.concept,
        value=m.reading.value,
        comparator=m.reading.comparator,
        unit=m.unit,
        at=m.at,
        reading=reading,
        evidence=m.evidence,
    )


def doubts_of_crp(disease: DiseaseJudgement) -> Iterator[DataIssue]:
    """What the newest CRP asks for: to be repeated where raised once, and clarified where infection is likely."""
    for m in [m for m in disease.evidence if m.marker == "crp"][:1]:
        limit = judgement("infection_crp_mg_per_l")
        told = {"value": f"{m.value:g}", "day": m.at.day_in_words}
        if Reading(m.value, m.comparator).surely_above(limit):
            yield note(INFECTION, limit=f"{limit:g}", evidence=m.evidence, **told)
        elif m.reading == "raised once":
            yield note("crp-raised-once", evidence=m.evidence, **told)


def remission_documented(record: TreatmentRecord, policy: Policy, as_of: datetime, span_days: int) -> bool:
    """Whether calprotectin and CRP were normal at both ends of the last `span_days` and never raised between."""
    for concept, window, raised in (
        ("calprotectin", policy.calprotectin_window_days, lambda m: _read_calprotectin(m) != "normal"),
        ("crp", policy.crp_window_days, _crp_raised),
    ):
        values = record.measured(concept)
        before = [m for m in values if days_ago(m.at, as_of) >= span_days][-1:]
        since = [m for m in values if days_ago(m.at, as_of) < span_days]
        recent = _recent(values, window, as_of)
        if not before or not recent or any(raised(m) for m in (*before, *since)):
            return False
    return True
