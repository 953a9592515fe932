"""What the JSON gate lets through and what it names."""

import json
import time

import pytest

from cds_service.errors import BadHookRequest, RequestTooLarge
from cds_service.trust.json_gate import read_json

LIMIT = 2_000_000


def test_plain_json_passes_unchanged() -> None:
    document = {"a": [1, 2.5, -0.4, 1e-3, True, None, "µg/mL", {}], "b": {"c": []}}
    assert read_json(json.dumps(document).encode(), LIMIT) == document


def test_numbers_keep_their_kind() -> None:
    assert repr(read_json(b"[200, 200.0, 0.10, 5e0]", LIMIT)) == "[200, 200.0, 0.1, 5.0]"


@pytest.mark.parametrize(
    ("body", "place", "expected"),
    [
        (b"", "line 1, column 1", "JSON expected"),
        (b"{", "line 1", "JSON expected"),
        (b'{"a": 1,}', "line 1", "JSON expected"),
        (b"\xef\xbb\xbf{}", "body", "JSON expected"),
        (b'{"a": "\xff"}', "byte 7", "UTF-8"),
        ('{"a": 1}'.encode("utf-16"), "byte 0", "UTF-8"),
        (b'{"a": {"b": NaN}}', "a.b", "finite"),
        (b"[Infinity]", "[0]", "finite"),
        (b"[1, -Infinity]", "[1]", "finite"),
        (b'{"a": [1e999999]}', "a[0]", "exponent"),
        (b'{"a": 1e13}', "a", "exponent"),
        (b'{"a": 1e-13}', "a", "exponent"),
        (b'{"a": 1E+99999}', "a", "exponent"),
        (b'{"a": 123456789012345678901}', "a", "20 digits"),
        (b'{"a": 0.123456789012345678901}', "a", "20 digits"),
        (b"[" + b"9" * 5000 + b"]", "[0]", "20 digits"),
        (b'{"a": {"patientId": "p1", "patientId": "p2"}}', "a", "'patientId' twice"),
        (b'[{"x": "\\ud800"}]', "[0].x", "surrogate"),
        (b'[{"\\ud800": 1}]', "[0]", "surrogate"),
    ],
)
def test_what_is_not_plain_json_is_refused_and_its_place_is_named(body: bytes, place: str, expected: str) -> None:
    with pytest.raises(BadHookRequest) as refused:
        read_json(body, LIMIT)
    assert place in str(refused.value)
    assert expected in str(refused.value)


def test_an_escaped_pair_of_surrogates_is_a_character() -> None:
    assert read_json(b'["\\ud83d\\ude00"]', LIMIT) == ["\N{GRINNING FACE}"]


@pytest.mark.parametrize(("depth", "accepted"), [(64, True), (65, False), (500, False), (50_000, False)])
def test_nesting_is_limited_to_64(depth: int, accepted: bool) -> None:
    body = b"[" * depth + b"]" * depth
    if accepted:
        read_json(body, LIMIT)
        return
    with pytest.raises(BadHookRequest, match="64 levels"):
        read_json(body, LIMIT)


def test_fifty_thousand_open_brackets_are_refused_at_once() -> None:
    begin = time.monotonic()
    with pytest.raises(BadHookRequest):
        read_json(b"[" * 50_000, LIMIT)
    assert time.monotonic() - begin < 0.1


def test_more_than_fifty_thousand_values_are_refused() -> None:
    assert len(read_json(json.dumps([0] * 49_999).encode(), LIMIT)) == 49_999
    with pytest.raises(BadHookRequest, match="50000 values"):
        read_json(json.dumps([0] * 50_000).encode(), LIMIT)


def test_a_string_over_64_k_characters_is_refused_and_named() -> None:
    assert read_json(json.dumps({"a": "x" * 65_536}).encode(), LIMIT)
    for sign in ("x", '"', "\\", "µ"):
        with pytest.raises(BadHookRequest, match=r"prefetch\.note\[1\]: at most 65536"):
            read_json(json.dumps({"prefetch": {"note": [1, sign * 65_537]}}).encode(), LIMIT)


def test_many_short_strings_are_no_long_one() -> None:
    assert len(read_json(json.dumps(["\\" * 100] * 2_000).encode(), LIMIT)) == 2_000


def test_a_body_over_the_limit_is_too_large() -> None:
    with pytest.raises(RequestTooLarge, match="10 bytes"):
        read_json(b'"0123456789"', 10)
