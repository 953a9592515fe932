"""NONMEM 7 (FOCE with interaction, post hoc) on infliximab, and the same children here.

Source: public repository wojjy001/infliximab-bayes, folder NONMEM_Check: model of Wojciechowski 2017, 1 + 0.257 for the
antibody, infusions of 0.08333333 days on days 0, 14 and 42 and every 56 days from then on, levels before the infusions
of days 98, 322 and 546. NONMEM's records are weekly and a record's covariates hold backwards to the record before it,
so a first positive record on day d means positive from day d - 7 on: here a row holds from its time until the next.
All children are synthetic.
"""

from dataclasses import dataclass

import numpy as np
import pytest

from cds_service.clinical.pk.case import Case, CovariateRow, MeasuredLevel
from cds_service.clinical.pk.estimate import Estimate
from tests.pk.children import WOJCIECHOWSKI, found, infusions, predicted

DAYS = (0, 14, *range(42, 547, 56))
DRAWN = (98, 322, 546)
READ = (98, 154, 322, 546)


@dataclass(frozen=True)
class Subject:
    kg: float
    albumin: float
    mg: float
    levels: tuple[float, float, float]
    positive_record: int | None
    eta: tuple[float, float, float, float]  # CL, V1, Q, V2
    objective: float  # the individual contribution
    individual: tuple[float, float, float, float]  # predictions on days 98, 154, 322, 546


SUBJECTS = {
    9: Subject(64.201, 4.4435, 321.00, (2.412, 2.2618, 2.1828), None,
               (0.14374, -0.01494, 0.13584, -0.26469), 3.4336, (2.354, 1.9001, 1.8778, 1.8778)),
    45: Subject(77.725, 4.0574, 388.62, (1.2246, 3.4958, 3.9653), None,
                (-0.03436, 0.0023, 0.20294, -0.12152), 8.8231, (3.6865, 2.9206, 2.8713, 2.8713)),
    1: Subject(64.84, 4.3117, 324.20, (10.092, 9.0329, 2.1249), 385,
               (-0.24142, 0.02138, 0.19237, 0.01548), 11.0696, (8.3554, 6.3986, 6.1145, 3.3528)),
    3: Subject(62.798, 3.8742, 313.99, (1.9005, 1.9729, 0.75681), 413,
               (0.05262, -0.00499, 0.23554, -0.24943), 1.0092, (1.8633, 1.5258, 1.5124, 0.6954)),
}  # fmt: skip
# Posterior covariance of subject 1 (NONMEM's ETC), lower triangle: CL, V1, Q, V2.
POSTERIOR_OF_1 = (
    (0.0214228,),
    (0.00780094, 0.021788),
    (0.027894, -0.00249161, 1.1922),
    (0.0777207, -0.00716253, -0.0126616, 0.54492),
)


def fitted(subject: Subject, days_before_the_record: int = 7) -> Estimate:
    known = {"weight_kg": subject.kg, "albumin_g_per_dl": subject.albumin, "antibody_positive": 0.0}
    rows = [CovariateRow(0.0, known)]
    if subject.positive_record is not None:
        rows.append(CovariateRow(subject.positive_record - days_before_the_record, {**known, "antibody_positive": 1.0}))
    levels = tuple(MeasuredLevel(float(day), value) for day, value in zip(DRAWN, subject.levels, strict=True))
    case = Case(infusions(DAYS, subject.mg, 0.08333333), levels, tuple(rows))
    return found(WOJCIECHOWSKI, case, tuple(map(float, READ)))


@pytest.mark.parametrize("name", SUBJECTS)
def test_random_effects_are_those_of_nonmem(name: int) -> None:
    assert fitted(SUBJECTS[name]).eta == pytest.approx(SUBJECTS[name].eta, abs=2e-5)


@pytest.mark.parametrize("name", SUBJECTS)
def test_the_individual_objective_is_nonmems_to_every_digit_given(name: int) -> None:
    assert fitted(SUBJECTS[name]).foce_objective == pytest.approx(SUBJECTS[name].objective, abs=5.1e-5)


@pytest.mark.parametrize("name", SUBJECTS)
def test_individual_predictions_are_nonmems_within_a_twenty_thousandth(name: int) -> None:
    ours = predicted(fitted(SUBJECTS[name]))[len(DRAWN) :]
    assert ours == pytest.approx(SUBJECTS[name].individual, rel=5e-5)


def test_the_posterior_covariance_is_nonmems() -> None:
    theirs = np.zeros((4, 4))
    for row, numbers in enumerate(POSTERIOR_OF_1):
        theirs[row, : len(numbers)] = theirs[: len(numbers), row] = numbers
    ours = fitted(SUBJECTS[1]).covariance
    deviations = np.sqrt(np.diag(theirs))
    assert np.sqrt(np.diag(ours)) == pytest.approx(deviations, rel=1e-5)  # six digits of the variance are printed
    assert ours / np.outer(deviations, deviations) == pytest.approx(theirs / np.outer(deviations, deviations), abs=2e-5)


@pytest.mark.parametrize(("name", "days"), [(1, 0), (3, 0), (1, 14), (3, 14)])
def test_another_reading_of_the_weekly_record_is_ten_times_farther_from_nonmem(name: int, days: int) -> None:
    subject = SUBJECTS[name]
    assert abs(fitted(subject, days).foce_objective - subject.objective) > 3e-4
