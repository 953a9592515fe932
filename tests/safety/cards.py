"""The card of a synthetic chart, as the tests of safety read it."""

from cards.card import Card
from cards.write import write_cards
from cds_service.clinical.assessment import Assessment
from tests.cards.assessments import DRAFT


def card_of(assessment: Assessment, hook: str = "order-sign") -> Card:
    """The one card; a test that expects silence does not ask for it."""
    (card,) = write_cards(assessment, hook=hook, draft=DRAFT)
    return card


def detail(assessment: Assessment, hook: str = "order-sign") -> str:
    return str(card_of(assessment, hook).detail)


def section(assessment: Assessment, title: str) -> str:
    """One part of the detail, from its title to the next."""
    return detail(assessment).split(f"**{title}**", 1)[1].split("\n\n**", 1)[0]


def kinds(assessment: Assessment) -> list[str]:
    return [entry.kind.value for entry in assessment.advice]


def offers_more(assessment: Assessment) -> list[str]:
    """Every way in which the service would ask for more drug: entries, buttons, and options on the card."""
    cards = write_cards(assessment, hook="order-sign", draft=DRAFT)
    return [
        *(entry.kind.value for entry in assessment.advice if entry.kind.intensifies),
        *(suggestion.label for card in cards for suggestion in card.suggestions),
        *(line for card in cards for line in str(card.detail).splitlines() if line.startswith("   | Shorter interval")),
    ]
