"""OAuth2 as banks speak it: authorization URLs, and the forms of the token endpoint (RFC 6749)."""

from collections.abc import Mapping
from typing import Annotated, Any
from urllib.parse import urlencode

import msgspec

from ledger.errors import Reason
from workers.banks.calls import Call, Calls, Objection
from workers.banks.port import Authorization, Grant, Tokens
from workers.breakers import bank_api
from workers.retries import Failed

REFUSED_REFRESH = frozenset({"invalid_grant", "unauthorized.bad_refresh_token"})
UNKNOWN_TOKEN = frozenset({400, 401, 404})


class TokenAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """What a token endpoint answers; `consent_expires_in` is told by those that know."""

    access_token: Annotated[str, msgspec.Meta(min_length=1)]
    expires_in: Annotated[int, msgspec.Meta(gt=0)]
    refresh_token: str | None = None
    scope: str | None = None
    user_id: str | None = None
    consent_expires_in: int | None = None

    def tokens(self) -> Tokens:
        """Return the same in the words of the port."""
        return Tokens(
            access_token=self.access_token,
            expires_in_seconds=self.expires_in,
            refresh_token=self.refresh_token,
            scope=self.scope or "",
            external_user_id=self.user_id,
            consent_expires_in_seconds=self.consent_expires_in,
        )


class OAuthClient(msgspec.Struct, frozen=True, kw_only=True):
    """Us, as one provider's authorization server knows us."""

    calls: Calls
    client_id: str
    client_secret: str
    authorize_url: str
    token_url: str

    def authorization_url(
        self, wish: Authorization, scope: str | None, extra: Mapping[str, str]
    ) -> str:
        """Return where a customer is asked for consent."""
        fields = {
            "response_type": "code",
            "client_id": self.client_id,
            "redirect_uri": wish.redirect_uri,
            "state": wish.state,
            **({} if scope is None else {"scope": scope}),
            **extra,
        }
        return f"{self.authorize_url}?{urlencode(fields)}"

    def exchange(self, grant: Grant) -> Tokens:
        """Turn a code into tokens."""
        form = {
            "grant_type": "authorization_code",
            "code": grant.code,
            "redirect_uri": grant.redirect_uri,
            **({} if grant.code_verifier is None else {"code_verifier": grant.code_verifier}),
        }
        try:
            return self.asked("exchange_code", form)
        except Objection:
            raise Failed(Reason.BANK_API_ERROR) from None

    def refresh(self, refresh_token: str) -> Tokens:
        """Turn a refresh token into new tokens."""
        form = {"grant_type": "refresh_token", "refresh_token": refresh_token}
        try:
            return self.asked("refresh", form)
        except Objection as objection:
            refused = objection.code in REFUSED_REFRESH
            reason = Reason.CONSENT_EXPIRED if refused else Reason.BANK_API_ERROR
            raise Failed(reason) from None

    def asked(self, operation: str, form: dict[str, str]) -> Tokens:
        """Ask the token endpoint, once: a token may be spent by a call whose answer is lost."""
        call = Call(
            operation=operation,
            method="POST",
            url=self.token_url,
            shape=TokenAnswer,
            breaker=bank_api(self.calls.provider),
            form={**form, **self.proof()},
        )
        return self.calls.ask(call).tokens()

    def revoke(self, url: str, token: str) -> None:
        """End what a token allows (RFC 7009)."""
        call = Call[Any](
            operation="revoke",
            method="POST",
            url=url,
            shape=object,
            breaker=bank_api(self.calls.provider),
            form={"token": token, **self.proof()},
        )
        try:
            self.calls.ask(call)
        except Objection as objection:
            if objection.status not in UNKNOWN_TOKEN:
                raise Failed(Reason.BANK_API_ERROR) from None

    def proof(self) -> dict[str, str]:
        """Return what proves that we are the client."""
        return {"client_id": self.client_id, "client_secret": self.client_secret}
