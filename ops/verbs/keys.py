"""Verbs about keys: which there are, replacing the generated, resealing what they keep."""

from collections.abc import Iterator

import click

from ops.banking import ring_of
from ops.databases import migrated_database
from ops.failures import CheckFailed
from ops.output import Output
from ops.settings import Settings, SettingsRefused
from ops.settings.generated import FILE, SECRET, replace_token_secret, stored
from ops.signing_in import tokens_of
from schema.postgres import connect
from schema.resealing import reseal

COLUMNS = ("purpose", "kid", "algorithm", "use")


@click.group
def keys() -> None:
    """Look at the keys of this deployment, and replace what it generated."""


@keys.command("list")
@click.pass_obj
def list_keys(output: Output) -> None:
    """List the ids of all keys, never the keys."""
    output.table([dict(zip(COLUMNS, row, strict=True)) for row in rows(output.settings())], COLUMNS)


@keys.command
@click.option("--jwt", is_flag=True, help="Replace the secret that tokens are signed with.")
@click.option("--tokens", is_flag=True, help="Encrypt banks' tokens under the first of their keys.")
@click.pass_obj
def rotate(output: Output, *, jwt: bool, tokens: bool) -> None:
    """Replace a generated key, or bring what is kept under the newest key.

    A replaced secret is used from the next start on; the one before it still verifies.
    """
    if jwt is tokens:
        raise click.UsageError("say what to rotate: --jwt or --tokens")
    if jwt:
        rotate_secret(output)
    else:
        reseal_tokens(output)


def reseal_tokens(output: Output) -> None:
    """Encrypt what the vault of bank tokens keeps under the first of TOKEN_ENCRYPTION_KEYS.

    Fails when something is under a key that is not configured: it is left as it is.
    """
    settings = output.settings()
    ring = ring_of(settings)
    with migrated_database(settings) as dsn, connect(dsn, "ledgerbank_app") as connection:
        done = reseal(connection, ring)
    output.tell(
        {
            "sealing": ring.active,
            "tokens": done.tokens,
            "journeys": done.journeys,
            "locked": done.locked,
        },
        f"sealing {ring.active}: {done.tokens} connections, {done.journeys} on their way",
        *(f"LOCKED connection {each}: its key is not configured" for each in done.locked),
    )
    if done.locked:
        raise CheckFailed


def rotate_secret(output: Output) -> None:
    """Replace the generated secret that access tokens are signed with."""
    settings = output.settings()
    refuse_given(settings)
    old = tokens_of(settings).signing.kid
    replace_token_secret(settings.core.data_dir)
    new = tokens_of(output.settings()).signing.kid
    output.tell({"signing": new, "verifying": [old]}, f"signing {new}", f"verifying {old}")


def refuse_given(settings: Settings) -> None:
    """Refuse to replace a key that somebody else keeps."""
    identity = settings.identity
    file = settings.core.data_dir / FILE
    generated = file.exists() and stored(file).get(SECRET) == identity.jwt_secret
    if identity.jwt_private_key is not None or not generated:
        raise SettingsRefused(
            [
                "JWT_SECRET or JWT_PRIVATE_KEY is given: change it where it is kept,"
                " and list the old key in JWT_PREVIOUS_KEYS"
            ]
        )
    if identity.jwt_key_id is not None:
        raise SettingsRefused(["JWT_KEY_ID names one key: leave it out to rotate generated ones"])


def rows(settings: Settings) -> Iterator[tuple[str, str, str, str]]:
    """Yield what is told of each key: purpose, id, algorithm, use."""
    tokens, identity = tokens_of(settings), settings.identity
    yield "jwt", tokens.signing.kid, tokens.signing.algorithm, "signing"
    for key in tokens.verifying.values():
        if key.kid != tokens.signing.kid:
            yield "jwt", key.kid, key.algorithm, "verifying"
    rings = {"data": identity.data_key_encryption_keys, "tokens": identity.token_encryption_keys}
    for purpose, ring in rings.items():
        for place, kid in enumerate(ring):
            yield purpose, kid, "AES-256-GCM", "opening" if place else "sealing"
