"""The command `forecast`: its models, what it assumes, and the worked example."""

import json
from pathlib import Path

from cds_service.clinical.pk.assumed import assumptions
from cds_service.clinical.pk.published import DEFAULT_MODELS, model_names, published_model
from cds_service.forecast import forecast
from generator.layout import Json, table

EXAMPLE = Path(__file__).parents[1] / "forecast-case.example.json"


def case() -> str:
    """The example as it stands in its file."""
    return f"```json\n{EXAMPLE.read_text('utf-8').strip()}\n```"


def answer() -> str:
    """What the models say of the example: the fits, then the regimens."""
    document = forecast(json.loads(EXAMPLE.read_text("utf-8")))
    fits = [_fit(fit) for fit in document["fits"]]
    regimens = [_regimen(row) for row in document["regimens"]]
    issues = [f"- `{issue['code']}` ({issue['level']}): {issue['message']}" for issue in document["issues"]]
    return "\n\n".join(
        [
            table(("Model", "Weight", "Clearance, L/day", "Day 154: child, typical", "Day 210: child, typical"), fits),
            table(
                ("Regimen", "Next trough", "Second trough", "Steady trough", "P(second ≥ 5)", "P(second > 10)"),
                regimens,
            ),
            "\n".join(issues),
        ]
    )


def _fit(fit: Json) -> tuple[str, ...]:
    levels = [f"{_two(row['individual_ug_per_ml'])}, {_two(row['population_ug_per_ml'])}" for row in fit["predicted"]]
    return (f"`{fit['model']}`", _two(fit["weight"]), _two(fit["parameters"]["CL_L_per_day"]), *levels)


def _regimen(row: Json) -> tuple[str, ...]:
    spreads = [row[key] for key in ("next_trough", "second_trough", "steady_state_trough")]
    told = [f"{_two(spread['median'])} ({_two(spread['p05'])}–{_two(spread['p95'])})" for spread in spreads]
    chances = [f"{row[key]:.1f}" for key in ("probability_at_least_low", "probability_above_high")]
    return (f"{row['dose_mg']:g} mg every {row['interval_weeks']:g} weeks", *told, *chances)


def _two(number: float) -> str:
    """Two digits: more would tell of the machine, not of the child."""
    return f"{float(f'{number:.2g}'):g}"


def models() -> str:
    """Every model: for whom, from where."""
    rows = [
        (
            f"`{name}`" + (" (default)" if name in DEFAULT_MODELS else ""),
            published_model(name).citation,
            ", ".join(f"`{covariate}`" for covariate in sorted(published_model(name).needs)),
            "yes" if published_model(name).between_occasions else "no",
        )
        for name in model_names()
    ]
    return table(("Model", "Source", "Needs", "Varies between occasions"), rows)


def assumed() -> str:
    """What is assumed where it is not known."""
    rows = [(f"`{name}`", row.told, f"{row.spread:g}", row.source) for name, row in assumptions().items()]
    return table(("Key", "Assumed", "Standard deviation among children", "Source"), rows)
