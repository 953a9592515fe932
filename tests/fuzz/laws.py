"""Whether the answer to a mutant keeps its law, compared with the answer to the request that it was."""

import re
from collections.abc import Iterable, Iterator
from functools import cache, partial
from typing import Any

from markdown_it import MarkdownIt

from tests.fuzz.campaign import Broken, Tally, attack
from tests.fuzz.mutants import Mutant, mutant
from tests.fuzz.operators import Law
from tests.fuzz.service import Answer, Call, Json, Service

MARKDOWN = MarkdownIt("commonmark", {"html": True}).enable(["table", "strikethrough"])
TRICKS = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u200b-\u200f\u202a-\u202e\u2060-\u2069\ufeff]")
HTML = {"html_inline", "html_block", "image"}


def attack_charts(service: Service, numbers: Iterable[int]) -> Tally:
    """Make the mutants of these numbers and hold each answer to its law."""
    laws = Laws(service)

    def make(number: int) -> tuple[Call, Broken]:
        made = mutant(number)
        return made.call, partial(laws.broken, made)

    return attack(service, numbers, make)


class Laws:
    """Compares with originals, which are asked once, and again where something differs: it may be tomorrow by then."""

    def __init__(self, service: Service) -> None:
        self._ask = cache(lambda call: service.ask(call.service, call.body))

    def broken(self, mutant: Mutant, answer: Answer) -> Iterator[str]:
        """What an answer breaks of the mutant's law."""
        match mutant.law:
            case Law.REFUSED if answer.status != 400:
                yield f"{answer.status} instead of 400"
            case Law.ANOTHER_PATIENT if (answer.status, _code(answer)) != (412, "security"):
                yield f"{answer.status} instead of 412 because of another patient"
            case Law.SAME if answer.cards != self._ask(mutant.original).cards:
                self._ask.cache_clear()
                yield from _differences(self._ask(mutant.original).cards, answer.cards)
            case Law.INERT if found := _active(answer):
                own = _active(self._ask(mutant.original))
                yield from (f"{what} is in a card" for what in sorted(found - own))


def _code(answer: Answer) -> Any:
    return None if answer.status == 200 else answer.document["issue"][0]["code"]


def _active(answer: Answer) -> set[str]:
    """Whatever of the cards is more than text: HTML, images, the addresses of links, invisible signs."""
    return {found for card in answer.cards or () for found in _active_in(card)}


def _active_in(card: Json) -> Iterator[str]:
    for block in MARKDOWN.parse(card.get("detail", "")):
        for token in (block, *(block.children or ())):
            if token.type in HTML:
                yield f"{token.type} {token.content[:40]!r}"
            if token.type == "link_open":
                yield f"a link to {token.attrs['href']!r}"
    for text in _texts(card):
        yield from (f"the sign {sign!r}" for sign in TRICKS.findall(text))


def _texts(value: Any) -> Iterator[str]:
    """Every text of a card, but not of the order in its button, which is the EHR's own."""
    if isinstance(value, str):
        yield value
    for inner in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
        yield from _texts({**inner, "resource": None} if isinstance(inner, dict) else inner)


def _differences(before: Any, after: Any) -> Iterator[str]:
    if before != after:
        yield f"other cards: {_first_difference(before, after)}"


def _first_difference(before: Any, after: Any, where: str = "") -> str:
    if isinstance(before, dict) and isinstance(after, dict) and before.keys() == after.keys():
        key = next(key for key in before if before[key] != after[key])
        return _first_difference(before[key], after[key], f"{where}/{key}")
    if isinstance(before, list) and isinstance(after, list) and len(before) == len(after):
        place = next(n for n, (one, other) in enumerate(zip(before, after, strict=True)) if one != other)
        return _first_difference(before[place], after[place], f"{where}/{place}")
    if isinstance(before, str) and isinstance(after, str):
        start = next((n for n, (a, b) in enumerate(zip(before, after, strict=False)) if a != b), 0)
        before, after = before[max(0, start - 60) : start + 80], after[max(0, start - 60) : start + 80]
    return f"{where} was {before!r}, is {after!r}"
