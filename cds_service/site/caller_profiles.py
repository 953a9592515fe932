"""How the tokens of each kind of caller are made, as data: caller_profiles.toml, every fact with its source.

Question: what may be expected of a token of this kind of EHR, and whose private key is known to everybody?
"""

from functools import cache
from typing import Annotated

from pydantic import Field

from cds_service.site.checked_toml import Section
from cds_service.site.profiles import Fact, Profile, Profiles, read_profiles, shipped
from cds_service.trust.public_keys import SigningAlgorithm

FILE = "caller_profiles.toml"
MOST_SECONDS = 3600  # of the life of any token, whatever a profile or a site says

Names = Annotated[tuple[str, ...], Field(strict=False)]
Algorithms = Annotated[tuple[SigningAlgorithm, ...], Field(strict=False)]
Lifetime = Annotated[int, Field(ge=1, le=MOST_SECONDS)]


class Published(Section):
    """A caller whose private key is published: how it names itself, and its keys by their thumbprints."""

    issuers: Names
    key_set_host: str
    thumbprints: Names


class CallerProfile(Profile):
    """What the tokens of one kind of caller are like."""

    algorithms: Fact[Algorithms]
    max_lifetime_seconds: Fact[Lifetime]
    published: Published | None = None


@cache
def load_caller_profiles() -> Profiles[CallerProfile]:
    """The profiles shipped with the service; the first is the default."""
    return read_profiles(shipped(FILE), CallerProfile)


@cache
def published_callers() -> tuple[Published, ...]:
    """Every caller whose private key is published."""
    return tuple(row.published for row in load_caller_profiles().profile.values() if row.published)


@cache
def published_thumbprints() -> frozenset[str]:
    """The thumbprints of every key whose private half is published."""
    return frozenset(thumbprint for published in published_callers() for thumbprint in published.thumbprints)
