"""What a site may choose: every number that is judgement rather than evidence, with its default.

Question: by which of its own rules does this hospital want the chart judged?
Source: the clinical contract (docs/how-it-decides.md); J marks judgement. Units stand in the names.
"""

from dataclasses import dataclass

from cds_service.clinical.site_model import SiteModel


@dataclass(frozen=True, slots=True)
class Policy:
    """A site's choices. Built from the configuration file; the defaults are those of the documentation."""

    name: str = "default"
    # Who is judged
    adult_from_years: int = 18
    allow_under_six: bool = False
    allow_pregnancy: bool = False
    # Target (keys of knowledge/targets.toml)
    target_profile: str = "paed-default"
    perianal_profile: bool = True
    perianal_activity_days: int = 183  # J
    # Qualification
    stale_after_weeks: float = 16  # J
    early_half_life_days: float = 7  # J; the shortest published
    regimen_dose_tolerance: float = 0.20  # J
    regimen_interval_tolerance_weeks: float = 1.0  # J
    # Antibody
    free_antibody_accepted: bool = False
    # Disease windows, J
    calprotectin_window_days: int = 84
    crp_window_days: int = 84
    endoscopy_window_days: int = 183
    # When to measure, J
    measure_after_weeks_quiet: float = 52
    measure_after_weeks_otherwise: float = 26
    prompt_days_before_due: int = 14
    # Options
    intervals_weeks: tuple[int, ...] = (8, 6, 4)
    forecast: bool = True
    forecast_intervals_weeks: tuple[int, ...] = (8, 7, 6, 5, 4)
    higher_doses_mg_per_kg: tuple[float, ...] = (7.5, 10.0)  # J
    chance_needed: float = 0.50  # J
    chance_needed_when_urgent: float = 0.70  # J; active disease, or below the assay's limit
    minimum_interval_weeks: float = 4
    maximum_mg_per_kg: float = 10
    maximum_mg_per_kg_heart_failure: float = 5
    button_on_first_maintenance: bool = False
    near_target_fraction: float = 0.80  # below by less than 20 %
    deep_fraction: float = 0.60  # under 60 % of the lower limit
    deescalation_above_ug_per_ml: float = 15  # J
    # Weight used for mg/kg of the draft
    weight_window_days: int = 84
    weight_change_fraction: float = 0.25  # J; more within that window is a slip in one of two weights
    # Baseline of the published predictors, before the first infusion
    baseline_window_days: int = 56
    steroid_window_days: int = 84
    # Stop conditions
    infection_window_days: int = 90
    # The site's own model of a low trough, from its risk model file; without one no probability is given
    risk_model: SiteModel | None = None
