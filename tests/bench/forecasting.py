"""What a forecast costs, in process: one fit, and all that a card needs; and what a serving process loads for it."""

import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from statistics import median

from cds_service.clinical.pk.case import Case, CovariateRow, GivenDose, MeasuredLevel
from cds_service.clinical.pk.ensemble import ask
from cds_service.clinical.pk.estimate import Estimate, estimate
from cds_service.clinical.pk.forecast import Regimen, look_ahead, model_weights
from cds_service.clinical.pk.posterior import possible_children
from cds_service.clinical.pk.published import DEFAULT_MODELS, published_model

HOURS = 1 / 24
# A synthetic child of 30 kg: twelve infusions of 150 mg, three troughs.
STARTS = (0, 14, 42, *range(98, 547, 56))
CHILD = Case(
    infusions=tuple(GivenDose(float(day), 2 * HOURS, 150.0) for day in STARTS),
    levels=(MeasuredLevel(434.0, 3.1), MeasuredLevel(490.0, 2.2), MeasuredLevel(602.0, 1.69)),
    covariates=tuple(
        CovariateRow(
            float(day),
            {
                "weight_kg": 29 + day / 500,
                "albumin_g_per_dl": 3.8,
                "antibody_positive": 0.0,
                "immunomodulator": 0.0,
                "crohns": 1.0,
            },
        )
        for day in STARTS
    ),
)
REGIMENS = tuple(Regimen(7.0 * weeks, mg, 2 * HOURS) for weeks in (8, 7, 6, 5, 4) for mg in (150.0, 225.0))


def measure_forecast(repeats: int) -> Iterator[tuple[str, float, str]]:
    """Name, median ms, and what was aimed at."""
    models = [published_model(name) for name in DEFAULT_MODELS]
    one_occasion = replace(models[0], between_occasions=())
    start = CHILD.levels[-1].time
    found = [e for e in (estimate(model, CHILD, (start,)) for model in models) if isinstance(e, Estimate)]
    possible = [possible_children(e, CHILD, len(CHILD.levels)) for e in found]
    weights = model_weights(possible)
    rows: list[tuple[str, Callable[[], object], str]] = [
        ("fit, 3 levels, 12 infusions", lambda: estimate(one_occasion, CHILD), "< 1"),
        ("the same with occasions", lambda: estimate(models[0], CHILD), ""),
        ("possible children of one model", lambda: possible_children(found[0], CHILD, len(CHILD.levels)), ""),
        ("3 models x 5 intervals x 2 doses", lambda: look_ahead(possible, weights, REGIMENS), ""),
        ("all of it, fits included", lambda: ask(models, CHILD, REGIMENS, start=start), "< 4"),
    ]
    taken: dict[str, list[float]] = {name: [] for name, _, _ in rows}
    for _ in range(repeats):
        for name, work, _ in rows:
            begun = time.perf_counter()
            work()
            taken[name].append((time.perf_counter() - begun) * 1000)
    for name, _, aim in rows:
        yield name, median(taken[name]), aim


def measure_import() -> Iterator[tuple[str, float, float]]:
    """Name, ms and MB resident of a fresh interpreter that imports it; the middle one of five."""
    for name, code in (
        ("python alone", "pass"),
        ("numpy", "import numpy"),
        ("the forecast", f"import {ask.__module__}"),
    ):
        runs = sorted(_imported(code) for _ in range(5))
        yield name, *runs[2]


def _imported(code: str) -> tuple[float, float]:
    script = f"""
import resource, time
begun = time.perf_counter()
{code}
print((time.perf_counter() - begun) * 1000, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    ms, mb = map(float, done.stdout.split())
    return ms, mb
