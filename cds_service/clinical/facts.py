"""Everything a row of the decision table may ask.

Question: which facts decide? Each was judged in a module of its own and carries its own evidence; the properties
here only combine them. Source: the clinical contract, section 2.
"""

from dataclasses import dataclass
from datetime import datetime

from cds_service.clinical.assessment import (
    AntibodyJudgement,
    AntibodyStatus,
    Choice,
    DiseaseJudgement,
    DiseaseStatus,
    Forecast,
    GivenRegimen,
    OrderChange,
    OrderedRegimen,
    Qualification,
    StopCondition,
    TroughJudgement,
    TroughStatus,
    TroughTarget,
    Weight,
)
from cds_service.clinical.courses import INDUCTION_INFUSIONS
from cds_service.clinical.moments import days_ago
from cds_service.clinical.policy import Policy
from cds_service.clinical.regimen import INTENSIFYING_DOSE, current_interval, dose_ratio, is_higher, next_interval

INTENDED_MG_PER_KG = 5.0  # label dose; a draft is measured against at least this
UNDERDOSED = 0.90


@dataclass(frozen=True, slots=True)
class Facts:
    """Everything a row may ask; each value was judged before and carries its own evidence."""

    as_of: datetime
    policy: Policy
    not_applicable: str | None
    cannot_judge: tuple[str, ...]
    stops: tuple[StopCondition, ...]
    gap: bool
    next_infusion_number: int  # 1 where nothing was given yet
    restarting: bool  # the draft asks for induction spacing after an infusion that ended a gap
    anything_on_record: bool
    given: GivenRegimen | None
    ordered: OrderedRegimen | None
    weight: Weight | None
    trough: TroughJudgement
    target: TroughTarget
    undetectable: bool
    antibody: AntibodyJudgement
    disease: DiseaseJudgement
    level_pending: bool
    level_since_gap: bool  # a level in target or above was drawn when the infusion was already overdue
    reacted: bool
    stop_in_doubt: bool  # a former stop, a result that may be one, CRP of an infection, a newer high antibody
    weight_in_doubt: bool  # it differs too much from the one before it
    grounds_read: bool  # infusions, diagnoses, allergies and results were read in full
    dose_cap_mg_per_kg: float
    deescalation: bool
    forecast: Forecast | None = None
    unexplained: bool = False  # no model explains the levels: antibodies, timing or assay may

    @property
    def below(self) -> bool:
        """A qualifying level under the target."""
        return self.trough.status is TroughStatus.BELOW and self.trough.qualification.qualifies

    @property
    def adequate(self) -> bool:
        """A level in target or above it."""
        return self.trough.status in (TroughStatus.WITHIN, TroughStatus.ABOVE)

    @property
    def active(self) -> bool:
        """Objective inflammation."""
        return self.disease.status is DiseaseStatus.ACTIVE

    @property
    def interval(self) -> float:
        """The interval from which a step is taken, in weeks."""
        return current_interval(self.given, self.ordered)

    @property
    def choice(self) -> Choice | None:
        """The option that leads by the forecast, where there is one."""
        return self.forecast.choice if self.forecast else None

    @property
    def step(self) -> float | None:
        """The shorter interval to consider: by the forecast, else the next of the site's list; None at the minimum."""
        if self.choice is not None and self.choice.option.interval_weeks < self.interval:
            return self.choice.option.interval_weeks
        return next_interval(self.interval, self.policy)

    @property
    def chosen_dose(self) -> float | None:
        """The dose in mg/kg that the forecast needs beside the interval, where it is not the one that goes on."""
        if self.forecast is None or self.choice is None:
            return None
        dose, unchanged = self.choice.option.dose_mg_per_kg, self.forecast.unchanged.dose_mg_per_kg
        return None if dose == unchanged else dose

    @property
    def no_step_answers(self) -> bool:
        """None is likely to be enough, and no higher dose may go with it: the shortest interval alone is no answer."""
        return self.choice is not None and not self.choice.sufficient and self.chosen_dose is None

    @property
    def chance_needed(self) -> float:
        """How likely an option must reach the target: more where the disease is active or no drug was measurable."""
        urgent = self.undetectable or self.active
        return self.policy.chance_needed_when_urgent if urgent else self.policy.chance_needed

    @property
    def reading_fraction(self) -> float:
        """The highest trough that the sample allows, as a fraction of the lower limit; infinite without a number."""
        measured = self.trough.reading.high if self.trough.reading else float("inf")
        highest = self.trough.implied_trough[1] if self.trough.implied_trough else measured
        return highest / self.target.low

    @property
    def near(self) -> bool:
        """Below by less than 20 %, as an exact number."""
        return not self.undetectable and self.reading_fraction > self.policy.near_target_fraction

    @property
    def urgent(self) -> bool:
        """Below the assay's limit, under 60 % of the lower limit, or with active disease."""
        return self.undetectable or self.active or self.reading_fraction < self.policy.deep_fraction

    @property
    def underdosed(self) -> bool:
        """The draft is under 90 % of the intended dose per kilogram, at a recent weight."""
        if self.ordered is None or self.ordered.dose_mg_per_kg is None or self.weight is None:
            return False
        return self.ordered.dose_mg_per_kg < UNDERDOSED * self.intended_mg_per_kg

    @property
    def intended_mg_per_kg(self) -> float:
        """Median of the last three infusions, at least the label dose and at most the cap."""
        given = (self.given.intended_mg_per_kg or 0) if self.given else 0
        return min(max(INTENDED_MG_PER_KG, given), self.dose_cap_mg_per_kg)

    @property
    def last_dose_certain(self) -> bool:
        """The last infusion was completed and its milligrams are known: else it may explain the low trough."""
        return self.given is not None and self.given.last_in_full and self.given.dose_mg is not None

    @property
    def draft_dose_kept(self) -> bool:
        """The draft's dose is known and no higher one: a button would make one step two, or an unknown one."""
        if self.ordered is None or self.given is None:
            return False
        ratio = dose_ratio(self.ordered.dose_mg, self.ordered.dose_mg_per_kg, self.given)
        return ratio is not None and ratio < INTENSIFYING_DOSE - 1e-9

    @property
    def clear(self) -> bool:
        """Nothing clouds a step: doses and weight certain, no reaction, no doubtful stop, levels and grounds clear."""
        doubts = self.reacted or self.stop_in_doubt or self.unexplained or self.weight_in_doubt
        return self.last_dose_certain and self.draft_dose_kept and not doubts and self.grounds_read

    @property
    def over_the_limits(self) -> tuple[str, ...]:
        """In which way the draft leaves the site's limits of dose and interval, in words."""
        return tuple(f"the draft {over}" for over in self.ordered.over_limits) if self.ordered else ()

    @property
    def relaxes(self) -> bool:
        """The draft gives less than the regimen given."""
        return self.ordered is not None and self.ordered.change is OrderChange.RELAXES

    @property
    def level_age_weeks(self) -> float:
        """Age of the deciding level; infinite without one."""
        drawn = self.trough.drawn
        return days_ago(drawn, self.as_of) / 7 if drawn else float("inf")

    @property
    def level_expired(self) -> bool:
        """No level for 52 weeks in quiet disease, 26 otherwise."""
        quiet = self.disease.status is DiseaseStatus.QUIET
        limit = self.policy.measure_after_weeks_quiet if quiet else self.policy.measure_after_weeks_otherwise
        return self.level_age_weeks > limit

    @property
    def prompt_now(self) -> bool:
        """Not more than 14 days before the due date."""
        due = self.given.due if self.given else None
        return due is None or -days_ago(due, self.as_of) <= self.policy.prompt_days_before_due

    def below_with(self, antibody: AntibodyStatus) -> bool:
        """Below target, with this antibody."""
        return self.below and self.antibody.status is antibody

    @property
    def no_excess_antibody(self) -> bool:
        """Negative or low; a negative of a blind assay only where the site accepts it."""
        accepted = self.antibody.status is AntibodyStatus.UNINFORMATIVE and self.policy.free_antibody_accepted
        return accepted or self.antibody.status in (AntibodyStatus.NEGATIVE, AntibodyStatus.LOW)

    @property
    def antibody_present(self) -> bool:
        """Positive by any grade."""
        return self.antibody.status in (AntibodyStatus.LOW, AntibodyStatus.HIGH, AntibodyStatus.POSITIVE)

    @property
    def no_usable_level(self) -> bool:
        """Nothing that may decide: undetermined, too old in its status, or too long ago."""
        if self.trough.qualification is Qualification.STALE:
            return self.trough.status is not TroughStatus.WITHIN or self.level_expired
        return self.trough.status is TroughStatus.UNDETERMINED or self.level_expired

    @property
    def dose_open(self) -> bool:
        """A higher dose fits under the cap; a dose per kilogram that is not known is not known to be at the cap."""
        per_kg = self.given.full_mg_per_kg if self.given else None
        return per_kg is None or is_higher(self.dose_cap_mg_per_kg, per_kg)

    @property
    def in_induction(self) -> bool:
        """The order is for infusion 1 to 3 of a (re-)induction, or the first one ever."""
        early = self.next_infusion_number <= INDUCTION_INFUSIONS
        return not self.anything_on_record or early or self.restarting

    @property
    def intensifies(self) -> bool:
        """The draft already gives more than the regimen given."""
        return self.ordered is not None and self.ordered.change is OrderChange.INTENSIFIES
