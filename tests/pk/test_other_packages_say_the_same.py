"""The tests of two open packages on other drugs: the same mathematics, so the same answers. Time is in hours here.

Sources: mapbayr (test of values below the limit of quantification; README), posologyr (its tests against Monolix:
tobramycin, and piperacillin with variability between occasions). All patients are synthetic.
"""

import numpy as np
import pytest

from cds_service.clinical.pk.case import Case, MeasuredLevel
from cds_service.clinical.pk.model import Effect, Parameter, PopulationModel, RandomEffect, Residual
from tests.pk.children import alone, below, found, infusions, own_parameters, predicted


def varies(name: str, variance: float, *moves: str) -> RandomEffect:
    return RandomEffect(name, variance, moves or (name,))


def levels(*rows: tuple[float, float]) -> tuple[MeasuredLevel, ...]:
    return tuple(MeasuredLevel(hour, value) for hour, value in rows)


BELOW_THE_LIMIT = PopulationModel(
    "mapbayr, M3",
    (Parameter("CL", 0.2), Parameter("V1", 2.0), Parameter("Q", 0.1), Parameter("V2", 0.5)),
    (varies("CL", 0.05), varies("V1", 0.02)),
    Residual(proportional=np.sqrt(0.1), additive=np.sqrt(0.5)),
)


@pytest.mark.parametrize(
    ("last", "eta"),
    [
        (below(48, 1.0), (-0.0427451, -0.122636)),  # mapbayr, below 1 at 48 h by the M3 method
        (MeasuredLevel(48, 1.0), (-0.0706898, -0.113914)),  # mapbayr, the same as a value of 1
    ],
)
def test_mapbayr_with_and_without_censoring(last: MeasuredLevel, eta: tuple[float, float]) -> None:
    case = Case(infusions([0], 100, 100 / 1200), (*levels((1, 75), (6, 25), (24, 7)), last), alone({}))
    assert found(BELOW_THE_LIMIT, case).eta == pytest.approx(eta, abs=3e-6)


def test_mapbayr_readme() -> None:
    model = PopulationModel(
        "mapbayr, README",
        (
            Parameter("CL", 0.9, (Effect("weight_kg", exponent=1.2, reference=70),)),
            Parameter("V1", 10.0),
            Parameter("Q", 1.0),
            Parameter("V2", 10.0),
        ),
        (varies("CL", 0.3), varies("V1", 0.3)),
        Residual(proportional=np.sqrt(0.05), additive=np.sqrt(0.1)),
    )
    case = Case(infusions([0], 100, 5), levels((6, 3.9), (15, 1.1)), alone({"weight_kg": 90.0}))
    result = found(model, case)
    # Its optimiser stops 1e-5 from the minimum: both digits of the covariance are far wider.
    assert result.eta == pytest.approx((0.3872104, 0.1569604), abs=1.1e-5)
    assert own_parameters(result, {"weight_kg": 90.0})[0] == pytest.approx(1.79217, abs=5e-6)
    assert predicted(result) == pytest.approx((4.162, 1.087), abs=5e-4)


def test_posologyr_tobramycin_in_rate_constants() -> None:
    """ke, V, k12 and k21: CL is ke V, Q is k12 V, V2 is Q / k21, so an effect on V moves all four."""
    of_volume = Effect("weight_kg", exponent=0.80, reference=66.4)
    model = PopulationModel(
        "posologyr, tobramycin",
        (
            Parameter(
                "CL",
                0.21 * 19.8,
                (
                    Effect("creatinine_clearance", exponent=0.89, reference=67.8),
                    Effect("weight_kg", exponent=-1.09, reference=66.4),
                    of_volume,
                ),
            ),
            Parameter("V1", 19.8, (of_volume,)),
            Parameter("Q", 0.041 * 19.8, (of_volume,)),
            Parameter("V2", 0.041 * 19.8 / 0.12, (of_volume,)),
        ),
        (varies("ke", 0.08075, "CL"), varies("V", 0.01203, "CL", "V1", "Q", "V2")),
        Residual(proportional=0.198),
    )
    covariates = {"weight_kg": 65.0, "creatinine_clearance": 80.0}
    case = Case(infusions([0], 500, 0.5), levels((1, 25), (14, 5.5)), alone(covariates))
    clearance, volume, _, _ = own_parameters(found(model, case), covariates)
    assert clearance / volume == pytest.approx(0.1258, abs=5e-5)
    assert volume == pytest.approx(18.21, abs=5e-3)


def test_posologyr_piperacillin_with_variability_between_occasions() -> None:
    """4 g over 8 h without a pause; the occasions change at 48, 72 and 96 h; SD = 3.2 + 0.253 f.

    The model has a lag of 0.07 h: infusions begin that much later here. Its variance between patients (0.175) is left
    out, since a level of a drug that never stops flowing says nothing of it.
    """
    model = PopulationModel(
        "posologyr, piperacillin",
        (
            Parameter("CL", 17.1, (Effect("weight_kg", exponent=1, reference=70),)),
            Parameter("V1", 7.2),
            Parameter("Q", 52.0),
            Parameter("V2", 17.8),
        ),
        (varies("CL", 0.08508), varies("V1", 0.06737), varies("V2", 0.42907), varies("Q", 0.22475)),
        Residual(proportional=0.253, additive=3.2, deviations_add=True),
        (varies("CL", 0.19346), varies("V1", 0.05783)),
    )
    case = Case(
        infusions([8 * number + 0.07 for number in range(16)], 4000, 8),
        levels((47.9, 63.0), (71.9, 19.7), (95.9, 31.0), (120.0, 16.0)),
        alone({"weight_kg": 92.0}),
        occasions=(48, 72, 96),
    )
    result = found(model, case)
    effects = dict(zip(result.course.effects, result.eta, strict=True))
    of_patient = 17.1 * 92 / 70 * np.exp(effects["CL"])
    ours = [of_patient * np.exp(effects[f"CL@{occasion}"]) for occasion in (1, 2, 3, 4)]
    for clearance, theirs, half_digit in zip(ours, (10.58, 24.0, 18.4, 26.3), (5e-3, 5e-2, 5e-2, 5e-2), strict=True):
        assert clearance == pytest.approx(theirs, abs=half_digit)
