"""The authorization server: consent page, codes for consent, tokens for codes."""

import base64
import binascii
import hmac
from collections.abc import Mapping
from urllib.parse import parse_qs, unquote_plus, urlencode, urlsplit

import msgspec

from ops.sandbox_bank.books import Books
from ops.sandbox_bank.chance import Chance
from ops.sandbox_bank.consent_page import consent_page, error_page
from ops.sandbox_bank.consents import (
    give_consent,
    issue_code,
    issue_tokens,
    revoke,
    spend_code,
    spend_refresh,
)
from ops.sandbox_bank.message import Rejected, Reply, Request, answer

CHALLENGE_CHARS = 43
ASKED = (
    "response_type", "client_id", "redirect_uri", "scope", "state", "code_challenge",
    "code_challenge_method", "auto", "login_hint",
)  # fmt: skip


class Client(msgspec.Struct, frozen=True):
    """Who may ask for consent here."""

    client_id: str
    client_secret: str


def authorize(books: Books, chance: Chance, client: Client, request: Request) -> Reply:
    """Show the page, or go straight back to the client when `auto` says how it ends."""
    asked = {name: request.query[name] for name in ASKED if name in request.query}
    if (objection := misdirected(asked, client)) is not None:
        return error_page(objection)
    if (code := unsound(asked)) is not None:
        return back(asked, {"error": code})
    username = asked.get("login_hint") or first_username(books)
    match asked.get("auto"):
        case "approve":
            return approve(books, chance, asked, username, None)
        case "deny":
            return back(asked, {"error": "access_denied"})
        case _:
            mine = [each for each in books.accounts.values() if each.username == username]
            return consent_page(asked, username, mine)


def decide(books: Books, chance: Chance, client: Client, request: Request) -> Reply:
    """Take the answer that the customer gave on the page."""
    form = request.form()
    asked = {name: form[name] for name in ASKED if name in form}
    if (objection := misdirected(asked, client)) is not None:
        return error_page(objection)
    if (code := unsound(asked)) is not None:
        return back(asked, {"error": code})
    if form.get("decision") != "approve":
        return back(asked, {"error": "access_denied"})
    username = form.get("username") or first_username(books)
    return approve(books, chance, asked, username, chosen(books, request, username))


def chosen(books: Books, request: Request, username: str) -> list[str] | None:
    """Return the accounts ticked on the page, or None for all that a customer has.

    A page that was shown for somebody else had no accounts of this one to tick.
    """
    ticked = parse_qs(request.body.decode("utf-8", "replace")).get("account", [])
    if request.form().get("shown_for", username) != username:
        return None
    mine = [each.id for each in books.accounts.values() if each.username == username]
    some = [each for each in mine if each in ticked]
    return None if len(some) == len(mine) else some


def misdirected(asked: Mapping[str, str], client: Client) -> str | None:
    """Return why nobody may be sent anywhere, if so."""
    if asked.get("client_id") != client.client_id:
        return "Unknown client_id."
    place = urlsplit(asked.get("redirect_uri", ""))
    if place.scheme not in {"http", "https"} or not place.netloc or place.fragment:
        return "redirect_uri must be an absolute address without fragment."
    return None


def unsound(asked: Mapping[str, str]) -> str | None:
    """Return the error code of what was asked, if any. PKCE with S256 is compulsory."""
    if asked.get("response_type") != "code":
        return "unsupported_response_type"
    if asked.get("code_challenge_method") != "S256":
        return "invalid_request"
    if len(asked.get("code_challenge", "")) != CHALLENGE_CHARS:
        return "invalid_request"
    return None


def first_username(books: Books) -> str:
    """Return whoever has an account here first."""
    return next((each.username for each in books.accounts.values()), "customer")


def approve(
    books: Books,
    chance: Chance,
    asked: Mapping[str, str],
    username: str,
    account_ids: list[str] | None,
) -> Reply:
    """Go back with a code."""
    consent = give_consent(books, chance, username, asked.get("scope", ""), account_ids)
    code = issue_code(books, chance, consent, asked["redirect_uri"], asked["code_challenge"])
    return back(asked, {"code": code})


def back(asked: Mapping[str, str], told: Mapping[str, str]) -> Reply:
    """Send the browser back to the client."""
    fields = {**told, **({"state": asked["state"]} if "state" in asked else {})}
    place = asked["redirect_uri"]
    joint = "&" if urlsplit(place).query else "?"
    headers = {"Location": f"{place}{joint}{urlencode(fields)}", "Cache-Control": "no-store"}
    return Reply(status=302, body=b"", headers=headers)


def token(books: Books, chance: Chance, client: Client, request: Request) -> Reply:
    """Hand out tokens for a code or a refresh token."""
    form = request.form()
    authenticate(client, request, form)
    refresh = form.get("refresh_token", "")
    match form.get("grant_type"):
        case "authorization_code":
            consent = spend_code(
                books,
                form.get("code", ""),
                form.get("redirect_uri", ""),
                form.get("code_verifier", ""),
            )
        case "refresh_token":
            consent = spend_refresh(books, refresh)
        case _:
            raise Rejected(400, "unsupported_grant_type")
    told = issue_tokens(books, chance, consent, refresh)
    return answer(told, headers={"Cache-Control": "no-store"})


def end(books: Books, client: Client, request: Request) -> Reply:
    """Revoke whatever stands behind a token."""
    form = request.form()
    authenticate(client, request, form)
    revoke(books, form.get("token", ""))
    return answer({})


def authenticate(client: Client, request: Request, form: Mapping[str, str]) -> None:
    """Refuse whoever is not the client; its secret comes in the form or as Basic."""
    name, secret = form.get("client_id", ""), form.get("client_secret", "")
    scheme, _, told = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() == "basic":
        name, secret = basic(told)
    proven = hmac.compare_digest(secret.encode(), client.client_secret.encode())
    if name != client.client_id or not proven:
        raise Rejected(401, "invalid_client")


def basic(told: str) -> tuple[str, str]:
    """Read HTTP Basic credentials as RFC 6749 §2.3.1 writes them."""
    try:
        name, _, secret = base64.b64decode(told, validate=True).decode().partition(":")
    except (binascii.Error, UnicodeDecodeError) as failure:
        raise Rejected(401, "invalid_client") from failure
    return unquote_plus(name), unquote_plus(secret)


def metadata(origin: str) -> Reply:
    """Say what this server can do (RFC 8414)."""
    return answer(
        {
            "issuer": origin,
            "authorization_endpoint": f"{origin}/oauth/authorize",
            "token_endpoint": f"{origin}/oauth2/token",
            "revocation_endpoint": f"{origin}/oauth2/revoke",
            "response_types_supported": ["code"],
            "grant_types_supported": ["authorization_code", "refresh_token"],
            "code_challenge_methods_supported": ["S256"],
            "token_endpoint_auth_methods_supported": ["client_secret_post", "client_secret_basic"],
        }
    )
