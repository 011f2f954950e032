"""The login of a Shelly."""

import json

import pytest

from daemons.drivers.shelly_rpc.login import answer_to, sha256

REALM = "shellypro4pm-f008d1d8b8b8"


def challenge(**changes: object) -> str:
    """Return the challenge of a device."""
    usual = {"auth_type": "digest", "nonce": 1625038762, "nc": 1, "realm": REALM, "algorithm": "SHA-256"}
    return json.dumps({**usual, **changes})


def response(nonce: object, nc: int, cnonce: int) -> str:
    """Return what the device computes."""
    uri = sha256("dummy_method:dummy_uri")
    return sha256(f"{sha256(f'admin:{REALM}:secret')}:{nonce}:{nc}:{cnonce}:auth:{uri}")


def test_the_digest_proves_the_password_without_sending_it() -> None:
    """The digest is SHA-256 over realm, nonces and fixed words, as the device computes it."""
    uri = sha256("dummy_method:dummy_uri")
    assert uri == "6370ec69915103833b5222b368555393393f098bfbfbb59f47e0590af135f062"
    proof = answer_to(challenge(), "secret").proof(313273957)
    assert proof["response"] == response(1625038762, 1, 313273957)
    assert (proof["username"], proof["realm"], proof["algorithm"]) == ("admin", REALM, "SHA-256")
    assert "secret" not in str(proof)


@pytest.mark.parametrize(("nonce", "nc"), [(1625038762, 1), ("1625038762", "1"), ("c0ffee", "7"), (5, 7)])
def test_the_counter_goes_up_with_each_request(nonce: object, nc: object) -> None:
    """Nonce and counter may be text. The nonce is sent back as it came, the counter as a number."""
    login = answer_to(challenge(nonce=nonce, nc=nc), "secret")
    for step in range(3):
        proof = login.proof(99)
        assert (proof["nonce"], proof["nc"]) == (nonce, int(str(nc)) + step)
        assert proof["response"] == response(nonce, int(str(nc)) + step, 99)


@pytest.mark.parametrize(
    "message",
    [challenge(nc="many"), challenge(algorithm="MD5"), challenge(nonce=None), "[]", "", "[" * 5000],
)
def test_another_challenge_is_refused(message: str) -> None:
    """It is a ValueError, whatever is wrong."""
    with pytest.raises(ValueError, match=r"."):
        answer_to(message, "secret")
