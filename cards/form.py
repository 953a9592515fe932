"""The form in which one EHR takes a card: how a suggestion is given, under which topic, with which reasons.

Question: what of a card may differ between hospitals? Only what stands here; advice, severity and words never do.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from types import MappingProxyType
from typing import Literal

from cards.card import Coding, SelectionBehavior, Source
from cards.wording import load_wording

SuggestionForm = Literal["update", "create", "text"]


@dataclass(frozen=True, slots=True)
class CardForm:
    """How a card is given.

    `suggestions`: `update` changes the draft, `create` adds an order of the hospital's own list, `text` is the card
    alone. `preference_keys` names that order by interval (weeks), in the code system `preference_system`; an interval
    without a key gets text.
    """

    source: Source
    override_reasons: tuple[Coding, ...]
    suggestions: SuggestionForm = "update"
    selection_behavior: SelectionBehavior = "at-most-one"
    preference_system: str = ""
    preference_keys: Mapping[int, str] = field(default_factory=lambda: MappingProxyType({}))

    def listed_order(self, interval_weeks: float) -> tuple[str, str] | None:
        """Code system and key of the hospital's order for exactly this interval; None where it has none."""
        key = next((key for weeks, key in self.preference_keys.items() if weeks == interval_weeks), None)
        return (self.preference_system, key) if key else None


@cache
def standard_form() -> CardForm:
    """CDS Hooks 2.0.1 as written, with our own topic and reasons."""
    wording = load_wording()
    return CardForm(wording.source, wording.override_reasons)
