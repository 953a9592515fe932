# ruff: noqa: INP001, T201 - a script
"""Draw docs/images/forecasts.png: three synthetic children, what was measured, what was fitted, what is expected.

`python docs/draw_forecasts.py [PNG]`. Numbers come from the same code as the cards; nothing is drawn by hand.
"""

import sys
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes

from cds_service.clinical.history import History, read_history
from cds_service.clinical.knowledge import target
from cds_service.clinical.pk.assumed import spread_of
from cds_service.clinical.pk.case import Bound
from cds_service.clinical.pk.course import CENTRAL_VOLUME, advance
from cds_service.clinical.pk.disposition import propagate
from cds_service.clinical.pk.ensemble import Ensemble, ask, widen
from cds_service.clinical.pk.posterior import possible_children
from cds_service.clinical.pk.published import DEFAULT_MODELS, published_model
from cds_service.clinical.policy import Policy
from cds_service.clinical.record import Moment
from cds_service.clinical.timeline import build_timeline
from cds_service.clinical.trough import judge_levels
from cds_service.clinical.weights import newest_weight
from cds_service.patients import hook_request, load
from fhir_mappings.chart import ChartPart, RawChart
from fhir_mappings.read import read_record

PICTURE = Path(__file__).parent / "images" / "forecasts.png"
AS_OF = datetime(2026, 11, 22, 9, 0, tzinfo=UTC)
CHILDREN = ("falling-troughs", "low-trough", "undetectable-active")
SHOWN_WEEKS = 30  # of the past
SCHEDULES = ((8, "#8a8f98"), (6, "#c47a00"), (4, "#1f6feb"))  # weeks, colour
INFUSION_DAYS = 2 / 24
CHILDREN_DRAWN = 2048
INK, FITTED, TARGET = "#1b2330", "#1b2330", "#d8efe0"


def main(arguments: list[str]) -> None:
    """Draw all children into the PNG that is named, or the one of the documentation."""
    mpl.use("Agg")
    mpl.rcParams.update({"font.family": "DejaVu Sans", "font.size": 9, "svg.hashsalt": "forecasts"})
    from matplotlib import pyplot

    figure, panels = pyplot.subplots(len(CHILDREN), 1, figsize=(9, 10.5), constrained_layout=True)
    for panel, name in zip(panels, CHILDREN, strict=True):
        draw_child(panel, name)
    figure.legend(*panels[0].get_legend_handles_labels(), loc="outside upper left", frameon=False, ncols=3)
    panels[-1].set_xlabel("weeks from the infusion that is ordered")
    path = Path(arguments[0]) if arguments else PICTURE
    figure.savefig(path, dpi=110, metadata={"Software": None})
    print(f"{path}: {len(CHILDREN)} children")


def draw_child(panel: Axes, name: str) -> None:
    """One panel: levels, the fitted curve, and the band of nine in ten for three schedules at the same dose."""
    patient = load(name)
    history = read_child(name)
    models = widen([published_model(model) for model in DEFAULT_MODELS], spread_of(history.missing))
    start, mg = history.next_infusion, history.case.infusions[-1].mg
    past = np.linspace(start - 7 * SHOWN_WEEKS, start, 900)
    found = ask(models, history.case, start=start, times=tuple(past))
    goal = target(Policy().target_profile)
    panel.axhspan(goal.low, goal.high or goal.low, color=TARGET, zorder=0, label="target")
    panel.plot((past - start) / 7, fitted(found, len(history.case.levels) + 1), color=FITTED, lw=1.2, label="fitted")
    draw_levels(panel, history, start)
    for weeks, colour in SCHEDULES:
        times, low, middle, high = ahead(found, history, weeks * 7, mg)
        panel.plot(times / 7, middle, color=colour, lw=1.2, label=f"every {weeks} weeks, same dose (band: nine in ten)")
        panel.fill_between(times / 7, low, high, color=colour, alpha=0.13, lw=0)
    panel.set_yscale("log")
    panel.set_ylim(0.3, 300)
    panel.set_yticks([0.5, 1, 2, 5, 10, 20, 50, 100], ["0.5", "1", "2", "5", "10", "20", "50", "100"])
    panel.set_ylabel("infliximab, µg/mL")
    panel.set_title(f"{patient.title} (synthetic)", loc="left", color=INK, fontsize=10)
    panel.spines[["top", "right"]].set_visible(False)
    panel.axvline(0, color=INK, lw=0.6, ls=":")


def read_child(name: str) -> History:
    """What the models are told of a bundled child."""
    request = hook_request(load(name), "order-sign", AS_OF)
    parts = {
        key: ChartPart(tuple([part] if part["resourceType"] == "Patient" else [e["resource"] for e in part["entry"]]))
        for key, part in request["prefetch"].items()
        if part["resourceType"] == "Patient" or "entry" in part
    }
    record = read_record(
        RawChart(request["context"]["patientId"], parts, {}), since=AS_OF - timedelta(1095), until=AS_OF
    )
    policy = Policy()
    timeline = build_timeline(record, policy, Moment(AS_OF), None)
    judged = judge_levels(record.levels, timeline, target(policy.target_profile), policy, AS_OF)
    history = read_history(record, timeline, judged, newest_weight(record), AS_OF)
    if not isinstance(history, History):
        raise SystemExit(f"{name}: {history.reason}")
    return history


def fitted(found: Ensemble, skipped: int) -> np.ndarray:
    """The curve of the best fit, averaged over the models by their weights."""
    curves = [estimate.course.expect(estimate.eta)[0][skipped:] for estimate in found.estimates]
    return np.average(curves, axis=0, weights=found.weights)


def draw_levels(panel: Axes, history: History, start: float) -> None:
    """The levels that the models were told, a censored one as a triangle at its limit."""
    for level in history.case.levels:
        week = (level.time - start) / 7
        if week >= -SHOWN_WEEKS:
            marker = "v" if level.bound is Bound.BELOW else "o"
            panel.plot(week, level.value, marker, color="#c1121f", ms=6, zorder=5)
            panel.annotate(f"{'<' if level.bound else ''}{level.value:g}", (week, level.value), (-5, 6),
                           textcoords="offset points", ha="right", color="#c1121f")  # fmt: skip
    panel.plot([], [], "o", color="#c1121f", label="measured")
    panel.plot([], [], "v", color="#c1121f", label="below the assay's limit")


def ahead(
    found: Ensemble, history: History, interval: float, mg: float
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Days from the ordered infusion, and the 5th, 50th and 95th percentile of the level then."""
    offsets = np.linspace(0.2, interval, 120)
    columns: list[np.ndarray] = []
    for estimate, weight in zip(found.estimates, found.weights, strict=True):
        child = possible_children(estimate, history.case, len(history.case.levels))
        drawn = child.equally_likely(round(CHILDREN_DRAWN * weight), -child.parameters[0])
        columns.append(np.concatenate(list(curves(*drawn, offsets, mg))))
    levels = np.concatenate(columns, axis=1)
    low, middle, high = np.percentile(levels, [5, 50, 95], axis=1)
    return np.concatenate([offsets, offsets + interval]), low, middle, high


def curves(parameters: np.ndarray, amounts: np.ndarray, offsets: np.ndarray, mg: float) -> Iterator[np.ndarray]:
    """Levels (time, child) of the first two intervals."""
    rate = mg / INFUSION_DAYS
    for _ in range(2):
        moved = propagate(parameters[:, None, :], offsets[:, None], np.minimum(offsets, INFUSION_DAYS)[:, None])
        at = advance(moved.kept, amounts[:, None]) + rate * moved.gained
        yield at[0] / parameters[CENTRAL_VOLUME]
        amounts = at[:, -1]


if __name__ == "__main__":
    main(sys.argv[1:])
