"""The public keys of a JWK Set, each bound to the algorithms that its type and its curve allow.

Question: with which keys may a caller sign?
Source: RFC 7517; RFC 7518, 3.1; CDS Hooks 2.0.1, Trusting CDS Clients: no symmetric algorithm, ES384 and RS384
recommended. What a set holds besides such keys is passed over: symmetric, private and encryption keys, short RSA keys.

cryptography and PyJWT are imported where they are needed: a service without callers never loads them.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, Protocol, get_args

from cds_service.errors import CdsError
from cds_service.trust.json_gate import read_json
from cds_service.trust.keys import LEAST_RSA_BITS, public_numbers, thumbprint

if TYPE_CHECKING:
    from cds_service.trust.keys import PublicKey

SigningAlgorithm = Literal["ES256", "ES384", "ES512", "PS256", "PS384", "PS512", "RS256", "RS384", "RS512"]

MOST_BYTES = 256 * 1024  # of a JWK Set
_CURVES = {"ES256": "P-256", "ES384": "P-384", "ES512": "P-521"}
_NUMBERS = {"EC": ("x", "y"), "RSA": ("e", "n")}


@dataclass(frozen=True, slots=True)
class CallerKey:
    """One public key, and the algorithms with which it may be used."""

    key_id: str
    algorithms: frozenset[str]
    thumbprint: str
    key: "PublicKey" = field(repr=False)


class KeySource(Protocol):
    """Where the keys of a caller come from."""

    def named(self, key_id: str) -> tuple[CallerKey, ...]:
        """Every key of that id: none, one, or several that nobody could choose between."""


@dataclass(frozen=True, slots=True)
class KeySet:
    """The keys that can be used of one JWK Set."""

    keys: tuple[CallerKey, ...] = ()
    passed_over: tuple[str, ...] = ()  # why each of the others cannot be used

    def named(self, key_id: str) -> tuple[CallerKey, ...]:
        """Every key of that id."""
        return tuple(key for key in self.keys if key.key_id == key_id)

    def without(self, thumbprints: frozenset[str]) -> "KeySet":
        """The same without certain keys, whatever ids they have."""
        return replace(self, keys=tuple(key for key in self.keys if key.thumbprint not in thumbprints))

    def fits(self, algorithms: tuple[str, ...]) -> bool:
        """Whether any key can be used with one of these algorithms."""
        return any(key.algorithms & set(algorithms) for key in self.keys)


def read_key_set(document: object) -> KeySet:
    """The keys of a JWK Set that can be used; none is a key set too. Raises ValueError for anything else."""
    rows = document.get("keys") if isinstance(document, dict) else None
    if not isinstance(rows, list):
        raise ValueError('a JWK Set expected: {"keys": [...]}')  # noqa: TRY004 - of what a file says
    read = [_read_key(row) if isinstance(row, dict) else "no object" for row in rows]
    return KeySet(
        tuple(key for key in read if isinstance(key, CallerKey)),
        tuple(f"key {number}: {why}" for number, why in enumerate(read, 1) if isinstance(why, str)),
    )


def read_key_file(file: Path) -> KeySet:
    """The JWK Set of a file. Raises ValueError with one sentence that says what was expected."""
    try:
        return read_key_set(read_json(file.read_bytes(), MOST_BYTES))
    except OSError as error:
        raise ValueError(f"a file with a JWK Set expected, {file} cannot be read: {error.strerror}") from error
    except CdsError as error:
        raise ValueError(f"a file with a JWK Set expected: {error}") from error


def _read_key(jwk: Mapping[str, Any]) -> CallerKey | str:
    """A key that can be used, or why it cannot."""
    from jwt import PyJWK, PyJWTError

    algorithms, key_id = _algorithms(jwk), jwk.get("kid")
    if not algorithms:
        return "its kty, crv and alg are those of no algorithm that is accepted"
    if not isinstance(key_id, str):
        return "it has no kid"
    if not _may_verify(jwk):
        return "it is a private key, not one to verify with, or not whole"
    try:
        key = PyJWK(dict(jwk), algorithms[0]).key
    except PyJWTError:
        return "its numbers are no public key"
    if jwk["kty"] == "RSA" and key.key_size < LEAST_RSA_BITS:
        return f"an RSA key has {LEAST_RSA_BITS} bits or more"
    return CallerKey(key_id, frozenset(algorithms), thumbprint(public_numbers(key, algorithms[0])), key)


def _algorithms(jwk: Mapping[str, Any]) -> tuple[str, ...]:
    """The algorithms that the type, the curve and the `alg` of a key allow, by their own names alone."""
    kind, told = jwk.get("kty"), jwk.get("alg")
    if kind == "EC":
        fitting = [name for name, curve in _CURVES.items() if curve == jwk.get("crv")]
    elif kind == "RSA":
        fitting = [name for name in get_args(SigningAlgorithm) if name not in _CURVES]
    else:
        fitting = []
    return tuple(name for name in fitting if told is None or told == name)


def _may_verify(jwk: Mapping[str, Any]) -> bool:
    operations = jwk.get("key_ops", ["verify"])
    return (
        jwk.get("use", "sig") == "sig"
        and isinstance(operations, list)
        and "verify" in operations
        and "d" not in jwk  # a private key: whoever holds this set could sign with it
        and all(isinstance(jwk.get(name), str) for name in _NUMBERS[jwk["kty"]])
    )
