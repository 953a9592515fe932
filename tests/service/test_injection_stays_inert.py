"""T12: whatever stands in a string of the chart or of the draft, a card that is rendered shows text and nothing else.

The whole path, from the hook request to HTML. A suggestion's resource is the EHR's own draft, returned as data: only
what is shown is looked at.
"""

import copy
import json
import re
from collections.abc import Iterator
from itertools import product
from typing import Any

import pytest
from flask.testing import FlaskClient
from markdown_it import MarkdownIt

from cds_service import patients
from cds_service.app import create_app
from cds_service.hooks import clock
from cds_service.site.settings import Settings

SIGN = "/cds-services/infliximab-order-sign"
MARKDOWN = MarkdownIt("commonmark", {"html": True}).enable(["table", "strikethrough"])
CHILDREN = ("low-trough", "unmapped-codes", "unknown-unit", "severe-reaction", "procedure-by-name")
ATTACKS = (
    "<script>alert(1)</script>", "<img src=x onerror=alert(1)>", "<svg/onload=alert(1)>",
    "<a href='javascript:x'>go</a>",
    "</div><iframe src=//evil.example>", "<!-- hidden", "<![CDATA[x]]>", "&lt;b&gt;&#60;b&#62;", "<b", "a < b > c",
    "[click](javascript:alert(1))", "[click](data:text/html,x)",
    "![x](https://evil.example/p.png)", "[x]: https://evil.example",
    "[x][1]\n\n[1]: https://evil.example", "<https://evil.example>", "https://evil.example/?q=1", "www.evil.example",
    "mailto:evil@evil.example", "**bold** __bold__ *it* _it_ ~~gone~~", "`code` ``two`` ```three", "```\nfence\n```",
    "# head", "\n\n# head\n\n", "> quote", "- item\n- item", "1. item", "***",
    "| a | b |\n|---|---|\n| c | d |", "a|b|c",
    "\u202egnp.exe", "\u2066x\u2069", "zero\u200bwidth\u200d\ufeff", "\u00adsoft",
    "line\u2028sep\u2029para", "\x1b[31mred\x07",
    "tab\ttab\r\nline", "\\[x\\](y)", "\\<b\\>", "{{7*7}}${7*7}", "' OR 1=1 --", "\U000e0041tag",
)  # fmt: skip
FORMS = ("{}", "infliximab {}", "{} ug/mL", "x" * 300 + "{}", "{}" * 3)
PAYLOADS = [form.replace("{}", attack) for attack, form in product(ATTACKS, FORMS)]
WORDS = {"text", "display", "unit", "div", "family", "description", "name", "valueString", "title", "comment"}


@pytest.fixture(scope="module")
def service() -> FlaskClient:
    return create_app(Settings.model_validate({"policy": {"forecast": False}})).test_client()


@pytest.fixture(scope="module")
def requests() -> list[Any]:
    known = [name for name in CHILDREN if name in patients.names()]
    return [patients.hook_request(patients.load(name), "order-sign", clock.now()) for name in known]


def _fields(part: Any, path: str = "") -> Iterator[tuple[Any, Any, str]]:
    """Every string of a document: its holder, its key there, and its path without positions."""
    rows = part.items() if isinstance(part, dict) else enumerate(part)
    for key, value in rows:
        below = path if isinstance(key, int) else f"{path}.{key}"
        if isinstance(value, str):
            yield part, key, below
        elif isinstance(value, dict | list):
            yield from _fields(value, below)


def _strings(request: Any) -> Iterator[tuple[Any, Any, str]]:
    """The strings of the chart and of the draft."""
    for part in (request["prefetch"], request["context"]["draftOrders"]):
        yield from _fields(part)


def _shown(card: Any) -> Iterator[str]:
    yield card["summary"]
    yield card["source"]["label"]
    for suggestion in card.get("suggestions", ()):
        yield suggestion["label"]
        yield from (action["description"] for action in suggestion["actions"])
    yield from (reason["display"] for reason in card.get("overrideReasons", ()))


def _tokens(detail: str) -> Iterator[Any]:
    for token in MARKDOWN.parse(detail):
        yield token
        yield from token.children or ()


def _is_inert(service: FlaskClient, request: Any, links: frozenset[str], kinds: frozenset[str]) -> int:
    response = service.post(SIGN, json=request)
    assert response.status_code in (200, 400, 412), response.get_data(as_text=True)
    cards = json.loads(response.data).get("cards", ())
    for card in cards:
        detail = card.get("detail", "")
        assert {t.attrs.get("href") for t in _tokens(detail) if t.type == "link_open"} <= links
        assert {token.type for token in _tokens(detail)} <= kinds
        html = MARKDOWN.render(detail)
        assert not re.search(r"<(?!/?(p|ul|ol|li|strong|em|table|thead|tbody|tr|th|td|br|hr|h\d|a)\b)", html)
        assert len(card["summary"]) < 140
        for text in (detail, *_shown(card)):
            assert not re.search(r"(?<!\\)<[A-Za-z/!?]|(?<!\\)\]\(|(https?://|\bwww\.)evil", text), text
            assert all(sign == "\n" or sign.isprintable() for sign in text)
    return len(cards)


@pytest.fixture(scope="module")
def harmless(service: FlaskClient, requests: list[Any]) -> tuple[frozenset[str], frozenset[str]]:
    """The links and the kinds of marks of the same cards as they are without an attack."""
    answers = [service.post(SIGN, json=request).get_json()["cards"] for request in requests]
    tokens = [token for cards in answers for card in cards for token in _tokens(card.get("detail", ""))]
    links = frozenset(str(token.attrs["href"]) for token in tokens if token.type == "link_open")
    return links, frozenset(token.type for token in tokens) | {"text_special", "softbreak"}


def test_t12_two_hundred_payloads_in_every_wording_of_the_chart_stay_text(
    service: FlaskClient, requests: list[Any], harmless: Any
) -> None:
    assert len(PAYLOADS) >= 200
    shown = 0
    for number, payload in enumerate(PAYLOADS):
        request = copy.deepcopy(requests[number % len(requests)])
        for holder, key, _ in list(_strings(request)):
            if key in WORDS or (isinstance(key, int) and len(holder[key]) > 3):
                holder[key] = payload
        shown += _is_inert(service, request, *harmless)
    assert shown > len(PAYLOADS) / 2  # most of them did reach a card


def test_t12_any_payload_in_any_one_string_stays_text(service: FlaskClient, requests: list[Any], harmless: Any) -> None:
    paths = sorted({path for request in requests for *_, path in _strings(request)})
    assert len(paths) > 60
    for number, path in enumerate(paths):
        changed = copy.deepcopy(next(r for r in requests if path in {found for *_, found in _strings(r)}))
        for holder, key, found in list(_strings(changed)):
            if found == path:
                holder[key] = PAYLOADS[(number * 7) % len(PAYLOADS)]
        _is_inert(service, changed, *harmless)
