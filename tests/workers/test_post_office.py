"""The post office: how it speaks with SMTP servers, and what it never says (jobs.md §8)."""

import ssl
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path
from typing import Any

import pytest
from aiosmtpd.smtp import AuthResult, LoginPassword
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from structlog.testing import capture_logs

from ledger.errors import Reason
from tests.mailbox import Open, mailbox
from workers.letters import Letter
from workers.post_office import LogOnly, Mail, SmtpOffice, server_of
from workers.retries import Failed

SENDER = "LedgerBank <bank@example.com>"
MAIL = Mail(
    id="557be0fa-6d97-513a-89d5-0a33906cab1c",
    user_id="01a1ffba-e874-7069-a662-bda716c77752",
    address="anna@example.com",
    name="Anna Exämple",
    letter=Letter("password_changed", "Your password was changed", "It was: größer.\n"),
)


def permitted(*_: Any) -> AuthResult:
    return AuthResult(success=True)


def known(_server: Any, _session: Any, _envelope: Any, _mechanism: str, given: Any) -> AuthResult:
    right = given == LoginPassword(b"anna:b", b"p@ss")
    return AuthResult(success=right, handled=False)


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Make a certificate of this machine, and its key, in one file."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(
            x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))]), critical=False
        )
        .sign(key, hashes.SHA256())
    )
    file = tmp_path_factory.mktemp("certificate") / "server.pem"
    form = serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    secret = key.private_bytes(serialization.Encoding.PEM, *form)
    file.write_bytes(secret + made.public_bytes(serialization.Encoding.PEM))
    return file


@pytest.fixture(scope="module")
def private(certificate: Path) -> Iterator[Open]:
    """Listen as servers do that want TLS and a password."""
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(certificate)
    with mailbox(
        tls_context=context, require_starttls=True, auth_required=True, authenticator=known
    ) as opened:
        yield opened


def sent(url: str) -> None:
    SmtpOffice(server_of(url), SENDER).send(MAIL)


def with_login(post: Open, user: str = "anna%3Ab:p%40ss", more: str = "") -> str:
    return post.url.replace("smtp://", f"smtp://{user}@") + more


def test_a_server_is_signed_in_to_over_tls(
    private: Open, certificate: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    sent(with_login(private))
    [mail] = private.box.to(MAIL.address)
    assert mail.text == "It was: größer."
    assert mail.message["to"] == "Anna Exämple <anna@example.com>"
    for url in (with_login(private, "anna%3Ab:wrong"), with_login(private, more="?starttls=never")):
        with pytest.raises(Failed):
            sent(url)


def test_a_certificate_nobody_vouches_for_is_refused(private: Open) -> None:
    with capture_logs() as lines, pytest.raises(Failed) as failed:
        sent(with_login(private))
    assert failed.value.failure.reason == Reason.NOTIFICATION_DELIVERY_FAILED
    assert [each["failure"] for each in lines] == ["SSLCertVerificationError"]


def test_a_password_is_not_said_in_clear() -> None:
    with mailbox(authenticator=known, auth_require_tls=False) as post:
        with pytest.raises(Failed):
            sent(with_login(post))
        sent(with_login(post, more="?starttls=never"))
        assert len(post.box.to(MAIL.address)) == 1


def test_what_goes_wrong_is_told_without_the_address() -> None:
    with mailbox() as post:
        post.box.answers[MAIL.address] = ["550 no such anna@example.com"]
        with capture_logs() as lines, pytest.raises(Failed):
            sent(post.url)
    with pytest.raises(Failed):
        sent(post.url)
    assert [each["failure"] for each in lines] == ["SMTPDataError 550"]
    assert "anna" not in str(lines)


def test_without_a_server_mails_are_logged_without_address_and_name() -> None:
    with capture_logs() as lines:
        LogOnly().send(MAIL)
    [line] = lines
    assert (line["event"], line["kind"]) == ("mail.logged", "password_changed")
    assert "anna" not in str(line).lower()


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("smtp://mail.example", ("mail.example", 25, False, None, "", "offered")),
        ("smtps://mail.example", ("mail.example", 465, True, None, "", "offered")),
        ("smtp://a:b@mail.example:587", ("mail.example", 587, False, "a", "b", "always")),
        ("smtp://mail.example?starttls=never", ("mail.example", 25, False, None, "", "never")),
    ],
)
def test_urls_say_how_a_server_is_spoken_to(url: str, expected: tuple[Any, ...]) -> None:
    server = server_of(url)
    assert tuple(getattr(server, each) for each in server.__struct_fields__) == expected
