"""Small drawn charts of synthetic children, for tests of the medicine.

A chart is told as a clinician would: infusions in weeks before the visit, levels in days before it. The visit is
`VISIT`, a Monday morning; today's infusion has not been given yet.
"""

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

from cds_service.clinical.assess import assess
from cds_service.clinical.assessment import Assessment
from cds_service.clinical.policy import Policy
from cds_service.clinical.record import (
    AntibodyLevel,
    Comparator,
    ConditionState,
    Diagnosis,
    DrugLevel,
    Finding,
    Infusion,
    InfusionOrder,
    Measurement,
    Moment,
    Patient,
    Procedure,
    Reading,
    ReportedSign,
    Route,
    SuspectedDiagnosis,
    TreatmentRecord,
)
from fhir_mappings.rows import read_rows

VISIT = datetime(2026, 11, 23, 9, 0, tzinfo=UTC)
WEIGHT_KG = 40.0
DOSE_MG = 200.0
EIGHT_WEEKLY = (62, 60, 56, 48, 40, 32, 24, 16, 8)  # weeks before the visit; the first three are the induction
UNITS = {row["concept"]: row["unit"] for row in read_rows("concepts.csv") if row["kind"] == "measurement"}


def ago(*, weeks: float = 0, days: float = 0, hours: float = 0) -> Moment:
    """An instant before the visit."""
    return Moment(VISIT - timedelta(weeks=weeks, days=days, hours=hours))


def day(*, weeks: float = 0, days: float = 0) -> Moment:
    """A calendar day before the visit, without a time."""
    midnight = VISIT.replace(hour=0)
    return Moment(midnight - timedelta(weeks=weeks, days=days), day_only=True)


def reading(text: str | float) -> Reading:
    """`1.7`, `<0.4` or `>34`."""
    told = str(text)
    for sign in ("<=", ">=", "<", ">"):
        if told.startswith(sign):
            return Reading(float(told[len(sign) :]), Comparator(sign))
    return Reading(float(told))


def infusion(at: Moment, mg: float | None = DOSE_MG, *, route: Route = Route.INTRAVENOUS, **more: object) -> Infusion:
    """One infusion of two hours."""
    end = None if at.day_only else replace(at, at=at.at + timedelta(hours=2))
    name = f"MedicationAdministration/{at.at:%Y%m%d%H%M}-{mg}"
    return replace(Infusion(start=at, evidence=name, end=end, dose_mg=mg, route=route), **more)  # type: ignore[arg-type]


def infusions(weeks: Sequence[float] = EIGHT_WEEKLY, mg: float | None = DOSE_MG) -> tuple[Infusion, ...]:
    """Infusions so many weeks before the visit."""
    return tuple(infusion(ago(weeks=w), mg) for w in sorted(weeks, reverse=True))


def level(value: str | float | None, at: Moment | None = None, **more: object) -> DrugLevel:
    """One level, drawn an hour before the visit unless said otherwise."""
    drawn = ago(hours=1) if at is None else at
    told = DrugLevel(f"Observation/ifx-{value}-{drawn.at:%Y%m%d%H%M}", None if value is None else reading(value), drawn)
    return replace(told, **more)  # type: ignore[arg-type]


def antibody(
    value: str | float | None, unit: str | None = "U/mL", assay: str | None = "mayo-ecl", **more: object
) -> AntibodyLevel:
    """One antibody result of the sample drawn an hour before the visit, by the Mayo assay."""
    told = AntibodyLevel(
        "Observation/ada", None if value is None else reading(value), unit, ago(hours=1), assay, "method text"
    )
    return replace(told, **more)  # type: ignore[arg-type]


NEGATIVE = antibody("<20")
REPORTED_NEGATIVE = antibody(None, None, None, reported=ReportedSign.NEGATIVE, assay_from=None)


def measured(concept: str, value: str | float, at: Moment) -> Measurement:
    """One laboratory value, weight or score in its canonical unit."""
    return Measurement(concept, reading(value), UNITS[concept], at, f"Observation/{concept}-{at.at:%Y%m%d}-{value}")


QUIET = (measured("crp", 1, ago(hours=1)), measured("calprotectin", 80, ago(weeks=3)))
ACTIVE = (measured("calprotectin", 900, ago(weeks=2)),)


def diagnosed(
    *concepts: str, state: ConditionState = ConditionState.ACTIVE, recorded: Moment | None = None
) -> Diagnosis:
    """One coded condition."""
    name = concepts[0]
    return Diagnosis(frozenset(concepts), name, name, state, f"Condition/{name}", None, recorded)


def suspected(
    *concepts: str, state: ConditionState = ConditionState.ACTIVE, recorded: Moment | None = None
) -> SuspectedDiagnosis:
    """One coded condition that nobody has confirmed."""
    name = concepts[0]
    return SuspectedDiagnosis(frozenset(concepts), name, name, state, f"Condition/{name}", None, recorded)


POSITIVE, NEGATIVE_SIGN = ReportedSign.POSITIVE, ReportedSign.NEGATIVE


def finding(concept: str, at: Moment | None, sign: ReportedSign | None = POSITIVE, *, pending: bool = False) -> Finding:
    """One result without a number, positive unless said otherwise."""
    when = at.at.strftime("%Y%m%d") if at else "undated"
    return Finding(concept, sign, "0000-0", f"Observation/{concept}-{when}", at, pending)


def procedure(title: str, at: Moment) -> Procedure:
    """One perianal procedure."""
    return Procedure("perianal_procedure", title, "00000", at, f"Procedure/{at.at:%Y%m%d}")


CROHNS = diagnosed("crohns", recorded=ago(weeks=70))


def chart(
    *levels: DrugLevel,
    given: Sequence[Infusion] | None = None,
    antibodies: Sequence[AntibodyLevel] = (NEGATIVE,),
    markers: Sequence[Measurement] = QUIET,
    weights: Sequence[Measurement] | None = None,
    diagnoses: Sequence[Diagnosis] = (CROHNS,),
    born: date | None = date(2014, 6, 1),
    **more: object,
) -> TreatmentRecord:
    """A synthetic child of 12 years on 200 mg every 8 weeks (5 mg/kg), quiet, unless said otherwise."""
    weighed = [measured("weight", WEIGHT_KG, ago(weeks=w)) for w in range(0, 80, 8)] if weights is None else weights
    told = TreatmentRecord(
        patient=Patient("synthetic", born),
        infusions=tuple(infusions() if given is None else given),
        levels=levels,
        antibodies=tuple(antibodies),
        measurements=tuple(sorted((*weighed, *markers), key=lambda m: m.at.at)),
        diagnoses=tuple(diagnoses),
    )
    return replace(told, **more)  # type: ignore[arg-type]


def order(weeks: float | None = 8, mg: float | None = DOSE_MG, **more: object) -> InfusionOrder:
    """The draft: 200 mg every 8 weeks, intravenous."""
    told = InfusionOrder("MedicationRequest/draft", Route.INTRAVENOUS, mg, interval_weeks=weeks)
    return replace(told, **more)  # type: ignore[arg-type]


def judge(
    record: TreatmentRecord, draft: InfusionOrder | str | None = "usual", policy: Policy | None = None
) -> Assessment:
    """What the service concludes at the visit."""
    chosen = order() if draft == "usual" else draft
    assert not isinstance(chosen, str)
    return assess(record, chosen, policy or Policy(), VISIT)
