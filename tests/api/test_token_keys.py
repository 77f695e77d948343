"""Token keys: read from settings once, named after themselves, refused when unusable."""

from base64 import urlsafe_b64encode

import pytest
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, generate_private_key
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
)

from api.token_keys import UnusableKey, signing_key, verifying_key
from tests.api.crafted_tokens import PAIR, PEM, PUBLIC_PEM, SECRET


def test_a_key_has_a_name_that_follows_from_it() -> None:
    by_secret, by_pem = signing_key(secret=SECRET), signing_key(private_key=PEM)
    assert verifying_key(f":HS256:{SECRET}").kid == by_secret.kid != by_pem.kid
    raw = PAIR.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)
    spellings = [PEM, PEM.replace("\n", "\\n"), PUBLIC_PEM.decode()]
    spellings.append(urlsafe_b64encode(raw).decode().replace("-", "+").replace("_", "/"))
    assert {verifying_key(f":EdDSA:{each}").kid for each in spellings} == {by_pem.kid}
    assert SECRET not in by_secret.kid


@pytest.mark.parametrize(
    "setting",
    [
        "",
        "kid",
        "kid:HS256",
        "kid:HS256:" + "x" * 31,
        "kid:HS512:" + "x" * 64,
        "kid:none:",
        "a kid:HS256:" + "x" * 32,
        "kid:EdDSA:AAAA",
        "kid:EdDSA:not base64",
        "kid:EdDSA:-----BEGIN PUBLIC KEY-----",
        "kid:EdDSA:-----BEGIN PRIVATE KEY-----",
    ],
)
def test_an_unusable_key_is_refused(setting: str) -> None:
    with pytest.raises(UnusableKey) as caught:
        verifying_key(setting)
    assert "x" * 31 not in str(caught.value)


def test_a_key_of_another_kind_is_refused() -> None:
    curve = generate_private_key(SECP256R1())
    private = curve.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()
    public = curve.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    with pytest.raises(UnusableKey):
        signing_key(private_key=private)
    with pytest.raises(UnusableKey):
        verifying_key("kid:EdDSA:" + public.decode())
    with pytest.raises(UnusableKey):
        signing_key(secret="x" * 31)
