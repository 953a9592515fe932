"""The facts and the conclusion of a worked case in words, the same for a reader of the page and of a failed test.

What the usual child and the case share is not told again; the page tells the usual child once.
"""

from collections.abc import Iterator, Sequence
from itertools import groupby

from cds_service.clinical.assessment import Assessment
from cds_service.clinical.knowledge import assays, stops
from tests.clinical.charts import UNITS
from tests.spec.case import USUAL_INFUSIONS, USUAL_ORDER, USUAL_RESULTS, Case
from tests.spec.conclusion import differences
from tests.spec.drawing import draw
from tests.spec.facts import Antibody, Coded, Done, Found, Given, Level, Order, Result, name_of
from tests.spec.verdict import tell_conclusion

SIGNS = {"ug/g": "µg/g", "{score}": "", "10*9/L": "×10⁹/L"}
NO_TIME = ", without a time of day"


def tell_case(case: Case, assessment: Assessment) -> str:
    """The whole paragraph as text: drawing, facts, what should be concluded, and what was not."""
    wrong = [f"NOT SO {line}" for line in differences(case.concludes, assessment)]
    return "\n".join([case.title, draw(case), tell_facts(case), tell_conclusion(case.concludes, assessment), *wrong])


def tell_facts(case: Case) -> str:
    """The facts by which the child differs from the usual one, and always the levels."""
    return " ".join(f"{fact[0].upper()}{fact[1:]}." for fact in (*_child(case), *_treatment(case), *_draft(case)))


def _child(case: Case) -> Iterator[str]:
    if case.age != "12 years":
        yield "the birth date is not known" if case.age == "unknown" else f"the child is {case.age} old"
    if case.weights is not None:
        told = _and([f"{weighed.kg:g} kg ({when(weighed.before)})" for weighed in case.weights])
        yield f"weight {told}" if told else "no weight on record"
    if case.crohns != "active":
        yield f"Crohn's disease is {'in remission' if case.crohns == 'remission' else 'not coded'}"
    if case.conditions:
        yield f"also coded: {_and([_coded(entry) for entry in case.conditions])}"
    if case.procedures:
        yield f"on record: {_and([_done(entry) for entry in case.procedures])}"
    if case.reaction:
        yield f"a {case.reaction} reaction to infliximab is on record"


def _treatment(case: Case) -> Iterator[str]:
    if case.infusions is not USUAL_INFUSIONS:
        yield f"infusions: {'; '.join(tell_infusions(case.infusions)) or 'none on record'}"
    for drug in case.drugs:
        until = "" if drug.until == "unknown" else f" until {drug.until}"
        yield f"{drug.drug.replace('_', ' ')} from {drug.since}{until} before the visit"
    yield " and ".join(_level(level) for level in case.levels) or "no level on record"
    if case.antibodies is not None:
        yield _and([tell_antibody(antibody) for antibody in case.antibodies]) or "no antibody measured"
    if case.results is not USUAL_RESULTS:
        yield _and([tell_result(result) for result in case.results]) or "no CRP, calprotectin or SES-CD on record"
    if case.findings:
        yield _and([_found(finding) for finding in case.findings])
    if case.unreadable:
        yield f"could not be read: {_and(case.unreadable)}"


def _draft(case: Case) -> Iterator[str]:
    if case.level_ordered:
        yield "a level is ordered"
    if case.order != USUAL_ORDER:
        yield (
            "no order is being written (patient-view)"
            if case.order == "none"
            else f"the draft: {tell_order(case.order)}"
        )
    for name, value in case.hospital.items():
        chosen = _and([str(item) for item in value]) if isinstance(value, tuple) else str(value).lower()
        yield f"the hospital's setting `{name}` is {chosen}"


def when(before: str) -> str:
    """A span in words of the visit."""
    return {"1 hour": "at the visit", "unknown": "without a date"}.get(before, f"{before} before the visit")


def _and(parts: Sequence[str]) -> str:
    return f"{', '.join(parts[:-1])} and {parts[-1]}" if len(parts) > 1 else "".join(parts)


def tell_infusions(infusions: Sequence[Given]) -> Iterator[str]:
    """Alike infusions together, in the order in which they were given."""
    for dose, alike in groupby(infusions, key=_dose):
        yield f"{dose} {_and(_in_weeks([given.before for given in alike]))} before the visit"


def _in_weeks(spans: Sequence[str]) -> Sequence[str]:
    """ "62, 60 and 56 weeks" where all are whole weeks."""
    if not all(span.split()[1:] in (["weeks"], ["week"]) for span in spans):
        return spans
    return [*(span.split()[0] for span in spans[:-1]), spans[-1]]


def _dose(given: Given) -> str:
    mg = "dose not charted" if given.mg == "not charted" else f"{given.mg:g} mg"
    route = " under the skin" if given.route == "subcutaneous" else ""
    return f"{mg}{route}{', stopped,' if given.stopped else ''}{NO_TIME + ',' if given.day_only else ''}"


def _level(level: Level) -> str:
    at = f"{level.after} after the last infusion began" if level.after else when(level.before)
    value = "whose value could not be read" if level.value == "none" else f"{level.value} µg/mL"
    told = "level pending" if level.pending else f"level {value}"
    by = f" by {assays()[level.assay].title}" if level.assay != "not named" else ""
    return f"{told}{by} ({at}{NO_TIME if level.day_only else ''})"


def tell_antibody(antibody: Antibody) -> str:
    """One antibody result with its assay."""
    by = "an assay that is not named" if antibody.assay == "not named" else assays()[antibody.assay].title
    at = f" ({when(antibody.before)}{NO_TIME if antibody.day_only else ''})" if antibody.before else ""
    said = f", reported as {antibody.reported}" if antibody.reported else ""
    value = {"none": ""}.get(antibody.value, f" {antibody.value}")
    told = "antibody pending" if antibody.pending else f"antibody{value} by {by}"
    return f"{told}{said}{at}"


def tell_result(result: Result) -> str:
    """One result with its unit and time."""
    unit = SIGNS.get(UNITS[result.test], UNITS[result.test])
    limit = f"; upper limit {result.upper_limit:g}" if result.upper_limit else ""
    return f"{name_of(result.test)} {result.value}{' ' if unit else ''}{unit} ({when(result.before)}{limit})"


def _coded(entry: Coded) -> str:
    concept = entry.condition.removeprefix("stop.")
    label = stops()[concept].coded_label if concept in stops() else concept.split(".")[-1].replace("_", " ")
    state = ("" if entry.state == "active" else f", {entry.state}") + ("" if entry.confirmed else ", not confirmed")
    return f"{label}{state} ({'no date' if entry.recorded == 'unknown' else 'recorded ' + when(entry.recorded)})"


def _found(finding: Found) -> str:
    sign = {"neither": "neither positive nor negative"}.get(finding.sign, finding.sign)
    return f"{name_of(finding.test)} {sign}{', not final' if finding.pending else ''} ({when(finding.before)})"


def _done(entry: Done) -> str:
    return f"{entry.procedure} ({when(entry.before)})"


def tell_order(order: Order) -> str:
    """The draft in words."""
    every = "no interval stated" if order.every == "not stated" else f"every {order.every}"
    route = ", under the skin" if order.route == "subcutaneous" else ""
    reason = f", for {order.reason.split('.')[-1].replace('_', ' ')}" if order.reason else ""
    return f"{order.dose} {every}{route}{reason}"
