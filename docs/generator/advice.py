"""What is concluded and said: the rows of the decision, targets, stop conditions and cards."""

import tomllib
from collections.abc import Iterable
from importlib.resources import files

from cards.wording import KindWording, Wording, load_wording
from cds_service.clinical.advice import TABLE
from cds_service.clinical.assessment import AdviceKind
from cds_service.clinical.knowledge import PublishedPredictor, StopRow, risk_model, stops
from generator.layout import Json, codes, data, same_keys, table

UNITS = {"{score}": ("points", "point"), "g/L": ("g/L", "g/L")}


def rows() -> str:
    """The rows of the decision table in the order in which they are asked."""
    given = data("cards.toml")
    told = [
        (str(row.number), row.title, ", ".join(f"`{kind}`" for kind in given if row.number in given[kind]["rows"]))
        for row in TABLE
    ]
    return table(("#", "When", "Advice"), told)


def targets() -> str:
    """The profiles of targets with their sources."""
    known = tomllib.loads(files("cds_service.clinical.knowledge").joinpath("targets.toml").read_text("utf-8"))
    told = [
        (
            f"`{name}`",
            f"{row['low']:g} to {row['high']:g}" if "high" in row else f"{row['low']:g} or more",
            "yes" if row["selectable"] else "no, shown only",
            row["strength"],
            row["citation"],
        )
        for name, row in known.items()
    ]
    return table(("Profile", "µg/mL", "Can be chosen", "How well founded", "Source"), told)


def predictors() -> str:
    """The published predictors, with the span that each leaves open where it was not measured."""
    told = [
        (
            row.title,
            f"{row.odds_ratio:g} ({row.ci95[0]:g} to {row.ci95[1]:g}){_per(row)}",
            _input(row, row.reference),
            "no to yes" if row.unit is None else f"{row.span[0]:g} to {_input(row, row.span[1])} (J)",
            row.caveat,
        )
        for row in risk_model().predictors
    ]
    return table(("Predictor", "Odds ratio (95 %)", "Reference child", "Span where not measured", "Doubt"), told)


def _per(row: PublishedPredictor) -> str:
    return f" per {UNITS[row.unit][1]}" if row.unit else ""


def _input(row: PublishedPredictor, value: float | bool) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    return f"{value:g} {UNITS[row.unit or ''][0]}"


def stop_conditions() -> str:
    """What forbids more drug, and by which codes it is known."""
    known = codes("conditions.csv", lambda row: row["concept"])
    told = [
        (stop.label, known[f"stop.{name}"], _results(stop), _effect(stop), _lapse(stop))
        for name, stop in stops().items()
    ]
    head = ("Condition", "Coded as", "Or a positive result of", "Effect", "Which entries and results count")
    return table(head, told)


def _results(stop: StopRow) -> str:
    known = codes("laboratory.csv", lambda row: row["concept"])
    return "; ".join(f"{title} ({known[concept]})" for concept, title in stop.results.items())


def _effect(stop: StopRow) -> str:
    return "no intensification" if stop.effect == "stop" else "a lower cap for the dose; a shorter interval stays open"


def _lapse(stop: StopRow) -> str:
    if stop.lapses:
        return "active ones, dated within `infection_window_days` or undated; older active ones become a note"
    return "all, also resolved ones" if stop.resolved_counts else "active ones, however old"


def cards() -> str:
    """Every kind of advice. Raises KeyError where cards.toml does not tell exactly these."""
    wording, given = load_wording(), data("cards.toml")
    same_keys("cards.toml", given, AdviceKind)
    return "\n\n".join(_card(kind, given[kind], wording) for kind in AdviceKind)


def _card(kind: AdviceKind, given: Json, wording: Wording) -> str:
    own = wording.kind(kind)
    variants = [(name, row) for (of, name), row in wording.kinds.items() if of == kind and name]
    told = [
        f"**When** (row {' or '.join(map(str, given['rows']))}): {given['when']}",
        f"**Indicator:** {given['indicator']}",
        f"**Button:** {given['button']}",
        *_sentences(own),
        *_sources(own, wording),
        *(f"**Variant `{name}`:** “{row.summary}” {row.consider}." for name, row in variants),
    ]
    return f"## {kind}: {own.heading}\n\n" + "\n".join(f"- {line}" for line in told)


def _sentences(row: KindWording) -> Iterable[str]:
    told = {"Summary": f"“{row.summary}”", "Consider": row.consider, "Other ways": "; ".join(row.alternatives)}
    return [f"**{name}:** {text}" for name, text in {**told, "Against": row.why_not}.items() if text]


def _sources(row: KindWording, wording: Wording) -> Iterable[str]:
    for side, keys in (("for", row.sources_for), ("against", row.sources_against)):
        cited = [wording.citations[key] for key in keys]
        if cited:
            yield f"**Sources {side}:** " + "; ".join(f"[{source.label}]({source.url})" for source in cited)
