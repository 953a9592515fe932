"""Which FHIR servers may be read, and which links stay on one."""

import pytest

from cds_service.trust.origins import AllowedServers, read_base

SITE = AllowedServers((read_base("https://fhir.hospital.example/api/FHIR/R4"),))


@pytest.mark.parametrize(
    "url",
    [
        "https://fhir.hospital.example/api/FHIR/R4",
        "https://fhir.hospital.example/api/FHIR/R4/",
        "https://fhir.hospital.example:443/api/FHIR/R4",
        "https://FHIR.Hospital.Example/api/FHIR/R4/tenant-7",
    ],
)
def test_the_configured_server_may_be_read(url: str) -> None:
    assert SITE.allow(read_base(url))


@pytest.mark.parametrize(
    "url",
    [
        "http://fhir.hospital.example/api/FHIR/R4",
        "https://fhir.hospital.example:8443/api/FHIR/R4",
        "https://fhir.hospital.example.evil.example/api/FHIR/R4",
        "https://evil-fhir.hospital.example/api/FHIR/R4",
        "https://fhir.hospital.example/api/FHIR/R4-evil",
        "https://fhir.hospital.example/api/FHIR",
        "https://fhir.hospital.example/api/fhir/r4",
        "https://127.0.0.1/api/FHIR/R4",
    ],
)
def test_a_look_alike_may_not_be_read(url: str) -> None:
    assert not SITE.allow(read_base(url))


@pytest.mark.parametrize(
    "url",
    [
        "",
        "abc",
        "/fhir",
        "ftp://127.0.0.1/fhir",
        "file:///etc/passwd",
        "http://",
        "http://user@127.0.0.1/fhir",
        "http://user:secret@127.0.0.1/fhir",
        "http://127.0.0.1@evil.example/fhir",
        "http://127.0.0.1\\@evil.example/fhir",
        "http://127.0.0.1/fhir#x",
        "http://127.0.0.1/fhir?x=1",
        "http://127.0.0.1/fhir/../admin",
        "http://127.0.0.1/fhir/%2e%2e/admin",
        "http://127.0.0.1/fhir%2f..",
        "http://127.0.0.1/a b",
        "http://127.0.0.1/\tfhir",
        "http://127.0.0.1:99999/fhir",
        "http://127.0.0.1:x/fhir",
        "http://hоspital.example/fhir",
        "http://[::1/fhir",
        "http://[::ffff:127.0.0.1]/fhir",
        "http://127.0.0.1/" + "x" * 9000,
    ],
)
def test_what_is_no_plain_address_is_refused(url: str) -> None:
    with pytest.raises(ValueError, match=r"expected|Port|port|Invalid"):
        read_base(url)


@pytest.mark.parametrize(
    ("url", "allowed"),
    [
        ("http://127.0.0.1:8080/fhir", True),
        ("http://127.9.9.9/fhir", True),
        ("http://localhost/fhir", True),
        ("http://[::1]:8080/fhir", True),
        ("http://localhost.evil.example/fhir", False),
        ("http://2130706433/fhir", False),
        ("http://0177.0.0.1/fhir", False),
        ("http://0.0.0.0/fhir", False),
        ("http://169.254.169.254/fhir", False),
        ("http://10.0.0.1/fhir", False),
        ("https://fhir.hospital.example/api", False),
    ],
)
def test_without_configuration_only_this_machine_is_read(url: str, allowed: bool) -> None:
    assert AllowedServers().allow(read_base(url)) is allowed


@pytest.mark.parametrize(
    ("link", "target"),
    [
        (
            "https://h.example/fhir?_getpages=a-b&_bundletype=searchset",
            "https://h.example/fhir?_getpages=a-b&_bundletype=searchset",
        ),
        ("https://h.example/fhir/Observation?_offset=10", "https://h.example/fhir/Observation?_offset=10"),
        ("https://h.example:443/fhir/Observation?x=a|b", "https://h.example:443/fhir/Observation?x=a|b"),
        ("Observation?_offset=10", "https://h.example/fhir/Observation?_offset=10"),
        ("/fhir/Observation?_offset=10", "https://h.example/fhir/Observation?_offset=10"),
        ("/Observation?_offset=10", "https://h.example/fhir/Observation?_offset=10"),
        ("https://h.example/other?_getpages=a", None),
        ("https://h.example/fhirx/Observation", None),
        ("https://evil.example/fhir/Observation", None),
        ("//evil.example/fhir/Observation", None),
        ("http://h.example/fhir/Observation", None),
        ("https://h.example@evil.example/fhir", None),
        ("https://h.example/fhir/../admin", None),
        ("../admin", None),
        ("/fhir/%2e%2e/admin", None),
        ("https://h.example/fhir\\..\\admin", None),
        ("javascript:alert(1)", None),
        ("https://h.example:x/fhir", None),
        ("\nhttps://h.example/fhir", None),
    ],
)
def test_a_link_is_followed_only_under_the_base(link: str, target: str | None) -> None:
    assert read_base("https://h.example/fhir/").resolve(link) == target
