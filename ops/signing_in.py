"""Settings → what signing in is made of: keys and terms of tokens, patience with failed logins."""

from api.throttle import Patience
from api.token_keys import signing_key
from api.tokens import Terms, TokenKeys
from ops.settings import Settings


def tokens_of(settings: Settings) -> TokenKeys:
    """Return the keys and terms of tokens."""
    identity = settings.identity
    signing = signing_key(
        secret=identity.jwt_secret,
        private_key=identity.jwt_private_key,
        kid=identity.jwt_key_id,
    )
    terms = Terms(
        issuer=identity.jwt_issuer,
        audience=identity.jwt_audience,
        access_seconds=identity.access_token_ttl_seconds,
        refresh_seconds=identity.refresh_token_ttl_seconds,
    )
    return TokenKeys(signing, identity.jwt_previous_keys, terms)


def patience_of(settings: Settings) -> Patience:
    """Return how failed logins are slowed down."""
    identity = settings.identity
    return Patience(identity.login_failures_before_delay, identity.login_max_delay_seconds)
