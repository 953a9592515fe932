"""Key pairs with which we prove who we are to an authorization server, and the name of a public key.

Question: is this the private key that the algorithm needs, and what does the other side have to know of it?
Source: SMART App Launch 2.2, Client Authentication: Asymmetric (RS384, ES384, JWK Sets); RFC 7518; RFC 7638.

cryptography and PyJWT are imported where they are needed: a service without such a key never loads them.
"""

import hashlib
import json
from base64 import urlsafe_b64encode
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey, EllipticCurvePublicKey
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, RSAPublicKey

    PublicKey = EllipticCurvePublicKey | RSAPublicKey
    PrivateKey = EllipticCurvePrivateKey | RSAPrivateKey

Algorithm = Literal["ES384", "RS384"]

LEAST_RSA_BITS = 2048  # RFC 7518, 3.3
NEW_RSA_BITS = 3072
_EXPECTED = {
    "ES384": "a private key on the elliptic curve P-384 expected for ES384",
    "RS384": f"an RSA private key of at least {LEAST_RSA_BITS} bits expected for RS384",
}
_THUMBPRINT_MEMBERS = ("crv", "e", "kty", "n", "x", "y")  # RFC 7638, 3.2


def read_private_key(pem: bytes, algorithm: Algorithm) -> "PrivateKey":
    """The private key in a PEM text (PKCS #8, SEC 1 or PKCS #1) without a passphrase.

    Raises ValueError with one sentence that says what was expected and nothing of the key.
    """
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives.serialization import load_pem_private_key

    try:
        key = load_pem_private_key(pem, password=None)
    except TypeError:
        raise ValueError("a private key without a passphrase expected") from None
    except (ValueError, UnsupportedAlgorithm):
        raise ValueError("a private key in PEM form (BEGIN PRIVATE KEY) expected") from None
    return _of_the_right_kind(key, algorithm)


def _of_the_right_kind(key: object, algorithm: Algorithm) -> "PrivateKey":
    from cryptography.hazmat.primitives.asymmetric.ec import SECP384R1, EllipticCurvePrivateKey
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey

    if algorithm == "ES384" and isinstance(key, EllipticCurvePrivateKey) and isinstance(key.curve, SECP384R1):
        return key
    if algorithm == "RS384" and isinstance(key, RSAPrivateKey) and key.key_size >= LEAST_RSA_BITS:
        return key
    raise ValueError(_EXPECTED[algorithm])


def make_private_key(algorithm: Algorithm) -> "PrivateKey":
    """A new key: P-384 for ES384, RSA of 3072 bits for RS384."""
    from cryptography.hazmat.primitives.asymmetric import ec, rsa

    if algorithm == "ES384":
        return ec.generate_private_key(ec.SECP384R1())
    return rsa.generate_private_key(public_exponent=65537, key_size=NEW_RSA_BITS)


def write_pem(key: "PrivateKey") -> bytes:
    """The private key as PKCS #8 PEM without a passphrase."""
    from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


def public_key_set(key: "PrivateKey", algorithm: Algorithm) -> dict[str, Any]:
    """The JWK Set to register at the authorization server; the key id is the thumbprint."""
    numbers = public_numbers(key.public_key(), algorithm)
    described = {"kid": thumbprint(numbers), "use": "sig", "alg": algorithm, "key_ops": ["verify"]}
    return {"keys": [{**numbers, **described}]}


def public_numbers(key: "PublicKey", algorithm: str) -> dict[str, str]:
    """The required members of a public key as a JWK, written as RFC 7638 wants them for a thumbprint."""
    from jwt.algorithms import get_default_algorithms

    told = get_default_algorithms()[algorithm].to_jwk(key, as_dict=True)
    return {name: told[name] for name in _THUMBPRINT_MEMBERS if name in told}


def thumbprint(numbers: Mapping[str, str]) -> str:
    """The SHA-256 thumbprint of a public key's required members, in base64url without padding (RFC 7638)."""
    text = json.dumps(numbers, separators=(",", ":"), sort_keys=True)
    return urlsafe_b64encode(hashlib.sha256(text.encode()).digest()).rstrip(b"=").decode()
