"""Writes the generated parts of these pages from the tables and settings that the service itself reads: `make docs`.

A part stands between `<!-- generated: NAME -->` and `<!-- end -->`; all else on a page is written by hand. So is most
of the OpenAPI file: `generator/openapi.py` says what is not.
`--check` writes nothing and exits with 1 if a page would change.
"""
# ruff: noqa: INP001, T201 - a script in a folder of pages, not a package

import re
import sys
from collections.abc import Callable, Mapping
from pathlib import Path

from generator import advice, burden, cases, chart, check, forecast, openapi, operate, safety, security, site

HERE = Path(__file__).parent
PART = re.compile(r"(<!-- generated: ([a-z-]+) -->\n).*?(<!-- end -->)", re.DOTALL)
PARTS: Mapping[str, Callable[[], str]] = {
    "amounts": chart.amounts,
    "antibody-units": chart.antibody_units,
    "assays": chart.assays,
    "burden": burden.burden,
    "callers": site.callers,
    "cards": advice.cards,
    "case-contents": cases.contents,
    "case-example": cases.example,
    "check": check.check,
    "concepts": chart.concepts,
    "conditions": chart.conditions,
    "drugs": chart.drugs,
    "ehr": site.ehr,
    "events": operate.events,
    "fields": operate.fields,
    "faults": security.faults,
    "forecast-answer": forecast.answer,
    "forecast-assumed": forecast.assumed,
    "forecast-case": forecast.case,
    "forecast-models": forecast.models,
    "generated-charts": safety.generated_charts,
    "hazards": safety.hazards,
    "laws": safety.laws,
    "manifestations": chart.manifestations,
    "metrics": operate.metrics,
    "names": chart.names,
    "outcomes": operate.outcomes,
    "predictors": advice.predictors,
    "prefetch": site.prefetch,
    "risk-model-baseline": site.baseline_example,
    "risk-model-recalibrated": site.recalibrated_example,
    "procedures": chart.procedures,
    "routes": chart.routes,
    "rows": advice.rows,
    "rules": safety.rules,
    "scopes": site.scopes,
    "services": site.services,
    "settings": site.settings,
    "signs": chart.signs,
    "stops": advice.stop_conditions,
    "systems": chart.systems,
    "targets": advice.targets,
    "timings": chart.timings,
    "threats": security.threats,
    "usual-child": cases.usual_child,
    "worked-cases": cases.worked_cases,
}


def renewed(text: str) -> str:
    """A page with its generated parts written anew. Raises KeyError for a part that nobody writes."""
    return PART.sub(lambda found: f"{found[1]}\n{PARTS[found[2]]()}\n\n{found[3]}", text)


def main(arguments: list[str]) -> int:
    """Write, or with --check only name, every page that changes. Returns the exit code."""
    check = arguments == ["--check"]
    kinds = {"*.md": renewed, "schemas/openapi.json": openapi.renewed}
    texts = [
        (page, page.read_text("utf-8"), renew) for kind, renew in kinds.items() for page in sorted(HERE.glob(kind))
    ]
    changed = {page: new for page, text, renew in texts if (new := renew(text)) != text}
    for page, new in changed.items():
        print(f"{page.name} {'would change' if check else 'written'}")
        if not check:
            page.write_text(new, "utf-8")
    return int(check and bool(changed))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
