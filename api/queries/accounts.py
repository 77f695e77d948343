"""Questions about accounts: which there are, what they hold, what happened on them."""

from typing import get_args

from msgspec.structs import replace

from api.call import Call
from api.callers import HUMAN
from api.endpoint import Endpoint
from api.envelope import encoded, now_text
from api.lists import ListMetadata, list_fields, listed, owner_of, read_list, refuse_others
from api.reading import Reading, is_service, viewer_of, visible
from api.reply import Reply
from api.shapes import Account, AccountType, Balance, Transaction
from api.time_travel import (
    KNOWN_AT,
    TRAVEL,
    ListTravelled,
    Travelled,
    as_of,
    asked_knowledge,
    asked_moment,
    then,
)
from ledger.errors import Reason
from ledger.policies import access
from ledger.policies.limits import Rules
from projections import accounts, looking_back, transactions
from projections.accounts import View
from projections.items import Item
from projections.moments import Moment
from projections.two_clocks import holdings
from schema.postgres import Pool

READS_ACCOUNTS = HUMAN.or_service("accounts:read")
NOT_TO_BE_SEEN = (Reason.UNAUTHORIZED_ACCESS, Reason.ACCOUNT_NOT_FOUND)


async def list_accounts(call: Call) -> Reply:
    """List the caller's accounts, or whose a reader asks for."""
    reading, moment = call.use(Reading), await asked_moment(call)
    if moment is not None:
        return await list_accounts_then(call, moment)
    wanted = read_list(call, accounts.LISTING)
    owner, shown = owner_of(call, wanted), view(reading.rules)
    return listed(await accounts.page(reading.pool, wanted, owner, shown))


async def list_accounts_then(call: Call, moment: Moment) -> Reply:
    """List accounts as they were; a cursor belongs to that moment."""
    reading, name = call.use(Reading), f"accounts at {moment.position}"
    wanted = read_list(call, replace(accounts.LISTING, name=name))
    owner, shown = owner_of(call, wanted), view(reading.rules, moment.at)
    page = await looking_back.account_page(reading.past, wanted, owner, moment, shown)
    return listed(page, as_of=as_of(moment))


async def show_account(call: Call) -> Reply:
    """Show one account with its effective limits."""
    reading, moment, account_id = call.use(Reading), await asked_moment(call), call.path["id"]
    if moment is not None:
        then_shown = view(reading.rules, moment.at)
        found = await looking_back.account(reading.past, account_id, moment, then_shown)
        return then(readable(call, found), moment)
    shown = view(reading.rules)
    account = readable(call, await accounts.one(reading.pool, call.path["id"], shown))
    asked = b"if-none-match" in call.headers
    lasting = not (asked and await has_lapsed(reading.pool, call.path["id"], shown.now))
    return Reply(data=account.data, version=account.version, lasting=lasting)


async def show_balance(call: Call) -> Reply:
    """Show what an account holds, or held at another time, as far as it was known then."""
    knowledge = await asked_knowledge(call)
    if knowledge is not None:
        at, known = knowledge
        held = await holdings(call.use(Reading).past, call.path["id"], at, known)
        told = as_of(at, known if "known_at" in call.query else None)
        return Reply(data=readable(call, held).data, metadata=encoded({"as_of": told}))
    found = await accounts.balance(call.use(Reading).pool, call.path["id"], now_text())
    return Reply(data=readable(call, found).data)


async def list_account_transactions(call: Call) -> Reply:
    """List what happened on one account."""
    pool, account_id = call.use(Reading).pool, call.path["id"]
    wanted = read_list(call, transactions.LISTING, account_id=account_id)
    readable(call, await accounts.balance(pool, account_id, now_text()))
    if not is_service(call):
        refuse_others(call, wanted)
    return listed(await transactions.page(pool, wanted, wanted.user_id, viewer_of(call)))


def readable(call: Call, account: Item | None) -> Item:
    """Return an account that is there and open to the caller."""
    return visible(call, account, access.may_read_account, Reason.ACCOUNT_NOT_FOUND)


def view(rules: Rules, at: str | None = None) -> View:
    """Return how accounts look now, or at `at`: the limits of those that have none of their own."""
    limits = {
        kind: str(rules.daily_limits.get(kind, rules.daily_limit_default))
        for kind in get_args(AccountType)
    }
    return View(at or now_text(), limits, str(rules.single_limit))


async def has_lapsed(pool: Pool, account_id: str, now: str) -> bool:
    """Say whether a hold stopped counting without a new version of its account."""
    async with pool.connection() as connection:
        row = await (await connection.execute(HAS_LAPSED, (account_id, now))).fetchone()
    assert row is not None
    return bool(row[0])


ENDPOINTS = (
    Endpoint(
        method="GET",
        path="/api/accounts",
        handler=list_accounts,
        who=READS_ACCOUNTS,
        summary="List accounts",
        tag="Accounts",
        query=(*list_fields(accounts.LISTING), *TRAVEL),
        reads=("accounts",),
        listed=True,
        data=list[Account],
        metadata=ListTravelled,
    ),
    Endpoint(
        method="GET",
        path="/api/accounts/{id}",
        handler=show_account,
        who=READS_ACCOUNTS,
        summary="Show an account",
        tag="Accounts",
        query=TRAVEL,
        reads=("accounts",),
        data=Account,
        metadata=Travelled,
        reasons=NOT_TO_BE_SEEN,
    ),
    Endpoint(
        method="GET",
        path="/api/accounts/{id}/balance",
        handler=show_balance,
        who=READS_ACCOUNTS,
        summary="Show what an account holds",
        tag="Accounts",
        query=(*TRAVEL, KNOWN_AT),
        reads=("accounts",),
        data=Balance,
        metadata=Travelled,
        reasons=NOT_TO_BE_SEEN,
    ),
    Endpoint(
        method="GET",
        path="/api/accounts/{id}/transactions",
        handler=list_account_transactions,
        who=READS_ACCOUNTS,
        summary="List what happened on an account",
        tag="Accounts",
        query=list_fields(transactions.LISTING, "account_id"),
        reads=("accounts", "transactions"),
        listed=True,
        data=list[Transaction],
        metadata=ListMetadata,
        reasons=NOT_TO_BE_SEEN,
    ),
)
HAS_LAPSED = """
SELECT EXISTS (SELECT FROM read.account_holds WHERE account_id = %s AND expires_at <= %s)
"""
