"""The alert burden: how often would which card appear in a folder of saved requests?

Question: what does a target profile cost in cards, before anyone goes live? Every file is judged through the same
`evaluate` that answers the EHR. A file that cannot be evaluated is counted with its reason and stops nothing.
"""

import re
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path

from cards.write import write_cards
from cds_service.clinical.advice import TABLE
from cds_service.clinical.assessment import Assessment, Severity
from cds_service.clinical.knowledge import target, target_profiles
from cds_service.errors import BadHookRequest, CdsError
from cds_service.hooks.evaluate import evaluate
from cds_service.hooks.request import HookRequest
from cds_service.saved import read_saved
from cds_service.site.site import Site

TELL_EVERY = 100  # files between two lines of progress
COLUMNS = (Severity.WARNING, Severity.INFO)

_TITLES = {row.number: row.title for row in TABLE}


@dataclass(frozen=True, slots=True)
class Outcome:
    """What one order got: the kind of its card with the indicator, or without one the reason for silence."""

    name: str
    indicator: Severity | None = None


@dataclass(frozen=True, slots=True)
class JudgedFile:
    """One saved request: its outcomes by target profile, or why it could not be evaluated."""

    name: str
    outcomes: Mapping[str, tuple[Outcome, ...]]
    refusal: str | None = None


@dataclass(frozen=True, slots=True)
class Rate:
    """The outcomes of all orders under one target profile."""

    profile: str
    outcomes: Counter[Outcome]

    @property
    def orders(self) -> int:
        """How many orders were judged, with a card or in silence."""
        return self.outcomes.total()

    def cards(self, indicator: Severity) -> int:
        """How many cards with this indicator."""
        return sum(number for outcome, number in self.outcomes.items() if outcome.indicator is indicator)


def find_charts(folder: Path) -> tuple[list[Path], int]:
    """The JSON files of a folder by name, and how many other entries it holds.

    Raises BadHookRequest where it cannot be listed or holds no JSON file.
    """
    try:
        entries = sorted(folder.iterdir())
    except OSError as error:
        raise BadHookRequest(f"{folder}: a folder with charts expected: {error.strerror}") from error
    charts = [entry for entry in entries if entry.suffix.lower() == ".json" and entry.is_file()]
    if not charts:
        raise BadHookRequest(f"{folder}: a folder with charts expected, no .json file is in it")
    return charts, len(entries) - len(charts)


def choose_profiles(wanted: str | None, usual: str) -> tuple[str, ...]:
    """The profile asked for alone, else the site's usual one first and then every other that it could choose.

    Raises BadHookRequest naming those that exist.
    """
    known = target_profiles()
    if wanted is not None and wanted not in known:
        raise BadHookRequest(f"--profile: one of {', '.join(known)} expected")
    return (wanted,) if wanted else tuple(dict.fromkeys((usual, *known)))


def judge_charts(
    charts: Sequence[Path], profiles: Sequence[str], site: Site, as_of: datetime, tell: Callable[[str], None]
) -> list[JudgedFile]:
    """Every chart under every profile, as of one instant; `tell` hears how far a long folder has come."""
    sites = {name: replace(site, policy=replace(site.policy, target_profile=name)) for name in profiles}
    judged = []
    for number, path in enumerate(charts, 1):
        judged.append(_judge(path, sites, as_of))
        if number % TELL_EVERY == 0 and number < len(charts):
            tell(f"{number} of {len(charts)} charts judged")
    return judged


def count_outcomes(judged: Iterable[JudgedFile], profiles: Sequence[str]) -> list[Rate]:
    """One rate for each profile."""
    held = list(judged)
    return [Rate(name, Counter(o for file in held for o in file.outcomes.get(name, ()))) for name in profiles]


def _judge(path: Path, sites: Mapping[str, Site], as_of: datetime) -> JudgedFile:
    try:
        request = read_saved(path.read_bytes(), next(iter(sites.values())))
        outcomes = {name: _outcomes(request, site, as_of) for name, site in sites.items()}
    except CdsError as error:
        return JudgedFile(path.name, {}, "; ".join(error.diagnostics))
    except OSError as error:
        return JudgedFile(path.name, {}, f"the file cannot be read: {error.strerror}")
    except Exception as error:  # noqa: BLE001 - one chart that breaks us must not hide the others
        return JudgedFile(path.name, {}, f"a defect of this version ({type(error).__name__}), please report it")
    return JudgedFile(path.name, outcomes)


def _outcomes(request: HookRequest, site: Site, as_of: datetime) -> tuple[Outcome, ...]:
    evaluation = evaluate(request, site, as_of, site.reading_deadline())
    return tuple(_outcome(assessment, request.hook) for assessment in evaluation.assessments)


def _outcome(assessment: Assessment, hook: str) -> Outcome:
    leading = assessment.leading
    if leading is not None and write_cards(assessment, hook=hook):
        return Outcome(leading.kind, leading.severity)
    title = _TITLES[assessment.leading_rule]
    return Outcome(title if leading is None or leading.prompt else f"{title}, the infusion is not near yet")


def write_table(judged: Sequence[JudgedFile], rates: Sequence[Rate], as_of: datetime) -> str:
    """The whole answer as plain text: the first profile in full, then one line for each, then what failed."""
    first = rates[0]
    sections = (
        _head(judged, first, as_of),
        _cards(first),
        _silence(first),
        _comparison(rates) if len(rates) > 1 else [],
        _refusals(judged),
    )
    return "\n\n".join("\n".join(lines) for lines in sections if lines)


def _head(judged: Sequence[JudgedFile], rate: Rate, as_of: datetime) -> list[str]:
    refused = sum(file.refusal is not None for file in judged)
    without = sum(file.refusal is None and not file.outcomes[rate.profile] for file in judged)
    evaluated = f"{len(judged)} charts: {len(judged) - refused} evaluated, {refused} not evaluable"
    return [
        f"Cards expected with the target {_target(rate.profile)}, judged as of {as_of.isoformat(timespec='minutes')}",
        f"{evaluated}, {without} without an infliximab order; {rate.orders} orders judged",
    ]


def _cards(rate: Rate) -> list[str]:
    shown = Counter[str]()
    for outcome, number in rate.outcomes.items():
        shown[outcome.name] += number if outcome.indicator else 0
    kinds = [kind for kind, number in shown.most_common() if number]
    rows = [_row(kind, [rate.outcomes[Outcome(kind, indicator)] for indicator in COLUMNS], rate) for kind in kinds]
    return [_columns("Leading advice"), *rows, _together("any card", rate)]


def _comparison(rates: Sequence[Rate]) -> list[str]:
    return [_columns("By target profile"), *(_together(_target(rate.profile), rate) for rate in rates)]


def _columns(title: str) -> str:
    return f"{title:<44}{'warning':>9}{'info':>9}{'cards':>9}{'of orders':>11}"


def _together(name: str, rate: Rate) -> str:
    return _row(name, [rate.cards(indicator) for indicator in COLUMNS], rate)


def _row(name: str, by_indicator: Sequence[int], rate: Rate) -> str:
    cells = "".join(f"{number:>9}" for number in (*by_indicator, sum(by_indicator)))
    return f"{name:<44}{cells}{_share(sum(by_indicator), rate.orders):>11}"


def _silence(rate: Rate) -> list[str]:
    silent = [(outcome.name, n) for outcome, n in rate.outcomes.most_common() if outcome.indicator is None]
    rows = [f"{name:<71}{number:>9}{_share(number, rate.orders):>11}" for name, number in silent]
    return [f"{'No card, because':<71}{'orders':>9}{'of orders':>11}", *rows] if rows else []


def _refusals(judged: Sequence[JudgedFile]) -> list[str]:
    """One line for each reason, with the first file; numbers inside (sizes, positions) make no other reason."""
    reasons: dict[str, list[JudgedFile]] = {}
    for file in judged:
        if file.refusal is not None:
            reasons.setdefault(re.sub(r"\d+", "", file.refusal), []).append(file)
    rows = [
        f"{len(files):>6}  {_printable(files[0].refusal or '')} ({_printable(files[0].name)}"
        + (f" and {len(files) - 1} more)" if len(files) > 1 else ")")
        for files in sorted(reasons.values(), key=len, reverse=True)
    ]
    return ["Not evaluable", *rows] if rows else []


def _target(profile: str) -> str:
    chosen = target(profile)
    span = f"{chosen.low:g} to {chosen.high:g}" if chosen.high is not None else f"{chosen.low:g} or more"
    return f"{profile} ({span} µg/mL)"


def _share(number: int, of: int) -> str:
    return f"{100 * number / of:.1f} %" if of else "-"


def _printable(text: str) -> str:
    """Text of a file or of its name, safe for any terminal and on one line."""
    return "".join(sign if sign.isprintable() else "?" for sign in text)
