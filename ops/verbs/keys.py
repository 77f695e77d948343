"""Verbs about keys: which there are, and replacing those that were generated."""

from collections.abc import Iterator

import click

from ops.output import Output
from ops.settings import Settings, SettingsRefused
from ops.settings.generated import FILE, SECRET, replace_token_secret, stored
from ops.signing_in import tokens_of

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
@click.option("--jwt", is_flag=True, required=True, help="The secret that tokens are signed with.")
@click.pass_obj
def rotate(output: Output, *, jwt: bool) -> None:
    """Replace a generated key; processes use it from the next start on.

    The key before it still verifies, until it is replaced again.
    """
    assert jwt, "nothing else can be rotated"
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
