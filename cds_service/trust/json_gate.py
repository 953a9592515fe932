"""The JSON gate: bytes in, plain values out, or a BadHookRequest that names the place.

Question: is this body small, shallow and unambiguous enough to be read at all?
Source: RFC 8259; CDS Hooks 2.0.1 (JSON over HTTPS); OWASP ASVS 5.0 V1.5.3 (duplicate keys), V2.2 (limits).

A body is read once, and a few scans of its bytes prove that it keeps every bound. Only where they cannot prove it,
the body is read again with care, which accepts it or names the place of the refusal.
"""

import json
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from cds_service.errors import BadHookRequest, RequestTooLarge
from cds_service.trust.json_proof import MAX_DEPTH, MAX_NODES, MAX_STRING, keeps_every_bound

MAX_DIGITS = 20
MAX_EXPONENT = 12

_CONTAINERS = (dict, list)
_NUMBER = re.compile(r"-?(\d+)(?:\.(\d+))?(?:[eE]([+-]?\d{1,4}))?", re.ASCII)


def read_json(body: bytes, max_bytes: int) -> Any:
    """The parsed document: dict, list, str, int, float, bool or None.

    Raises RequestTooLarge above `max_bytes` and BadHookRequest for anything that is not plain, unambiguous
    JSON in UTF-8: nesting over 64, over 50,000 values, strings over 64 K characters, duplicate members,
    NaN or Infinity, numbers of more than 20 digits or with an exponent beyond 12.
    """
    if len(body) > max_bytes:
        raise RequestTooLarge(f"body: at most {max_bytes} bytes expected, got {len(body)}")
    text = _decode(body)
    objects: list[dict[str, Any]] = []

    def note(members: dict[str, Any]) -> dict[str, Any]:
        objects.append(members)
        return members

    try:
        document = json.loads(
            text, object_hook=note, parse_int=_integer, parse_float=_decimal, parse_constant=_constant
        )
    except (ValueError, RecursionError):
        return _read_with_care(text)
    surely_plain = keeps_every_bound(body, sum(map(len, objects)))
    return document if surely_plain else _read_with_care(text)


def _decode(body: bytes) -> str:
    try:
        return body.decode("utf-8")
    except UnicodeDecodeError as error:
        raise BadHookRequest(f"body: UTF-8 expected, byte {error.start} is not") from error


def _integer(text: str) -> int:
    # Twenty digits are far beyond any measured value and keep int() from becoming slow.
    if len(text) > MAX_DIGITS:
        raise ValueError(f"a number of at most {MAX_DIGITS} digits")
    return int(text)


def _decimal(text: str) -> float:
    if len(text) <= MAX_DIGITS and "e" not in text and "E" not in text:
        return float(text)
    match = _NUMBER.fullmatch(text)
    if match is None or abs(int(match[3] or 0)) > MAX_EXPONENT:
        raise ValueError(f"a number with an exponent between -{MAX_EXPONENT} and {MAX_EXPONENT}")
    if len(match[1]) + len(match[2] or "") > MAX_DIGITS:
        raise ValueError(f"a number of at most {MAX_DIGITS} digits")
    return float(text)


def _constant(_text: str) -> Any:
    raise ValueError("a finite number, NaN and Infinity are not JSON")


@dataclass(frozen=True, slots=True)
class _Refused:
    """Stands in the document where something was that we do not accept, so that its place can be named."""

    why: str


def _read_with_care(text: str) -> Any:
    """The document after every bound was checked value by value. Raises BadHookRequest naming the place."""
    refused: list[_Refused] = []
    document = _parse(text, refused)
    if refused:
        raise BadHookRequest(f"{_place_of(document, refused[0])}: {refused[0].why} expected")
    _check_shape(document)
    _check_strings(document)
    return document


def _parse(text: str, refused: list[_Refused]) -> Any:
    def noting(read: Callable[[Any], Any]) -> Callable[[Any], Any]:
        def read_or_note(part: Any) -> Any:
            try:
                return read(part)
            except ValueError as error:
                refused.append(_Refused(str(error)))
                return refused[-1]

        return read_or_note

    try:
        return json.loads(
            text,
            parse_int=noting(_integer),
            parse_float=noting(_decimal),
            parse_constant=noting(_constant),
            object_pairs_hook=noting(_object),
        )
    except json.JSONDecodeError as error:
        where = f"line {error.lineno}, column {error.colno}"
        raise BadHookRequest(f"body: JSON expected, {where}: {error.msg}") from error
    except RecursionError as error:
        raise BadHookRequest(f"body: nesting of at most {MAX_DEPTH} levels expected") from error


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members = dict(pairs)
    if len(members) == len(pairs):
        return members
    keys = [key for key, _ in pairs]
    twice = next(key for key in keys if keys.count(key) > 1)
    raise ValueError(f"each member once, got {twice[:40]!r} twice")


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


def _check_strings(document: Any) -> None:
    strings = [(place, value) for place, value in _walk(document, "") if isinstance(value, str)]
    for place, value in strings:
        if len(value) > MAX_STRING:
            raise BadHookRequest(f"{place}: at most {MAX_STRING} characters expected, got {len(value)}")
    # An escaped lone surrogate parses, but no UTF-8 answer, URL or log line could carry it.
    for place, value in strings:
        if not value.isascii() and any("\ud800" <= sign <= "\udfff" for sign in value):
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
