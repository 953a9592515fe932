"""The same synthetic child for every EHR profile: what discovery tells, and the answer on each hook that is on.

The preference keys and reason codes of the hospitals here are invented.
"""

import json
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType

from cards.form import CardForm
from cards.write import write_cards
from cds_service.app import create_app
from cds_service.site.ehr import EhrSection, OwnReason
from cds_service.site.settings import Settings
from tests.cards.assessments import DRAFT, LOW_TROUGH

GOLDEN = Path(__file__).with_name("golden-profiles")
OWN_REASONS = MappingProxyType(
    {
        "decided-at-visit": OwnReason(system="urn:example:acknowledgement", code="1021"),
        "data-wrong": OwnReason(system="urn:example:acknowledgement", code="1022", display="Chart is wrong"),
    }
)

SITES: Mapping[str, EhrSection] = MappingProxyType(
    {
        "generic": EhrSection(),
        "epic": EhrSection(
            profile="epic",
            preference_keys={"6": "SYNTHETIC-IFX-Q6W", "4": "SYNTHETIC-IFX-Q4W"},
            override_reasons=dict(OWN_REASONS),
        ),
        "oracle-health": EhrSection(profile="oracle-health"),
        "sandbox": EhrSection(profile="sandbox"),
        "hapi": EhrSection(profile="hapi"),
    }
)

Json = dict[str, object]


def form_of(name: str) -> CardForm:
    return SITES[name].card_form()


def discovery_of(name: str) -> Json:
    answer: Json = create_app(Settings(ehr=SITES[name])).test_client().get("/cds-services").get_json()
    return answer


def cards_of(name: str, hook: str) -> list[Json]:
    """The child with the low trough, as this profile's EHR receives the answer."""
    draft = None if hook == "patient-view" else DRAFT
    return [card.to_json() for card in write_cards(LOW_TROUGH, hook=hook, draft=draft, form=form_of(name))]


def answers_of(name: str) -> Json:
    hooks = [service.hook for service in SITES[name].services()]
    return {"discovery": discovery_of(name), **{hook: {"cards": cards_of(name, hook)} for hook in hooks}}


def as_json(document: Json) -> str:
    return json.dumps(document, ensure_ascii=False, indent=2) + "\n"


def update_golden() -> None:
    GOLDEN.mkdir(exist_ok=True)
    for old in GOLDEN.iterdir():
        old.unlink()
    for name in SITES:
        (GOLDEN / f"{name}.json").write_text(as_json(answers_of(name)), encoding="utf-8")
