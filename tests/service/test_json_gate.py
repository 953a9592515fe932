"""What the JSON gate lets through and what it names."""

import json

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
        (b'{"a": {"patientId": "p1", "patientId" :\t"p2"}}', "a", "'patientId' twice"),
        (b'{"a": {"patientId"\n: "p1", "patient\\u0049d"\r\n: ":"}}', "a", "'patientId' twice"),
        (b'{"a": {"\\\\" : 1, "\\\\" : 2}}', "a", "twice"),
        (b'{"a": {"\\"" : 1, "\\"" : 2}}', "a", "twice"),
        (b'[{"x": "\\ud800"}]', "[0].x", "surrogate"),
        (b'[{"\\ud800": 1}]', "[0]", "surrogate"),
        (b'["\\ude00\\ud83d"]', "[0]", "surrogate"),
        (b'["\\ud83d\\ud83d\\ude00"]', "[0]", "surrogate"),
        (b'["\\ud83d\\ude00\\ude00"]', "[0]", "surrogate"),
        (b'["\\\\ud83d\\ude00"]', "[0]", "surrogate"),
        (b'["\\ud83d\\\\\\ude00"]', "[0]", "surrogate"),
        (b'["\\ud83d\\"\\ude00"]', "[0]", "surrogate"),
    ],
)
def test_what_is_not_plain_json_is_refused_and_its_place_is_named(body: bytes, place: str, expected: str) -> None:
    with pytest.raises(BadHookRequest) as refused:
        read_json(body, LIMIT)
    assert place in str(refused.value)
    assert expected in str(refused.value)


@pytest.mark.parametrize(
    "text",
    [
        '":", the sign before a value',
        '{"a": 1, "a": 2}',
        "[" * 65 + "mm[Hg] {score}" + "}" * 65,
        "\\",
        "ends with a backslash \\",
        '\\" : \\u00b5 \\ud83d',
        "µ \N{GRINNING FACE}",
        "," * 60_000,
    ],
)
@pytest.mark.parametrize("indent", [None, 2])
@pytest.mark.parametrize("ensure_ascii", [True, False])
def test_text_that_looks_like_json_stays_text(text: str, indent: int | None, ensure_ascii: bool) -> None:
    document = {"before": [text], text[:40]: {"name": text}, "after": [[text, text]]}
    body = json.dumps(document, indent=indent, ensure_ascii=ensure_ascii).encode()
    assert read_json(body, LIMIT) == document


def test_brackets_inside_strings_do_not_hide_how_deep_a_document_is() -> None:
    closed = b'["]",' * 65 + b'"["' + b',"["]' * 65
    with pytest.raises(BadHookRequest, match="64 levels"):
        read_json(closed, LIMIT)


@pytest.mark.parametrize(
    ("body", "value"),
    [
        (b"[12345678901234567890]", 12345678901234567890),
        (b"[-1234567890.1234567890]", -1234567890.1234567890),
        (b"[1.5e-12]", 1.5e-12),
        (b"[1E12]", 1e12),
        (b"[0.30000000000000004]", 0.30000000000000004),
    ],
)
def test_long_numbers_within_the_bounds_pass(body: bytes, value: float) -> None:
    assert read_json(body, LIMIT) == [value]


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


def test_fifty_thousand_open_brackets_are_refused_at_the_65th_and_not_at_the_end() -> None:
    with pytest.raises(BadHookRequest, match="64 levels"):
        read_json(b"[" * 50_000, LIMIT)


def test_more_than_fifty_thousand_values_are_refused() -> None:
    assert len(read_json(json.dumps([0] * 49_999).encode(), LIMIT)) == 49_999
    with pytest.raises(BadHookRequest, match="50000 values"):
        read_json(json.dumps([0] * 50_000).encode(), LIMIT)


def test_a_string_over_64_k_characters_is_refused_and_named() -> None:
    assert read_json(json.dumps({"a": "x" * 65_536}).encode(), LIMIT)
    assert read_json(json.dumps(["µ" * 65_536] * 3, ensure_ascii=False).encode(), LIMIT)
    for sign in ("x", '"', "\\", "µ"):
        with pytest.raises(BadHookRequest, match=r"prefetch\.note\[1\]: at most 65536"):
            read_json(json.dumps({"prefetch": {"note": [1, sign * 65_537]}}).encode(), LIMIT)


def test_many_short_strings_are_no_long_one() -> None:
    assert len(read_json(json.dumps(["\\" * 100] * 2_000).encode(), LIMIT)) == 2_000


def test_a_body_over_the_limit_is_too_large() -> None:
    with pytest.raises(RequestTooLarge, match="10 bytes"):
        read_json(b'"0123456789"', 10)
