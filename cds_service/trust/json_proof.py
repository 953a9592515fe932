"""A proof, by a few scans of its bytes, that JSON which parsed is plain: small, shallow, without double members.

Question: may the quick reading of this body be trusted? False means only that it is to be read with care
(`json_gate`); the scans may doubt what is harmless, and never trust what is not.
Source: RFC 8259; OWASP ASVS 5.0 V1.5.3 (duplicate keys), V2.2 (limits).
"""

import re

MAX_DEPTH = 64
MAX_NODES = 50_000
MAX_STRING = 64 * 1024  # characters

_BRACKETS_AND_QUOTES = b'[]{}"'
_OTHERS = bytes(set(range(256)) - set(_BRACKETS_AND_QUOTES))
_ONE_KIND = bytes.maketrans(b"[]{}", b"()()")
_QUOTED = re.compile(rb'"[^"]*"')
_WHITESPACE = b" \t\n\r"
_SHORT_ESCAPE = re.compile(rb"\\[^u]")
_PAIR_OF_SURROGATES = re.compile(rb"\\u[dD][89abAB]..\\u[dD][c-fC-F]..")
_SURROGATE = re.compile(rb"\\u[dD][89a-fA-F]")


def keeps_every_bound(body: bytes, members_kept: int) -> bool:
    """Whether JSON that parsed is surely unambiguous and within every bound; False means that it may not be."""
    if b"\\" in body:
        # From here on a quote ends or begins a string, and a backslash begins the number of a character.
        body = _SHORT_ESCAPE.sub(b"__", body)
    return (
        _most_members(body) == members_kept
        and _is_small(body)
        and not _may_hold_long_string(body)
        and not _holds_half_a_character(body)
    )


def _most_members(body: bytes) -> int:
    """How many members are written at most: each has a quote and a colon with nothing but blanks between."""
    return body.translate(None, _WHITESPACE).count(b'":')


def _is_small(body: bytes) -> bool:
    """Whether values and levels are few enough."""
    # Adjacent quotes go first, and with them nearly every string: what is left tells inside from outside as before.
    brackets = body.translate(_ONE_KIND, _OTHERS).replace(b'""', b"")
    brackets = _QUOTED.sub(b"", brackets)
    # A value is the first one of its container, or has a comma before it.
    if 1 + brackets.count(b"(") + body.count(b",") > MAX_NODES:
        return False
    for _ in range(MAX_DEPTH):
        brackets = brackets.replace(b"()", b"")  # takes the innermost level away
    return not brackets


def _may_hold_long_string(body: bytes) -> bool:
    # A string that is too long reaches over one of these places, without a quote for that long around it.
    places = range(MAX_STRING, len(body), MAX_STRING)
    return any(body.find(b'"', at) - body.rfind(b'"', 0, at) > MAX_STRING for at in places)


def _holds_half_a_character(body: bytes) -> bool:
    return b"\\" in body and _SURROGATE.search(_PAIR_OF_SURROGATES.sub(b"", body)) is not None
