"""Decisions about connections with outside banks: wished, consented to, ended (banking.md §2)."""

from ledger.aggregates import account, connection
from ledger.aggregates.account_states import Open
from ledger.aggregates.connection_states import Connection, Pending, Revoked, lapsed
from ledger.commands.account import UnlinkAccount
from ledger.commands.connection import (
    AuthoriseConnection,
    CancelSync,
    ChangeSyncFrequency,
    CompleteSync,
    DenyConnection,
    ExpireConnection,
    FailSync,
    RefreshTokens,
    ReopenConnection,
    RequestConnection,
    RequestSync,
    RevokeConnection,
    SealedTokens,
    StartSync,
)
from ledger.decisions.banks import listed
from ledger.decisions.callers import active_owner
from ledger.decisions.view import Claim, View
from ledger.errors import Reason, Refused
from ledger.events.connection import ConnectionExpired, ConnectionRequested
from ledger.events.event import Sealed, sealed
from ledger.policies import access

TRIPLE, EXTERNAL_ACCOUNT = "connection", "external_account"
TOKENS = "bank_tokens"


def request_connection(view: View, command: RequestConnection) -> str:
    """Ask for a connection; the same triple that nobody consented to yet gives way."""
    access.may_connect(view.caller, command.user_id)
    stream = f"connection-{command.connection_id}"
    bank = listed(view, command.bank_id)
    if command.bank_branch_id not in bank.branches:
        raise Refused(Reason.BRANCH_NOT_FOUND, field="bank_branch_id")
    provider = bank.bank.provider
    if bank.bank.status != "ACTIVE" or provider is None:
        raise Refused(Reason.CONNECTION_INACTIVE, status=bank.bank.status, provider=provider)
    username = sealed(command.username)
    key = triple(view, command.user_id, command.bank_branch_id, username)
    if isinstance(view.begin(stream), Connection):
        return stream
    take_triple(view, key, command.connection_id)
    view.record(
        stream,
        ConnectionRequested(
            user_id=command.user_id,
            bank_id=command.bank_id,
            bank_branch_id=command.bank_branch_id,
            bank_code=bank.bank.code,
            provider=provider,
            username=username,
            sync_frequency=command.sync_frequency,
        ),
    )
    return stream


def triple(view: View, user_id: str, branch_id: str, username: Sealed) -> str:
    """Return the keyed hash of user, branch and user name."""
    return view.digest(TRIPLE, user_id, branch_id, view.reveal(username) or "")


def triple_of(view: View, known: Connection) -> str:
    """Return the keyed hash that stands for a connection there is."""
    terms = known.terms
    return triple(view, terms.user_id, terms.bank_branch_id, terms.username)


def take_triple(view: View, key: str, connection_id: str) -> None:
    """Hold a triple; refused while another connection has it that was ever consented to."""
    held = view.claim(TRIPLE, key)
    if held is not None and held.holder != connection_id:
        other = view.state(f"connection-{held.holder}")
        if other.consent is not None and not isinstance(other.condition, Revoked):
            raise Refused(Reason.CONNECTION_ALREADY_EXISTS, connection_id=held.holder)
        if isinstance(other.condition, Pending):
            superseded = ConnectionExpired(reason="not_authorised")
            view.record(f"connection-{held.holder}", superseded)
    view.change_claim(TRIPLE, key, Claim(connection_id))


def reopen_connection(view: View, command: ReopenConnection) -> str:
    """Let the customer consent once more; the consent, when it comes, is what is recorded."""
    stream = f"connection-{command.connection_id}"
    known = existing(view, command.connection_id)
    access.may_reconnect(view.caller, known.terms.user_id)
    view.match_version(stream)
    if isinstance(known.condition, Revoked):
        raise Refused(Reason.CONNECTION_INACTIVE, status=known.status)
    bank = listed(view, known.terms.bank_id).bank
    if bank.status != "ACTIVE" or bank.provider is None:
        raise Refused(Reason.CONNECTION_INACTIVE, status=bank.status, provider=bank.provider)
    return stream


def authorise_connection(view: View, command: AuthoriseConnection) -> str:
    """Take a consent and its tokens, and ask for the first sync."""
    stream = f"connection-{command.connection_id}"
    known = existing(view, command.connection_id)
    if not active_owner(view, known.terms.user_id):
        raise Refused(Reason.INVALID_OAUTH_STATE, parameter="state")
    events = connection.decide(known, command, view.now, view.caller.id)
    if events:
        take_triple(view, triple_of(view, known), command.connection_id)
        view.record(stream, *events)
        keep_tokens(view, command.connection_id, command.tokens)
    return stream


def refresh_tokens(view: View, command: RefreshTokens) -> str:
    """Replace the tokens of a connection that lives."""
    stream = f"connection-{command.connection_id}"
    known = existing(view, command.connection_id)
    events = connection.decide(known, command, view.now, view.caller.id)
    view.record(stream, *events)
    if events:
        keep_tokens(view, command.connection_id, command.tokens)
    return stream


def keep_tokens(view: View, connection_id: str, tokens: SealedTokens) -> None:
    """Write ciphertext beside the log, in its transaction."""
    view.keep(
        TOKENS,
        connection_id,
        {
            "token_ref": tokens.token_ref,
            "key_id": tokens.key_id,
            "access": tokens.access,
            "refresh": tokens.refresh,
            "expires_at": tokens.expires_at,
        },
    )


def end_connection(view: View, command: DenyConnection | ExpireConnection) -> str:
    """End a consent, or the wait for one; a triple that nobody consented to is free again."""
    stream = f"connection-{command.connection_id}"
    known = existing(view, command.connection_id)
    events = connection.decide(known, command, view.now, None)
    if events and known.consent is None:
        view.release(TRIPLE, triple_of(view, known), command.connection_id)
    view.record(stream, *events)
    return stream


def change_sync_frequency(view: View, command: ChangeSyncFrequency) -> str:
    """Sync more or less often from now on."""
    stream = f"connection-{command.connection_id}"
    known = existing(view, command.connection_id)
    access.may_keep_connection(view.caller, known.terms.user_id)
    view.match_version(stream)
    view.record(stream, *connection.decide(known, command, view.now, view.caller.id))
    return stream


def request_sync(view: View, command: RequestSync) -> str:
    """Ask for a sync; one that serves is not asked for again."""
    stream = f"connection-{command.connection_id}"
    known = existing(view, command.connection_id)
    access.may_keep_connection(view.caller, known.terms.user_id)
    view.record(stream, *connection.decide(known, command, view.now, view.caller.id))
    return stream


def follow_sync(view: View, command: StartSync | CompleteSync | FailSync | CancelSync) -> str:
    """Record how far a sync has come."""
    stream = f"connection-{command.connection_id}"
    known = existing(view, command.connection_id)
    view.record(stream, *connection.decide(known, command, view.now, None))
    return stream


def revoke_connection(view: View, command: RevokeConnection) -> str:
    """End a connection for good; its accounts stay and mirror nothing any more."""
    stream = f"connection-{command.connection_id}"
    known = existing(view, command.connection_id)
    access.may_keep_connection(view.caller, known.terms.user_id)
    view.match_version(stream)
    events = connection.decide(known, command, view.now, view.caller.id)
    if events:
        unlink_all(view, command.connection_id, known)
        view.release(TRIPLE, triple_of(view, known), command.connection_id)
    view.record(stream, *events)
    return stream


def unlink_all(view: View, connection_id: str, known: Connection) -> None:
    """Take the link from every account that mirrors one through this connection."""
    view.gather(f"account-{account_id}" for account_id in known.accounts.values())
    for external, account_id in known.accounts.items():
        stream = f"account-{account_id}"
        state = view.state(stream)
        if isinstance(state, Open) and state.bank_connection_id == connection_id:
            view.record(stream, *account.decide(state, UnlinkAccount(account_id=account_id)))
            view.release(EXTERNAL_ACCOUNT, f"{known.terms.provider}/{external}", account_id)


def existing(view: View, connection_id: str, field: str = "id") -> Connection:
    """Return a connection there is, or refuse."""
    known = view.state(f"connection-{connection_id}")
    if not isinstance(known, Connection):
        raise Refused(Reason.CONNECTION_NOT_FOUND, field=field)
    return known


def refuse_unreachable(view: View, source: Open) -> None:
    """Refuse to send a payment through a connection that does not work (ledger.md §6.3)."""
    if source.bank_connection_id is None:
        raise Refused(Reason.RAIL_UNAVAILABLE)
    known = existing(view, source.bank_connection_id)
    if known.status != "ACTIVE" or lapsed(known, view.now) is not None:
        raise Refused(Reason.CONNECTION_INACTIVE, status=known.status)
