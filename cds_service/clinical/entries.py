"""What each row of the decision table says.

Question: once a row leads, what may the team consider, why, and when to look again? Source: the clinical contract,
sections 2, 4 and 5. Sentences for the reader live in `cards/wording`; these are the short reasons beside them.
"""

from dataclasses import replace

from cds_service.clinical.assessment import Advice, AdviceKind, AntibodyStatus, DiseaseStatus, Qualification, Severity
from cds_service.clinical.courses import INDUCTION_INFUSIONS
from cds_service.clinical.facts import Facts
from cds_service.clinical.regimen import STEP_WEEKS

SECOND_ON_NEW_SCHEDULE = "before the second infusion on the new schedule"
# The infusion with the new dose is the first on it; a level counts only after two of them (the contract, section 1).
THIRD_AT_NEW_DOSE = "after two infusions at the new dose, before the third"
THIRD_AT_RESTORED_DOSE = "after two infusions at the restored dose, before the third"
THIRD_ON_REGIMEN = "after two infusions on the present regimen, before the third"
NEXT_INFUSION = "before the next infusion"
SETTLED_AFTER = 2  # infusions on one regimen


def _entry(
    kind: AdviceKind, rule: int, *reasons: str, severity: Severity = Severity.INFO, recheck: str | None = None
) -> Advice:
    return Advice(kind, rule, severity, reasons, recheck=recheck)


def nothing(_: Facts) -> tuple[Advice, ...]:
    """Rows 1 and 5: silent."""
    return ()


def stopped(f: Facts) -> tuple[Advice, ...]:
    """Row 2: no intensification of any kind."""
    reasons = tuple(dict.fromkeys(stop.label for stop in f.stops))
    return (_entry(AdviceKind.CANNOT_ADVISE, 2, *reasons, severity=Severity.WARNING),)


def cannot_judge(f: Facts) -> tuple[Advice, ...]:
    """Row 3: why it cannot be judged."""
    return (_entry(AdviceKind.CANNOT_ADVISE, 3, *f.cannot_judge),)


def after_gap(f: Facts) -> tuple[Advice, ...]:
    """Row 4: antibody first, or an infusion given elsewhere."""
    if f.level_since_gap:
        return (_entry(AdviceKind.CANNOT_ADVISE, 4, "an infusion was probably given elsewhere"),)
    reasons = (
        "last infusion at least 12 weeks ago and at least 4 weeks overdue",
        "a new start after a gap carries the risk of a reaction",
    )
    return (_entry(AdviceKind.AFTER_GAP, 4, *reasons, recheck="before re-starting"),)


def in_induction(f: Facts) -> tuple[Advice, ...]:
    """Row 5: silent, but for the order of infusion 3."""
    if f.next_infusion_number != INDUCTION_INFUSIONS:
        return ()
    reasons = ("order for infusion 3: the first trough worth measuring is before infusion 4",)
    advice = _entry(AdviceKind.MEASURE_TROUGH, 5, *reasons, recheck="before infusion 4")
    return (replace(advice, prompt=f.prompt_now),)


def await_level(f: Facts) -> tuple[Advice, ...]:
    """Row 6: a level is on its way."""
    advice = _entry(AdviceKind.AWAIT_LEVEL, 6, "a level is ordered or pending", recheck="when the result is there")
    return (replace(advice, prompt=f.prompt_now),)


def already_intensified(f: Facts) -> tuple[Advice, ...]:
    """Row 7: no further step."""
    reasons = ("the draft already gives more than the regimen given", "no further step before a new level")
    recheck = SECOND_ON_NEW_SCHEDULE if _more_often(f) else THIRD_AT_NEW_DOSE
    return (_entry(AdviceKind.ALREADY_INTENSIFIED, 7, *reasons, recheck=recheck),)


def _more_often(f: Facts) -> bool:
    """Whether the draft shortens the interval; else it gives more by its dose."""
    weeks = f.ordered.interval_weeks if f.ordered else None
    return weeks is not None and weeks <= f.interval - STEP_WEEKS


def measure_trough(f: Facts) -> tuple[Advice, ...]:
    """Row 8: the first infusion before which a sample qualifies."""
    recheck = {
        Qualification.BEFORE_STEADY_STATE: NEXT_INFUSION if _settled(f) else THIRD_ON_REGIMEN,
        Qualification.AFTER_DELAYED_INFUSION: "before the following infusion, given on time",
        Qualification.INDUCTION: "before infusion 4",
    }.get(f.trough.qualification, NEXT_INFUSION)
    advice = _entry(AdviceKind.MEASURE_TROUGH, 8, *_why_not_usable(f), recheck=recheck)
    return (replace(advice, prompt=f.prompt_now),)


def _settled(f: Facts) -> bool:
    """Whether two infusions on the present regimen were given since a sample that was drawn before them."""
    return f.given is not None and f.given.infusions_on_regimen >= SETTLED_AFTER


def _why_not_usable(f: Facts) -> tuple[str, ...]:
    if f.trough.level is None:
        return ("no level on record",)
    if f.trough.reading is None:
        return (*f.trough.reasons, "the value or unit of the level could not be read")
    if f.level_expired:
        return (*f.trough.reasons, "no recent level")
    return f.trough.reasons or ("the level is a bound that does not say on which side of the target it lies",)


def antibody_high(_: Facts) -> tuple[Advice, ...]:
    """Row 9: do not intensify."""
    reasons = ("trough below target", "antibody high: more drug is not expected to help")
    return (_entry(AdviceKind.REVIEW_ANTIBODY, 9, *reasons, severity=Severity.WARNING),)


def antibody_ungraded(_: Facts) -> tuple[Advice, ...]:
    """Row 10: repeat and ask the laboratory."""
    reasons = ("trough below target", "antibody positive, not gradable on this assay")
    return (_entry(AdviceKind.REVIEW_ANTIBODY, 10, *reasons, recheck="repeat level and antibody"),)


def antibody_first(f: Facts) -> tuple[Advice, ...]:
    """Row 11: the antibody before any step."""
    reasons = ("trough below target", f"antibody {f.antibody.status.value}", *f.antibody.reasons)
    return (_entry(AdviceKind.ORDER_ANTIBODY, 11, *reasons, recheck="add to the same sample, else to the next one"),)


def restore_dose(f: Facts) -> tuple[Advice, ...]:
    """Row 12: the intended dose per kilogram."""
    reasons = (
        "trough below target",
        "the draft is under 90 % of the intended dose per kilogram",
        _antibody_reason(f),
    )
    advice = _intensify(f, AdviceKind.RESTORE_DOSE, 12, *reasons, recheck=THIRD_AT_RESTORED_DOSE)
    return (replace(advice, dose_mg_per_kg=f.intended_mg_per_kg),)


def near_target(f: Facts) -> tuple[Advice, ...]:
    """Row 13: measure again before changing anything."""
    reasons = ("trough below target by less than 20 %", *_why_not_active(f), *_gives_less(f))
    return (_entry(AdviceKind.NEAR_TARGET, 13, *reasons, recheck=NEXT_INFUSION),)


def _why_not_active(f: Facts) -> tuple[str, ...]:
    """What is known of the activity where it is not called active: nothing found is not the same as not looked."""
    fistula = f.target.profile != f.policy.target_profile
    raised = ("an active perianal fistula raised the target",) if fistula else ()
    if f.disease.status is DiseaseStatus.UNKNOWN:
        return (*raised, "whether the disease is active is not known")
    return raised or ("no objective sign of active disease",)


def _gives_less(f: Facts) -> tuple[str, ...]:
    return ("the draft gives less than the regimen given",) if f.relaxes else ()


def shorten_interval(f: Facts) -> tuple[Advice, ...]:
    """Row 14: the next shorter interval; the button only where nothing clouds it."""
    reasons = (
        "trough below target",
        _antibody_reason(f),
        "interval above the site's minimum",
        *_by_the_forecast(f, "interval alone"),
    )
    advice = _intensify(f, AdviceKind.SHORTEN_INTERVAL, 14, *reasons, recheck=SECOND_ON_NEW_SCHEDULE)
    first = f.trough.qualification is Qualification.FIRST_MAINTENANCE
    settled = f.clear and (not first or f.policy.button_on_first_maintenance)
    sure = f.choice is None or (f.choice.sufficient and f.choice.interval_range is None)
    lead = replace(
        advice,
        interval_weeks=None if f.no_step_answers else f.step,
        interval_weeks_range=f.choice.interval_range if f.choice else None,
        dose_mg_per_kg=f.chosen_dose,
        button=settled and sure and f.ordered is not None and not f.ordered.interval_inferred,
    )
    return (lead, *_reinduction(f, 14))


def review_dose(f: Facts) -> tuple[Advice, ...]:
    """Row 15: at the shortest interval, the dose."""
    reasons = (
        "trough below target",
        _antibody_reason(f),
        "interval at the site's minimum",
        "dose below the site's cap",
        *_by_the_forecast(f, "dose allowed here"),
    )
    advice = _intensify(f, AdviceKind.REVIEW_DOSE, 15, *reasons, recheck=THIRD_AT_NEW_DOSE)
    return (replace(advice, dose_mg_per_kg=f.chosen_dose), *_reinduction(f, 15))


def at_limit(f: Facts) -> tuple[Advice, ...]:
    """Row 16: at both limits."""
    reasons = ("trough below target", _antibody_reason(f), "interval and dose at the site's limits")
    return (_entry(AdviceKind.AT_LIMIT, 16, *reasons, recheck="repeat level and antibody"),)


def less_than_given(f: Facts) -> tuple[Advice, ...]:
    """Row 17: as rows 14 to 16, and says that the draft gives less."""
    base = shorten_interval(f) if f.step is not None else review_dose(f) if f.dose_open else at_limit(f)
    reasons = (*base[0].reasons, *_gives_less(f))
    return (replace(base[0], rule=17, severity=Severity.WARNING, reasons=reasons), *base[1:])


def other_mechanism(f: Facts) -> tuple[Advice, ...]:
    """Row 18: enough drug, active disease; a new level first where the last is too old to decide."""
    reasons = (_adequate(f), "objective signs of active disease")
    return (_entry(AdviceKind.REVIEW_MECHANISM, 18, *reasons, recheck=NEXT_INFUSION if _stale(f) else None),)


def watch_antibody(f: Facts) -> tuple[Advice, ...]:
    """Row 19: enough drug, and an antibody."""
    reasons = (_adequate(f), "antibody positive")
    recheck = NEXT_INFUSION if _stale(f) else "in two infusions"
    return (_entry(AdviceKind.WATCH_ANTIBODY, 19, *reasons, recheck=recheck),)


def _stale(f: Facts) -> bool:
    return f.trough.qualification is Qualification.STALE


def _adequate(f: Facts) -> str:
    return "last level in target, but too old to decide" if _stale(f) else "level in or above target"


def consider_less(f: Facts) -> tuple[Advice, ...]:
    """Row 20: less drug might do."""
    reasons = (
        f"two troughs above {f.policy.deescalation_above_ug_per_ml:g} µg/mL",
        "antibody negative",
        "remission documented for at least 6 months",
    )
    return (_entry(AdviceKind.CONSIDER_DEESCALATION, 20, *reasons, recheck=SECOND_ON_NEW_SCHEDULE),)


def keep_regimen(f: Facts) -> tuple[Advice, ...]:
    """Row 21: nothing to change."""
    return (
        _entry(
            AdviceKind.KEEP_REGIMEN,
            21,
            f"level {f.trough.status.value} target" if f.adequate else "nothing to change",
        ),
    )


def _intensify(f: Facts, kind: AdviceKind, rule: int, *reasons: str, recheck: str) -> Advice:
    """Rows 12, 14 and 15 share their severity."""
    severity = Severity.WARNING if f.urgent else Severity.INFO
    return _entry(kind, rule, *reasons, severity=severity, recheck=recheck)


def _reinduction(f: Facts, rule: int) -> tuple[Advice, ...]:
    if not f.undetectable or f.reacted:
        return ()
    reasons = ("level below the assay's limit", "confirm that the last two infusions were given in full")
    return (_entry(AdviceKind.CONSIDER_REINDUCTION, rule, *reasons),)


def _by_the_forecast(f: Facts, compared: str) -> tuple[str, ...]:
    """How the step was found, where a forecast found it; `compared` is what the options differ in."""
    if f.choice is None:
        return ()
    if not f.choice.sufficient:
        return (f"no {compared} is likely to suffice, by the forecast",)
    found = ["least drug per year that is likely enough, by the forecast"]
    if f.step is not None and not f.choice.interval_alone:
        found.append("no interval alone is likely to suffice, by the forecast")
    if f.choice.interval_range:
        found.append("the models disagree on the interval")
    return tuple(found)


def _antibody_reason(f: Facts) -> str:
    if f.antibody.status is AntibodyStatus.UNINFORMATIVE:
        return "antibody uninformative, accepted by the site"
    return f"antibody {f.antibody.status.value}"
