"""The button: the same order with another interval, and nothing else changed that still holds.

Question: how does the EHR's own order look with the interval that the team may consider?
Source: CDS Hooks 2.0.1 (an update carries the whole resource), FHIR R4 Timing.repeat. Only days and weeks are read:
8 weeks are 56 days, a month is not four weeks. Where the order could be meant otherwise there is no button.
Where an EHR cannot change a draft, an order of the hospital's own list is offered instead, under the same conditions.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

from cards import phrases
from cards.card import Action, Suggestion
from cards.markdown import plain

Resource = dict[str, object]
Check = Callable[[object], object]

DAYS_PER_UNIT: Mapping[str, int] = {"d": 1, "wk": 7}
# A schedule that says one of these is a range, or is not all said in the number: only its author can change it.
_OTHER_MEANINGS = frozenset({"periodMax", "frequencyMax", "_period", "_periodUnit", "modifierExtension"})


@dataclass(frozen=True, slots=True)
class _Schedule:
    """Where an order says how often: `holder` is the dosage instruction, or the ServiceRequest itself."""

    holder: Resource
    timing: Resource
    repeat: Resource

    @property
    def weeks(self) -> float:
        return (_number(self.repeat["period"]) or 0) * self.days_per_unit / 7

    @property
    def days_per_unit(self) -> int:
        return DAYS_PER_UNIT[str(self.repeat["periodUnit"])]


@dataclass(frozen=True, slots=True)
class _Change:
    """A copy of the draft whose interval may be changed with certainty: to `period`, in the unit of `schedule`."""

    order: Resource
    schedule: _Schedule
    period: int


def suggest(draft: Mapping[str, object], interval_weeks: float) -> Suggestion | None:
    """An update of the draft with this interval (weeks), or None where that would not be certain.

    The draft stays as it is. Needs an `id` and exactly one structured schedule, once every n days or weeks, longer
    than `interval_weeks`. Free text that would contradict is replaced or left out, and the description says so.
    """
    change = _find_change(draft, interval_weeks)
    if change is None:
        return None
    order, schedule, former = change.order, change.schedule, phrases.every(change.schedule.weeks)
    schedule.repeat["period"] = change.period
    notes = _settle_text(order, schedule, interval_weeks)
    said = f"Change interval from {former} to {phrases.every(interval_weeks)}; dose unchanged"
    return _button(interval_weeks, Action("update", "; ".join((said, *notes)), resource=order))


def suggest_listed(draft: Mapping[str, object], interval_weeks: float, system: str, key: str) -> Suggestion | None:
    """A new order by its key on the hospital's preference list, or None where an update would not be certain either.

    For a MedicationRequest that names its patient. The new order is a proposal without dose and interval of ours: the
    EHR takes both from the list (Epic, CDS Hooks documentation). The draft stays, and the description says so.
    """
    change = _find_change(draft, interval_weeks)
    subject = draft.get("subject")
    if change is None or draft.get("resourceType") != "MedicationRequest" or not isinstance(subject, dict):
        return None
    every = phrases.every(interval_weeks)
    order: Resource = {
        "resourceType": "MedicationRequest",
        "status": "draft",
        "intent": "proposal",
        "medicationCodeableConcept": {"coding": [{"system": system, "code": key}], "text": f"Infliximab {every}"},
        "subject": change.order["subject"],
    }
    if isinstance(draft.get("category"), list):
        order["category"] = change.order["category"]
    said = (
        f"Add the order for infliximab {every} from this hospital's list; product, dose and interval come from that "
        f"list, check them; the present order ({phrases.every(change.schedule.weeks)}) stays, remove it"
    )
    return _button(interval_weeks, Action("create", said, resource=order))


def _button(interval_weeks: float, action: Action) -> Suggestion:
    every = phrases.every(interval_weeks)
    return Suggestion(label=every[0].upper() + every[1:], actions=(action,))


def _find_change(draft: Mapping[str, object], interval_weeks: float) -> _Change | None:
    """What would be changed in a copy of the draft; None where the order could be meant otherwise."""
    order: Resource = _copy(dict(draft))
    schedule = _find_schedule(order)
    if schedule is None or not isinstance(order.get("id"), str):
        return None
    period = interval_weeks * 7 / schedule.days_per_unit
    if not (schedule.weeks > interval_weeks and period.is_integer()):
        return None
    fits = _holds_as_fhir(period=int(period), periodUnit=schedule.repeat["periodUnit"])
    return _Change(order, schedule, int(period)) if fits else None


def _copy(value: Any) -> Any:
    """The same JSON again, so that the draft of the EHR stays as it is."""
    if isinstance(value, dict):
        return {name: _copy(member) for name, member in value.items()}
    return [_copy(item) for item in value] if isinstance(value, list) else value


def _find_schedule(order: Resource) -> _Schedule | None:
    """The one schedule of the order that says nothing but once every n days or weeks, and more than one infusion."""
    holder = _holder(order)
    if holder is None or "modifierExtension" in order or "modifierExtension" in holder:
        return None
    timing = holder.get("occurrenceTiming" if holder is order else "timing")
    repeat = timing.get("repeat") if isinstance(timing, dict) else None
    if not isinstance(timing, dict) or not isinstance(repeat, dict) or {"event", "modifierExtension"} & set(timing):
        return None
    once = _number(repeat.get("frequency", 1)) == 1 and repeat.get("periodUnit") in ("d", "wk")
    goes_on = _number(repeat.get("count")) != 1
    clear = once and goes_on and _number(repeat.get("period")) is not None and not _OTHER_MEANINGS & set(repeat)
    return _Schedule(holder, timing, repeat) if clear else None


def _holder(order: Resource) -> Resource | None:
    if order.get("resourceType") == "ServiceRequest":
        return order
    instructions = order.get("dosageInstruction")
    if order.get("resourceType") != "MedicationRequest" or not isinstance(instructions, list):
        return None
    timed = [item for item in instructions if isinstance(item, dict) and item.get("timing") is not None]
    return timed[0] if len(timed) == 1 else None


def _number(value: object) -> float | None:
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else None


def _settle_text(order: Resource, schedule: _Schedule, weeks: float) -> list[str]:
    """Takes away the words that state the former schedule and tells which; dose and route are said anew."""
    holder, notes = schedule.holder, []
    if schedule.timing.pop("code", None) is not None:
        notes.append("schedule code removed")
    if holder is not order and holder.pop("text", None) is not None:
        said = _say_dosage(holder, weeks)
        notes.append(f"instruction text now “{said}”" if said else "instruction text removed")
        holder |= {"text": said} if said else {}
    if holder.pop("patientInstruction", None) is not None:
        notes.append("patient instruction removed")
    if order.pop("text", None) is not None:
        notes.append("narrative removed")
    for name in ("_text", "_patientInstruction"):
        holder.pop(name, None)
    if "dispenseRequest" in order:
        notes.append("supply left as ordered, check it")
    return notes


def _say_dosage(instruction: Resource, weeks: float) -> str | None:
    """Dose, route and interval in words, only where dose and route are structured."""
    dose, route = _dose(instruction.get("doseAndRate")), _route(instruction.get("route"))
    return f"{dose} {route} {phrases.every(weeks)}" if dose and route else None


def _dose(dose_and_rate: object) -> str | None:
    only = dose_and_rate[0] if isinstance(dose_and_rate, list) and len(dose_and_rate) == 1 else None
    quantity = only.get("doseQuantity") if isinstance(only, dict) else None
    if not isinstance(quantity, dict):
        return None
    value, unit = _number(quantity.get("value")), quantity.get("unit") or quantity.get("code")
    return f"{phrases.number(value)} {plain(unit)}" if value and isinstance(unit, str) else None


def _route(route: object) -> str | None:
    codings = route.get("coding") if isinstance(route, dict) else None
    first = codings[0] if isinstance(codings, list) and codings and isinstance(codings[0], dict) else {}
    said = (route.get("text") if isinstance(route, dict) else None) or first.get("display")
    return plain(said) if isinstance(said, str) else None


@cache
def load_timing_check() -> Check:
    """The FHIR model of a schedule. Takes 0.2 s and 16 MB once, so a server loads it before its first call."""
    from fhir.resources.R4B.timing import TimingRepeat

    return TimingRepeat.model_validate


def _holds_as_fhir(**repeat: object) -> bool:
    """Whether what we changed is FHIR; what the EHR sent besides is not ours to refuse."""
    try:
        load_timing_check()(repeat)
    except ValueError:
        return False
    return True
