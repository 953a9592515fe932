"""The JSON gate: bytes in, plain values out, or a BadHookRequest that names the place.

Question: is this body small, shallow and unambiguous enough to be read at all?
Source: RFC 8259; CDS Hooks 2.0.1 (JSON over HTTPS); OWASP ASVS 5.0 V1.5.3 (duplicate keys), V2.2 (limits).
"""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from cds_service.errors import BadHookRequest, RequestTooLarge

MAX_DEPTH = 64
MAX_NODES = 50_000
MAX_STRING = 64 * 1024  # characters
MAX_DIGITS = 20
MAX_EXPONENT = 12

_CONTAINERS = (dict, list)
_NUMBER = re.compile(r"-?(\d+)(?:\.(\d+))?(?:[eE]([+-]?\d{1,4}))?", re.ASCII)


@dataclass(frozen=True, slots=True)
class _Refused:
    """Stands in the document where something was that we do not accept, so that its place can be named."""

    why: str


@dataclass(slots=True)
class _Reader:
    """Hooks of the standard parser; `refused` counts what they did not accept."""

    refused: list[_Refused] = field(default_factory=list)

    def refuse(self, why: str) -> Any:
        self.refused.append(_Refused(why))
        return self.refused[-1]

    def read_integer(self, text: str) -> Any:
        # Twenty digits are far beyond any measured value and keep int() from becoming slow.
        return int(text) if len(text) <= MAX_DIGITS else self.refuse(f"a number of at most {MAX_DIGITS} digits")

    def read_decimal(self, text: str) -> Any:
        match = _NUMBER.fullmatch(text)
        if match is None or abs(int(match[3] or 0)) > MAX_EXPONENT:
            return self.refuse(f"a number with an exponent between -{MAX_EXPONENT} and {MAX_EXPONENT}")
        if len(match[1]) + len(match[2] or "") > MAX_DIGITS:
            return self.refuse(f"a number of at most {MAX_DIGITS} digits")
        return float(text)

    def read_constant(self, _text: str) -> Any:
        return self.refuse("a finite number, NaN and Infinity are not JSON")

    def read_object(self, pairs: list[tuple[str, Any]]) -> Any:
        members = dict(pairs)
        if len(members) == len(pairs):
            return members
        keys = [key for key, _ in pairs]
        twice = next(key for key in keys if keys.count(key) > 1)
        return self.refuse(f"each member once, got {twice[:40]!r} twice")


def read_json(body: bytes, max_bytes: int) -> Any:
    """The parsed document: dict, list, str, int, float, bool or None.

    Raises RequestTooLarge above `max_bytes` and BadHookRequest for anything that is not plain, unambiguous
    JSON in UTF-8: nesting over 64, over 50,000 values, strings over 64 K characters, duplicate members,
    NaN or Infinity, numbers of more than 20 digits or with an exponent beyond 12.
    """
    if len(body) > max_bytes:
        raise RequestTooLarge(f"body: at most {max_bytes} bytes expected, got {len(body)}")
    reader = _Reader()
    text = _decode(body)
    document = _parse(text, reader)
    if reader.refused:
        first = reader.refused[0]
        raise BadHookRequest(f"{_place_of(document, first)}: {first.why} expected")
    _check_shape(document)
    if _may_hold_long_string(text):
        _check_lengths(document)
    if b"\\u" in body:
        _check_characters(document)
    return document


def _decode(body: bytes) -> str:
    try:
        return body.decode("utf-8")
    except UnicodeDecodeError as error:
        raise BadHookRequest(f"body: UTF-8 expected, byte {error.start} is not") from error


def _parse(text: str, reader: _Reader) -> Any:
    try:
        return json.loads(
            text,
            parse_int=reader.read_integer,
            parse_float=reader.read_decimal,
            parse_constant=reader.read_constant,
            object_pairs_hook=reader.read_object,
        )
    except json.JSONDecodeError as error:
        where = f"line {error.lineno}, column {error.colno}"
        raise BadHookRequest(f"body: JSON expected, {where}: {error.msg}") from error
    except RecursionError as error:
        raise BadHookRequest(f"body: nesting of at most {MAX_DEPTH} levels expected") from error


def _check_shape(document: Any) -> None:
    level = [document] if document.__class__ in _CONTAINERS else []
    depth, nodes = 0, 1
    while level:
        depth += 1
        nodes += sum(map(len, level))
        if depth > MAX_DEPTH:
            raise BadHookRequest(f"body: nesting of at most {MAX_DEPTH} levels expected")
        if nodes > MAX_NODES:
            raise BadHookRequest(f"body: at most {MAX_NODES} values expected")
        level = [
            child
            for node in level
            for child in (node.values() if node.__class__ is dict else node)
            if child.__class__ in _CONTAINERS
        ]


def _may_hold_long_string(text: str) -> bool:
    # Fast and never wrongly False: a quote inside a string is always escaped.
    return len(text) > MAX_STRING and max(map(len, text.replace('\\"', "  ").split('"'))) > MAX_STRING


def _check_lengths(document: Any) -> None:
    for place, value in _walk(document, ""):
        if isinstance(value, str) and len(value) > MAX_STRING:
            raise BadHookRequest(f"{place}: at most {MAX_STRING} characters expected, got {len(value)}")


def _check_characters(document: Any) -> None:
    # An escaped lone surrogate parses, but no UTF-8 answer, URL or log line could carry it.
    for place, value in _walk(document, ""):
        if isinstance(value, str) and not value.isascii() and any("\ud800" <= sign <= "\udfff" for sign in value):
            raise BadHookRequest(f"{place or 'body'}: characters expected, got half of a surrogate pair")


def _place_of(document: Any, wanted: object) -> str:
    return next((place for place, value in _walk(document, "") if value is wanted), "") or "body"


def _walk(node: Any, place: str) -> Iterator[tuple[str, Any]]:
    """Every value and member name with its place, such as `prefetch.weight.entry[3].resource`."""
    pending = [(place, node)]
    while pending:
        here, value = pending.pop()
        yield here, value
        if isinstance(value, dict):
            pending.extend((f"{here}.{name[:40]}".lstrip("."), child) for name, child in value.items())
            pending.extend((f"{here} (member name)".strip(), name) for name in value)
        elif isinstance(value, list):
            pending.extend((f"{here}[{index}]", child) for index, child in enumerate(value))
