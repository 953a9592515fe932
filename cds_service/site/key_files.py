"""Private keys as files: a new one for its owner alone, and whether others could read one.

Source: SMART App Launch 2.2, Client Authentication: Asymmetric (the private key is protected, the JWK Set is public).
"""

import os
import stat
from pathlib import Path
from typing import Any

from cds_service.errors import ConfigurationError
from cds_service.trust.keys import Algorithm, make_private_key, public_key_set, write_pem

NAME = "private-key.pem"


def make_key_file(folder: Path, algorithm: Algorithm) -> dict[str, Any]:
    """A new private key in a file of mode 0600, and the public JWK Set that belongs to it.

    Raises ConfigurationError where the file exists already or cannot be written: a key in use is never overwritten.
    """
    key = make_private_key(algorithm)
    path = folder / NAME
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            file.write(write_pem(key))
    except OSError as error:
        raise ConfigurationError(f"{path}: the private key cannot be written: {error.strerror}") from error
    return public_key_set(key, algorithm)


def mode_open_to_others(path: Path) -> str | None:
    """The mode of a file that users other than its owner and group may read or change, such as "0644".

    None where they may not, and where there is no such file.
    """
    if not path.is_file():
        return None
    mode = stat.S_IMODE(path.stat().st_mode)
    return f"{mode:04o}" if mode & stat.S_IRWXO else None
