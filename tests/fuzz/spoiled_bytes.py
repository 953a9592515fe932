"""Valid requests with their bytes spoiled: the seed alone says which child, which hook and what is done to it."""

import json
import random
import re
from collections.abc import Callable, Iterable, Sequence

from cds_service import patients
from tests.fuzz.campaign import Tally, attack
from tests.fuzz.service import SERVICES, Call, Service, hook_request

PIECES: tuple[bytes, ...] = (
    b'"', b"{", b"}", b"[", b"]", b":", b",", b"\\", b"null", b"true", b"{}", b"[]", b'""', b"NaN", b"-Infinity",
    b'"\\ud800"', b'"\\u0000"', b"\x00", b"\xff\xfe", b"\xed\xa0\x80", b"\xef\xbb\xbf", b"\xe2\x80\xae",
    b"/*", b"//", b"'", b"\r\n", b'"patientId":"another",', b'"resourceType":"Patient",',
)  # fmt: skip
NUMBERS: tuple[bytes, ...] = (
    b"0", b"-0", b"-1", b"1e5", b"1E-7", b"1e12", b"1e13", b"1e308", b"1e309", b"1e999999", b"-1e999999", b"01", b"1.",
    b".5", b"+1", b"0x10", b"NaN", b"Infinity", b"9" * 20, b"9" * 21, b"9" * 5_000, b"0." + b"3" * 30, b"true", b'"7"',
)  # fmt: skip
NUMBER = re.compile(rb"-?\d+(?:\.\d+)?")
STRING = re.compile(rb'(?<=[\[{,:\s])"[^"\\]*"')
VALUE = re.compile(rb'(?<=[:\[,])\s*(?:"[^"\\]*"|-?\d+(?:\.\d+)?|null|true|false)')
MOST_BYTES = 4_000_000

Chance = random.Random
Bodies = Sequence[tuple[str, bytes]]


def flip(chance: Chance, body: bytes, _others: Bodies) -> bytes:
    """A few bits the other way round."""
    spoiled = bytearray(body)
    for _ in range(chance.randint(1, 8)):
        spoiled[chance.randrange(len(body))] ^= 1 << chance.randrange(8)
    return bytes(spoiled)


def cut(chance: Chance, body: bytes, _others: Bodies) -> bytes:
    """A span left out."""
    start, end = _span(chance, body)
    return body[:start] + body[end:]


def insert(chance: Chance, body: bytes, _others: Bodies) -> bytes:
    """A piece of JSON, or of nothing, anywhere."""
    piece = chance.choice(PIECES) if chance.random() < 0.8 else chance.randbytes(chance.randint(1, 16))
    place = chance.randrange(len(body) + 1)
    return body[:place] + piece + body[place:]


def repeat(chance: Chance, body: bytes, _others: Bodies) -> bytes:
    """A span several times."""
    start, end = _span(chance, body)
    times = chance.choice((2, 2, 3, 10, 1_000))
    return body[:start] + body[start:end] * times + body[end:]


def splice(chance: Chance, body: bytes, others: Bodies) -> bytes:
    """A span replaced by one of another child's request, or of another hook's."""
    start, end = _span(chance, body)
    other = chance.choice(others)[1]
    first, last = _span(chance, other)
    return body[:start] + other[first:last] + body[end:]


def truncate(chance: Chance, body: bytes, _others: Bodies) -> bytes:
    """The end gone, or the beginning."""
    place = chance.randrange(len(body))
    return body[:place] if chance.random() < 0.8 else body[place:]


def number(chance: Chance, body: bytes, _others: Bodies) -> bytes:
    """A number replaced by a huge, tiny or impossible one."""
    return _replace(NUMBER, chance, body, chance.choice(NUMBERS))


def word(chance: Chance, body: bytes, _others: Bodies) -> bytes:
    """A member name or a text replaced by another one of the same body."""
    other = STRING.search(body, chance.randrange(len(body)))
    return _replace(STRING, chance, body, other[0] if other else b'""')


def nest(chance: Chance, body: bytes, _others: Bodies) -> bytes:
    """A value replaced by one inside many lists or objects, which may not be closed."""
    depth = chance.choice((1, 2, 60, 65, 1_000, 50_000))
    opened, closed = chance.choice(((b"[", b"]"), (b'{"a":', b"}"), (b"[", b"")))
    inner = VALUE.search(body, chance.randrange(len(body)))
    return _replace(VALUE, chance, body, opened * depth + (inner[0] if inner else b"0") + closed * depth)


OPERATORS: tuple[Callable[[Chance, bytes, Bodies], bytes], ...] = (
    flip, cut, insert, repeat, splice, truncate, number, word, nest,
)  # fmt: skip


def attack_bytes(service: Service, seeds: Iterable[int], bodies: Bodies) -> Tally:
    """Make the spoiled calls of these seeds; nothing is asked of an answer but its form."""
    return attack(service, seeds, lambda seed: (spoiled_call(seed, bodies), lambda _answer: ()))


def valid_bodies() -> Bodies:
    """The service and the body of every bundled child and hook, as an EHR would send them now."""
    return [
        (service, json.dumps(hook_request(child, hook)).encode())
        for child in patients.names()
        for hook, service in SERVICES.items()
    ]


def spoiled_call(seed: int, bodies: Bodies) -> Call:
    """One of the bodies after one to four operators."""
    chance = random.Random(seed)
    service, body = chance.choice(bodies)
    done = []
    for operator in chance.choices(OPERATORS, k=chance.choice((1, 1, 1, 2, 3, 4))):
        if 0 < len(body) < MOST_BYTES:
            body = operator(chance, body, bodies)
            done.append(operator.__name__)
    return Call(service, body[:MOST_BYTES], " ".join(done))


def _span(chance: Chance, body: bytes) -> tuple[int, int]:
    start = chance.randrange(len(body))
    return start, min(len(body), start + 2 ** chance.randrange(12))


def _replace(kind: re.Pattern[bytes], chance: Chance, body: bytes, by: bytes) -> bytes:
    found = kind.search(body, chance.randrange(len(body)))
    return body if found is None else body[: found.start()] + by + body[found.end() :]
