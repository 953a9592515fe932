"""A token is accepted once (threat T2): across threads, processes and restarts, and never where it cannot be noted."""

import http.client
import json
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import pytest

from cds_service.errors import ConfigurationError
from cds_service.trust.used_tokens import FILE, PURGE_SECONDS, UsedTokens
from tests.service.real_server import RealServer, serving
from tests.service.tokens import AUDIENCE, ISSUER, NOTHING_ORDERED, SIGN, call, caller, ec_signer, good, key_file
from tests.service.tokens import open_service as open_site

EC = ec_signer()
COPIES = 100


def served(folder: Path) -> AbstractContextManager[RealServer]:
    """The real server with two processes. It has room for all copies at once."""
    more = (
        f'[[callers.allowed]]\nname = "EHR"\nissuer = "{ISSUER}"\naudiences = ["{AUDIENCE}"]\n'
        f'key_set_file = "{key_file(folder, EC.jwk())}"'
    )
    return serving(folder, more, server='state_folder = "state"', threads=64, log_level="info")


def post(server: RealServer, token: str) -> int:
    return server.post(NOTHING_ORDERED, Authorization=f"Bearer {token}").status


def test_of_a_hundred_parallel_copies_over_two_processes_one_is_answered_and_after_a_restart_none(
    tmp_path: Path,
) -> None:
    token = EC.token()
    with served(tmp_path) as server:
        with ThreadPoolExecutor(COPIES) as pool:
            assert Counter(pool.map(lambda _: post(server, token), range(COPIES))) == {200: 1, 401: COPIES - 1}
        with ThreadPoolExecutor(16) as pool:
            assert set(pool.map(lambda _: post(server, EC.token()), range(32))) == {200}
    with served(tmp_path) as server:
        assert post(server, token) == 401
        assert post(server, EC.token()) == 200


def test_a_refused_call_with_a_large_body_sees_its_answer_and_may_go_on(tmp_path: Path) -> None:
    large = json.dumps({**NOTHING_ORDERED, "extension": ["x" * 1000] * 1500})
    with served(tmp_path) as server:
        connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=20)
        statuses = []
        for headers in ({}, {"Authorization": f"Bearer {EC.token()}"}, {}):
            connection.request("POST", SIGN, large, {"Content-Type": "application/json", **headers})
            response = connection.getresponse()
            statuses.append((response.status, bool(response.read())))
        connection.close()
    assert statuses == [(401, True), (200, True), (401, True)]


def test_the_same_token_is_200_then_401(tmp_path: Path, logged: Any) -> None:
    service = open_site(tmp_path, caller(key_set_file=str(key_file(tmp_path))))
    token = EC.token(good(jti="the-one"))
    first, second = call(service, token), call(service, token)
    assert (first.status_code, second.status_code) == (200, 401)
    assert second.data == call(service, None).data
    told = next(event for event in logged() if event["event"] == "caller_refused")
    assert (told["refusal"], told["issuer"], told["token_id"]) == ("jti-used-before", ISSUER, "the-one")


def test_another_token_with_the_same_jti_is_used_too_but_not_that_of_another_issuer(tmp_path: Path) -> None:
    file = str(key_file(tmp_path))
    service = open_site(tmp_path, caller(key_set_file=file), caller(key_set_file=file, issuer="https://other.example"))
    answers = [
        call(service, EC.token(good(jti="one"))).status_code,
        call(service, EC.token(good(jti="one", lifetime=200))).status_code,
        call(service, EC.token(good(jti="one", iss="https://other.example"))).status_code,
    ]
    assert answers == [200, 401, 200]


def test_a_token_that_is_refused_is_not_used_up(tmp_path: Path) -> None:
    service = open_site(tmp_path, caller(key_set_file=str(key_file(tmp_path))))
    call(service, EC.token(good(jti="mine", exp=time.time() - 3600)))
    forged = EC.token(good(jti="mine"))[:-8]
    assert call(service, forged).status_code == 401
    assert call(service, EC.token(good(jti="mine"))).status_code == 200


def test_where_a_token_cannot_be_noted_it_is_refused(tmp_path: Path, logged: Any) -> None:
    service = open_site(tmp_path, caller(key_set_file=str(key_file(tmp_path))))
    (tmp_path / FILE).write_bytes(b"no database")
    refused = call(service, EC.token())
    assert (refused.status_code, refused.data) == (401, call(service, None).data)
    told = logged()
    assert [e["error"] for e in told if e["event"] == "used_tokens_unwritable"] == ["DatabaseError"]
    assert "jti-could-not-be-recorded" in [event.get("refusal") for event in told]


def test_a_file_that_is_gone_lets_nobody_in_by_being_made_anew(tmp_path: Path) -> None:
    service = open_site(tmp_path, caller(key_set_file=str(key_file(tmp_path))))
    (tmp_path / FILE).unlink()
    assert call(service, EC.token()).status_code == 401


def test_an_entry_is_kept_until_its_end_and_then_forgotten(tmp_path: Path) -> None:
    now = [1000.0]
    used = UsedTokens(tmp_path, lambda: now[0])
    used.prepare()
    assert used.take("i", "short", 1100)
    assert used.take("i", "long", 5000)
    now[0] = 1099.0
    assert not used.take("i", "short", 1100)
    now[0] = 1101.0 + PURGE_SECONDS
    assert used.take("i", "new", 5000)
    assert used.take("i", "short", 5000)
    assert not used.take("i", "long", 5000)


def test_preparing_again_forgets_nothing(tmp_path: Path) -> None:
    used = UsedTokens(tmp_path / "a" / "b")
    used.prepare()
    assert used.take("i", "t", time.time() + 60)
    again = UsedTokens(tmp_path / "a" / "b")
    again.prepare()
    assert not again.take("i", "t", time.time() + 60)
    assert (tmp_path / "a" / "b").stat().st_mode & 0o777 == 0o700


@pytest.mark.parametrize("what", ["file", "damaged"])
def test_a_folder_that_cannot_be_used_stops_the_start(what: str, tmp_path: Path) -> None:
    folder = tmp_path / "state"
    if what == "file":
        folder.write_text("")
    else:
        folder.mkdir()
        (folder / FILE).write_bytes(b"damaged" * 1000)
    with pytest.raises(ConfigurationError, match=r"^server\.state_folder: a folder that the service may write to"):
        open_site(folder, caller(key_set_file=str(key_file(tmp_path))))


def test_without_callers_no_folder_is_needed(tmp_path: Path) -> None:
    assert call(open_site(tmp_path / "none"), None).status_code == 200
    assert not (tmp_path / "none").exists()
