"""Kinds of values that stand in a site's settings: addresses, texts for a header, paths beside the file."""

import re
from typing import Annotated

from pydantic import AfterValidator, Field, ValidationInfo

from cds_service.site.checked_toml import FOLDER
from cds_service.trust.origins import read_base, read_secure_url


def _visible(text: str) -> str:
    if not re.fullmatch(r"[!-~]+", text):
        raise ValueError("printable characters without spaces expected")
    return text


def _known_base(url: str) -> str:
    return read_base(url).url


def _secure_base(url: str) -> str:
    return read_base(read_secure_url(url)).url


def _secure_url(url: str) -> str:
    return read_secure_url(url) if url else url


def _exact_origin(text: str) -> str:
    base = read_base(text)
    if base.segments or base.url != text or text != text.lower():
        raise ValueError(
            "an origin as a browser sends it expected, such as https://ehr.hospital.example, in lower case"
        )
    return text


def _without_port(host: str) -> str:
    if not re.fullmatch(r"[A-Za-z0-9._-]+|[0-9A-Fa-f:.]*:[0-9A-Fa-f:.]*:[0-9A-Fa-f:.]*", host):
        raise ValueError(f"a name or an address without a port expected, such as 127.0.0.1, got {host!r}")
    return host


def _beside_the_file(name: str, info: ValidationInfo) -> str:
    folder = (info.context or {}).get(FOLDER)
    return str(folder / name) if name and folder else name


Host = Annotated[str, Field(min_length=1, max_length=200), AfterValidator(_without_port)]
Visible = Annotated[str, Field(max_length=1000), AfterValidator(_visible)]
BaseUrl = Annotated[str, AfterValidator(_known_base)]
SecureBase = Annotated[str, AfterValidator(_secure_base)]
SecureUrl = Annotated[str, AfterValidator(_secure_url)]
Origin = Annotated[str, AfterValidator(_exact_origin)]
SitePath = Annotated[str, Field(max_length=1000), AfterValidator(_beside_the_file)]
