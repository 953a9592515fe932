"""The chart that a worked case draws, as the record that the medicine reads."""

from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path

from cds_service.clinical.assessment import Assessment
from cds_service.clinical.policy import Policy
from cds_service.clinical.record import (
    AntibodyLevel,
    ConditionState,
    Diagnosis,
    DrugLevel,
    Infusion,
    InfusionOrder,
    LevelOrder,
    Measurement,
    MedicationUse,
    Moment,
    Reaction,
    ReportedSign,
    Route,
    SourceState,
    TreatmentRecord,
)
from cds_service.patients.phrases import read_amount, read_rhythm, read_span
from cds_service.site.risk_model_file import load_risk_model
from tests.clinical import charts
from tests.clinical.charts import VISIT
from tests.spec.case import Case
from tests.spec.facts import Antibody, Given, Level, Order, Result

RISK_MODELS = Path(__file__).parents[2] / "docs" / "risk-models"
SIGNS = {"positive": ReportedSign.POSITIVE, "negative": ReportedSign.NEGATIVE, "neither": None}
SEVERE = {"severe": True, "mild": False, "not graded": None}
USUAL_ANTIBODY = Antibody("<20 U/mL")


def judge(case: Case) -> Assessment:
    """What the service concludes of the case at the visit."""
    draft = None if case.order == "none" else order_of(case.order)
    return charts.judge(record_of(case), draft, policy_of(case))


def policy_of(case: Case) -> Policy:
    """The choices of the hospital; a risk model file is one of those that docs/risk-model.md shows."""
    choices = {name: value for name, value in case.hospital.items() if name != "risk_model_file"}
    file = case.hospital.get("risk_model_file")
    return Policy(**choices, risk_model=load_risk_model(RISK_MODELS / file) if file else None)


def moment(before: str, *, day_only: bool = False) -> Moment | None:
    """The moment so long before the visit; None for "unknown"."""
    span = read_span(before)
    if span is None:
        return None
    at = span.before(VISIT)
    return Moment(at.replace(hour=0, minute=0), day_only=True) if day_only else Moment(at)


def known(before: str, *, day_only: bool = False) -> Moment:
    """As `moment`, of a fact that cannot be without a time."""
    at = moment(before, day_only=day_only)
    if at is None:
        raise ValueError("this fact needs a time")
    return at


def record_of(case: Case) -> TreatmentRecord:
    """The record of the child."""
    infusions = infusions_of(case)
    return charts.chart(
        *(level_of(level, infusions) for level in case.levels),
        given=infusions,
        antibodies=_antibodies(case, infusions),
        markers=[_measured(result) for result in case.results],
        weights=_weights(case),
        findings=tuple(
            charts.finding(f.test, moment(f.before), SIGNS[f.sign], pending=f.pending) for f in case.findings
        ),
        diagnoses=_diagnoses(case),
        suspected=tuple(
            charts.suspected(c.condition, state=ConditionState(c.state), recorded=moment(c.recorded))
            for c in case.conditions
            if not c.confirmed
        ),
        procedures=tuple(charts.procedure(p.procedure, known(p.before)) for p in case.procedures),
        born=_born(case.age),
        medications=tuple(
            MedicationUse(d.drug, moment(d.since), f"MedicationRequest/{d.drug}", moment(d.until)) for d in case.drugs
        ),
        reactions=() if case.reaction is None else (Reaction(SEVERE[case.reaction], "AllergyIntolerance/1"),),
        level_ordered=(LevelOrder("ServiceRequest/1"),) if case.level_ordered else (),
        sources=dict.fromkeys(case.unreadable, SourceState.UNREADABLE),
    )


def _weights(case: Case) -> list[Measurement] | None:
    """The weights told; None for those of the usual child."""
    if case.weights is None:
        return None
    return [charts.measured("weight", w.kg, known(w.before)) for w in case.weights]


def _born(age: str) -> date | None:
    span = read_span(age)
    return None if span is None else span.date_before(VISIT) - timedelta(days=span.rest.days)


def infusions_of(case: Case) -> tuple[Infusion, ...]:
    """All infusions, oldest first."""
    return tuple(sorted((infusion_of(given) for given in case.infusions), key=lambda infusion: infusion.start))


def infusion_of(given: Given) -> Infusion:
    """One infusion, or record of one."""
    at = known(given.before, day_only=given.day_only)
    mg = None if given.mg == "not charted" else given.mg
    return charts.infusion(at, mg, route=Route(given.route), complete=not given.stopped)


def level_of(level: Level, infusions: tuple[Infusion, ...]) -> DrugLevel:
    """One level; `after` counts from the start of the last infusion."""
    told = charts.level(
        None if level.value == "none" else level.value, assay=_assay(level.assay), pending=level.pending
    )
    drawn = moment(level.before, day_only=level.day_only)
    if level.after is not None:
        span = read_span(level.after)
        assert span is not None, "a time after the infusion is known"
        drawn = Moment(infusions[-1].start.at + span.rest)
    return replace(told, drawn=drawn, evidence=f"Observation/{level.value}-{level.before}-{level.after}")


def _assay(name: str) -> str | None:
    return None if name == "not named" else name


def _antibodies(case: Case, infusions: tuple[Infusion, ...]) -> tuple[AntibodyLevel, ...]:
    """The antibodies told; else every dated sample of a level also had the usual, negative one."""
    drawn = [level_of(level, infusions).drawn for level in case.levels if not level.pending]
    if case.antibodies is None:
        return tuple(_antibody(USUAL_ANTIBODY, at) for at in drawn if at is not None)
    return tuple(_antibody(told, drawn[0] if drawn else None) for told in case.antibodies)


def _antibody(told: Antibody, sample: Moment | None) -> AntibodyLevel:
    amount = read_amount(told.value)
    return charts.antibody(
        None if amount is None else f"{amount.comparator or ''}{amount.value}",
        amount.unit if amount else None,
        _assay(told.assay),
        drawn=sample if told.before is None else moment(told.before, day_only=told.day_only),
        pending=told.pending,
        reported=None if told.reported is None else ReportedSign(told.reported),
        evidence=f"Observation/antibody-{told.assay}-{told.value}",
    )


def _measured(result: Result) -> Measurement:
    at = known(result.before, day_only=result.day_only)
    return replace(charts.measured(result.test, result.value, at), upper_limit=result.upper_limit)


def _diagnoses(case: Case) -> tuple[Diagnosis, ...]:
    crohns = () if case.crohns == "not coded" else (replace(charts.CROHNS, state=ConditionState(case.crohns)),)
    others = (
        charts.diagnosed(c.condition, state=ConditionState(c.state), recorded=moment(c.recorded))
        for c in case.conditions
        if c.confirmed
    )
    return (*crohns, *others)


def order_of(order: Order) -> InfusionOrder:
    """The draft."""
    dose, rhythm = read_amount(order.dose), read_rhythm(order.every)
    per_kg = dose is not None and dose.unit == "mg/kg"
    return charts.order(
        rhythm.period / (7 if rhythm.unit == "d" else 1) if rhythm else None,
        None if dose is None or per_kg else dose.value,
        dose_mg_per_kg=dose.value if dose and per_kg else None,
        route=Route(order.route),
        reasons=frozenset({order.reason} if order.reason else ()),
        has_reason=order.reason is not None,
    )
