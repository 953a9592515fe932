"""The chart of a worked case, drawn: a line of infusions, one of levels, one per other test, one of weeks.

The width is fixed. The scale is the finest that shows every sample and the last three intervals; earlier
infusions are counted at the left. Drawn from the facts alone, never from what was concluded.
"""

from collections.abc import Sequence

from cds_service.clinical.record import Moment
from tests.clinical.charts import VISIT
from tests.spec.case import USUAL_RESULTS, Case
from tests.spec.chart import infusion_of, infusions_of, known, level_of, moment
from tests.spec.facts import Given, Level, name_of

NAMES = 15
WIDTH = 72
SCALES = {4: 2, 3: 4, 2: 4, 1: 8, 0.5: 16, 0.25: 32}  # columns per week, and weeks from number to number of the axis
SHORT = {"c_difficile_toxin": "C. diff. toxin", "c_difficile_toxin_gene": "C. diff. gene"}  # to fit NAMES
ALWAYS_SHOWN = 4  # the last three intervals
Point = tuple[float, str]  # weeks before the visit, and what is written there


def draw(case: Case) -> str:
    """The drawing, its lines joined."""
    infusions = sorted((_weeks(infusion_of(given).start), _mark(given)) for given in case.infusions)
    rows = {"levels": _levels(case), **_results(case), **_findings(case), **_procedures(case)}
    shown = [*infusions[:ALWAYS_SHOWN], *(point for points in rows.values() for point in points)]
    scale = _scale(max((weeks for weeks, _ in shown), default=0))
    lines = [
        _line_of_infusions(infusions, scale),
        *(line for name, points in rows.items() for line in _lines_of_points(name, points, scale)),
        _axis(scale),
    ]
    return "\n".join(line.rstrip() for line in lines)


def _weeks(at: Moment) -> float:
    return (VISIT - at.at).total_seconds() / (7 * 86400)


def _mark(given: Given) -> str:
    if given.route == "subcutaneous":
        return "s"
    return "i" if given.stopped or given.mg == "not charted" else "I"


def _levels(case: Case) -> list[Point]:
    drawn = [(level, level_of(level, infusions_of(case)).drawn) for level in case.levels]
    return [(max(0.0, _weeks(at)), _written(level)) for level, at in drawn if at is not None]


def _written(level: Level) -> str:
    return "pending" if level.pending else {"none": "unreadable"}.get(level.value, level.value)


def _results(case: Case) -> dict[str, list[Point]]:
    """The results that a case tells, by test; those of the usual child are not drawn."""
    points: dict[str, list[Point]] = {}
    for result in () if case.results is USUAL_RESULTS else case.results:
        name = name_of(result.test)
        points.setdefault(name, []).append((_weeks(known(result.before)), result.value))
    return points


def _findings(case: Case) -> dict[str, list[Point]]:
    """Results without a number, by test; one without a date is only told."""
    points: dict[str, list[Point]] = {}
    for finding in case.findings:
        at, pending = moment(finding.before), " (pending)" if finding.pending else ""
        if at is not None:
            points.setdefault(SHORT.get(finding.test, name_of(finding.test)), []).append(
                (_weeks(at), f"{finding.sign}{pending}")
            )
    return points


def _procedures(case: Case) -> dict[str, list[Point]]:
    points = [(_weeks(known(done.before)), done.procedure) for done in case.procedures]
    return {"procedures": points} if points else {}


def _scale(weeks: float) -> float:
    return next((columns for columns in SCALES if columns * weeks <= WIDTH), min(SCALES))


def _column(weeks: float, scale: float) -> int:
    return WIDTH - round(weeks * scale)


def _line_of_infusions(infusions: Sequence[Point], scale: float) -> str:
    """`I` an infusion, `i` one whose dose is uncertain, `s` one under the skin, `V` the visit; `+6` earlier ones."""
    marks = {_column(weeks, scale): mark for weeks, mark in infusions if _column(weeks, scale) >= 0}
    earlier = sum(_column(weeks, scale) < 0 for weeks, _ in infusions)
    start = 0 if earlier else min(marks, default=WIDTH)
    line = "".join(marks.get(column, " " if column < start else "-") for column in range(WIDTH))
    count = f"+{earlier} " if earlier else ""
    return f"{'infusions':<{NAMES - 4}}{count:>4}{line}V"


def _lines_of_points(name: str, points: Sequence[Point], scale: float) -> list[str]:
    """`o` and its value to the right, at the right edge to the left; what would overlap goes to the next line."""
    lines: list[str] = []
    for weeks, text in sorted(points, reverse=True):
        column = max(0, _column(weeks, scale))
        start, written = (
            (column, f"o {text}") if column + len(text) + 2 <= WIDTH else (column - len(text) - 1, f"{text} o")
        )
        index = next(
            (i for i, line in enumerate(lines) if not line[start - 1 : start + len(written) + 1].strip()), None
        )
        if index is None:
            lines.append(" " * (WIDTH + 1))
            index = len(lines) - 1
        lines[index] = lines[index][:start] + written + lines[index][start + len(written) :]
    return [f"{name if i == 0 else '':<{NAMES}}{line}" for i, line in enumerate(lines)]


def _axis(scale: float) -> str:
    """Weeks before the visit."""
    line = [" "] * (NAMES + WIDTH + 1)
    line[: len("weeks before")] = "weeks before"
    for weeks in range(0, int(WIDTH / scale) + 1, SCALES[scale]):
        number = str(weeks)
        end = NAMES + _column(weeks, scale) + 1
        line[end - len(number) : end] = number
    return "".join(line)
