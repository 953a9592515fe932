"""What an authorization server knows us by, and the signed assertion that proves it.

Question: who are we to this FHIR server, and how do we show it?
Source: SMART App Launch 2.2, Client Authentication: Asymmetric (private_key_jwt), "Request"; RFC 7523.
"""

import time
import uuid
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from cds_service.trust.keys import Algorithm
from cds_service.trust.origins import FhirBase

if TYPE_CHECKING:
    from cds_service.trust.keys import PrivateKey

LIFETIME_SECONDS = 240  # at most 300; the rest is for a server whose clock is behind ours


@dataclass(frozen=True, slots=True)
class Registration:
    """Our registration at the authorization server of one FHIR server.

    `token_url` None: the FHIR server is asked for it. `key_set_url` is where our public keys can be read, if anywhere.
    """

    server: FhirBase
    client_id: str
    key_id: str
    algorithm: Algorithm
    private_key: "PrivateKey" = field(repr=False)
    scopes: tuple[str, ...]
    token_url: str | None = None
    key_set_url: str | None = None


def sign_assertion(registration: Registration, audience: str) -> str:
    """A JSON Web Token for one request to the token endpoint `audience`, good for 4 minutes from now.

    It has the claims and headers that SMART requires and no others: an `iat` would be refused where clocks differ.
    """
    import jwt

    claims = {
        "iss": registration.client_id,
        "sub": registration.client_id,
        "aud": audience,
        "exp": int(time.time()) + LIFETIME_SECONDS,
        "jti": str(uuid.uuid4()),
    }
    headers = {"kid": registration.key_id}
    if registration.key_set_url:
        headers["jku"] = registration.key_set_url
    return jwt.encode(claims, registration.private_key, algorithm=registration.algorithm, headers=headers)
