"""The policy matrix of identity.md §8 as data: who may do what to whose record, route by route.

A cell says for whom an action is open: `-` nobody who is not known (401), `no` nobody (403),
`own` their own record only, `others` everybody's but their own, `all` everybody's; for a service
account it names the scope, or says `no` or `all`.
"""

from typing import Any

import msgspec

ROLES = ("anonymous", "user", "support", "admin", "auditor", "service")
FORBIDDEN, UNAUTHORIZED = "insufficient_permissions", "unauthorized_access"
UNMET = {"if-match": '"999999999"'}
"""Lets a command through to its last check before anything happens, and no further."""


class Row(msgspec.Struct, frozen=True, kw_only=True):
    """One action on one route.

    `target`: what `{id}`, `{target}` and `{owner}` stand for in path, query and body.
    `admitted`: the statuses that say yes; `otherwise`: how somebody else's record is refused.
    """

    action: str
    method: str
    path: str
    cells: tuple[str, ...]
    target: str = ""
    query: str = ""
    body: Any = None
    headers: dict[str, str] = {}
    admitted: frozenset[int] = frozenset({200})
    otherwise: tuple[int, str] = (403, FORBIDDEN)

    @property
    def route(self) -> tuple[str, str]:
        """Return what the row binds to."""
        return self.method, self.path


def row(action: str, route: str, cells: str, *admitted: int, **more: Any) -> Row:
    """Write a row: `route` is method and path, `cells` are in the order of ROLES."""
    method, path = route.split()
    told = tuple(cells.split())
    assert len(told) == len(ROLES), action
    statuses = frozenset(admitted or {200})
    return Row(action=action, method=method, path=path, cells=told, admitted=statuses, **more)


def changing(action: str, route: str, cells: str, target: str, **more: Any) -> Row:
    """Write a row of a command on one resource, asked with a version it does not have."""
    return row(action, route, cells, 412, target=target, headers=UNMET, **more)


def by_role(action: str, route: str, cells: str, **more: Any) -> Row:
    """Write a row that only the role decides, asked so badly that nothing can come of it."""
    return row(action, route, cells, 400, target="malformed", body={"nonsense": 1}, **more)


EVERYBODY = "all all all all all all"
PEOPLE = "- own own own own no"
KNOWN = "- all all all all all"
READER, READER_OR_LEDGER = "- no all all all no", "- no all all all ledger:read"
INSPECTOR, ADMIN, STAFF = "- no no all all no", "- no no all no no", "- no all all no no"
READ_ACCOUNT = "- own all all all accounts:read"
READ, MOVE = "- own all all all no", "- own own all no transfers:write"
CHANGE, CHANGE_OR_STAFF = "- own own all no no", "- own all all no no"
PAYMENT = {
    "amount": "1.00",
    "direction": "DEBIT",
    "payment_type": "PAYMENT",
    "description": "Cell of {target}",
    "user_bank_account_id": "{target}",
}
TOO_MUCH = "9000000.00"
TRANSFER = {
    "source_account_id": "{target}",
    "destination_account_id": "{sink}",
    "amount": TOO_MUCH,
    "description": "Cell",
}
ACCOUNT = {
    "currency": "USD",
    "account_type": "CHECKING",
    "account_name": "Cell",
    "user_id": "{target}",
}
LISTENING = "- all all all all ledger:read"
OUTBOUND, SEEN = "GET /api/webhook-endpoints", "- own own all all no"
MONTH = "?from=2025-03-01&to=2025-03-31"

IDENTITIES = (
    row("problems", "GET /api/problems", EVERYBODY),
    row("health", "GET /api/health/live", EVERYBODY),
    row("docs", "GET /api/docs/openapi.json", EVERYBODY),
    row("webhook list", "GET /api/webhooks", EVERYBODY),
    row("register", "POST /api/users", "all all all all all no", 400, body={}),
    row("login", "POST /api/auth/login", "all all all all all no", 400, body={}),
    row("refresh", "POST /api/auth/refresh", "all all all all all no", 400, body={}),
    row("logout", "POST /api/auth/logout", "all all all all all no", 400, body={}),
    row("logout-all", "POST /api/auth/logout-all", PEOPLE, target="throwaway"),
    row("me", "GET /api/auth/me", PEOPLE, target="oneself"),
    row("sessions", "GET /api/auth/sessions", PEOPLE, target="oneself"),
    row(
        "sessions", "DELETE /api/auth/sessions/{id}", PEOPLE, target="session",
        otherwise=(404, "session_not_found"),
    ),
    row("profile read", "GET /api/profile", PEOPLE, target="oneself"),
    row("profile", "PUT /api/profile", PEOPLE, 400, target="oneself", body={}),
    row("password", "PUT /api/profile/password", PEOPLE, 400, target="oneself", body={}),
    row("validate token", "GET /api/auth/validate", KNOWN),
    row("list users", "GET /api/users", READER),
    row("list users, keyset", "GET /api/users/keyset", READER),
    row("user statistics", "GET /api/users/stats", INSPECTOR),
    row("read one user", "GET /api/users/{id}", READ, target="user"),
    row("time travel on users", "GET /api/users/{id}", READER, target="user", query="?at={now}"),
    row("create user with a role", "POST /api/users/admin", ADMIN, 400, body={}),
    changing(
        "update user by id", "PUT /api/users/{id}", "- no others all no no", "user",
        body={"full_name": "Another Name"},
    ),
    changing(
        "update a role", "PUT /api/users/{id}", "- no no all no no", "user",
        body={"role": "support"},
    ),
    changing("delete user", "DELETE /api/users/{id}", "- no no others no no", "user"),
    row("others' sessions: read", "GET /api/users/{id}/sessions", INSPECTOR, target="user"),
    row("others' sessions: end", "POST /api/users/{id}/logout-all", ADMIN, 404, target="unknown"),
    row("service accounts: read", "GET /api/service-accounts", INSPECTOR),
    row("service accounts: read", "GET /api/service-accounts/{id}", INSPECTOR, target="machine"),
    row("service accounts: manage", "POST /api/service-accounts", ADMIN, 400, body={}),
    changing(
        "service accounts: manage", "POST /api/service-accounts/{id}/rotate-key", ADMIN, "machine"
    ),
    changing("service accounts: manage", "DELETE /api/service-accounts/{id}", ADMIN, "machine"),
)  # fmt: skip

ACCOUNTS = (
    row(
        "open account", "POST /api/accounts", "- own all all no accounts:write", 201,
        target="user", body=ACCOUNT,
    ),
    row(
        "opening balance", "POST /api/accounts", "- no no others no no", 201,
        target="user", body=ACCOUNT | {"opening_balance": "1.00"},
    ),
    row(
        "credit limit", "POST /api/accounts", "- no no others no no", 201,
        target="user", body=ACCOUNT | {"account_type": "CREDIT", "credit_limit": "1.00"},
    ),
    changing(
        "limit overrides", "PUT /api/accounts/{id}/limits", "- no no others no no", "account",
        body={"daily_limit": "5.00"},
    ),
    row("read account", "GET /api/accounts", "- all all all all accounts:read"),
    row("read account", "GET /api/accounts", "- no all all all accounts:read", query="?scope=all"),
    *(
        row(
            "read account", f"GET /api/accounts/{{id}}{part}", READ_ACCOUNT, target="account",
            otherwise=(403, UNAUTHORIZED),
        )
        for part in ("", "/balance", "/transactions", "/holds")
    ),
    *(
        row(
            "time travel on accounts", f"GET /api/accounts/{{id}}{part}", READ_ACCOUNT,
            target="account", query="?at={now}", otherwise=(403, UNAUTHORIZED),
        )
        for part in ("", "/balance")
    ),
    row("transactions", "GET /api/transactions", "- all all all all accounts:read"),
    row(
        "transactions", "GET /api/transactions", READ_ACCOUNT, target="account",
        query="?account_id={target}", otherwise=(403, UNAUTHORIZED),
    ),
    row(
        "transactions", "GET /api/transactions/{id}", READ_ACCOUNT, target="transaction",
        otherwise=(403, UNAUTHORIZED),
    ),
    row(
        "receipts", "GET /api/transactions/{id}/receipt", READ_ACCOUNT, 404, target="transaction",
        otherwise=(403, UNAUTHORIZED),
    ),
    *(
        row(
            "account health, history, statement", f"GET /api/accounts/{{id}}/{part}", READ,
            target="account", query=query, otherwise=(403, UNAUTHORIZED),
        )
        for part, query in (
            ("health", ""), ("events", ""), ("balance/explain", ""), ("statement", MONTH)
        )
    ),
    changing(
        "rename account", "PUT /api/accounts/{id}", CHANGE_OR_STAFF, "account",
        body={"account_name": "Renamed"}, otherwise=(403, UNAUTHORIZED),
    ),
    *(
        changing(
            "deactivate, activate", f"POST /api/accounts/{{id}}/{part}", CHANGE_OR_STAFF,
            "account", otherwise=(403, UNAUTHORIZED),
        )
        for part in ("deactivate", "activate")
    ),
    *(
        changing(
            "freeze, unfreeze", f"POST /api/accounts/{{id}}/{part}", STAFF, "account",
            body={"reason": "Cell"},
        )
        for part in ("freeze", "unfreeze")
    ),
    changing(
        "close account", "POST /api/accounts/{id}/close", CHANGE, "account",
        otherwise=(403, UNAUTHORIZED),
    ),
)  # fmt: skip

PAYMENTS = (
    row(
        "create payment", "POST /api/payments", CHANGE, 201, target="account", body=PAYMENT,
        otherwise=(403, UNAUTHORIZED),
    ),
    row(
        "validate payment", "POST /api/payments/validate", CHANGE, target="account", body=PAYMENT,
        otherwise=(403, UNAUTHORIZED),
    ),
    row("list payments", "GET /api/payments", "- all all all all no"),
    row("list payments", "GET /api/payments", "- no all all all no", query="?scope=all"),
    row("read payment", "GET /api/payments/{id}", READ, target="payment"),
    row("time travel on payments", "GET /api/payments/{id}", READ, target="payment",
        query="?at={now}"),
    row("read payment", "GET /api/payments/{id}/status", READ, target="payment"),
    changing(
        "edit payment text", "PUT /api/payments/{id}", CHANGE, "payment",
        body={"description": "Other text"},
    ),
    changing("process payment", "POST /api/payments/{id}/process", CHANGE, "payment"),
    row(
        "confirm money in", "POST /api/payments/{id}/process", "- no no others no no", 202,
        target="money in",
    ),
    changing("cancel payment", "DELETE /api/payments/{id}", CHANGE_OR_STAFF, "payment"),
    row(
        "payment statistics", "GET /api/payments/stats", READ, target="user",
        query="?user_id={target}",
    ),
)  # fmt: skip

MOVEMENTS = (
    row(
        "transfer from an account", "POST /api/transfers", MOVE, 422, target="account",
        body=TRANSFER, otherwise=(403, UNAUTHORIZED),
    ),
    row(
        "bulk transfer", "POST /api/transfers/bulk", MOVE, 422, target="account",
        body={"transfers": [TRANSFER]}, otherwise=(422, UNAUTHORIZED),
    ),
    row("read transfer", "GET /api/transfers", "- all all all all accounts:read"),
    row(
        "read transfer", "GET /api/transfers/{id}", READ_ACCOUNT, target="transfer",
        otherwise=(403, UNAUTHORIZED),
    ),
    row(
        "place hold", "POST /api/holds", "- own own all no holds:write", 422, target="account",
        body={"account_id": "{target}", "amount": TOO_MUCH, "description": "Cell"},
        otherwise=(403, UNAUTHORIZED),
    ),
    row(
        "read hold", "GET /api/holds/{id}", READ_ACCOUNT, target="hold",
        otherwise=(403, UNAUTHORIZED),
    ),
    changing(
        "capture hold", "POST /api/holds/{id}/capture", "- own own all no holds:write", "hold",
        body={"destination_account_id": "{sink}"},
    ),
    changing(
        "release hold", "POST /api/holds/{id}/release", "- own all all no holds:write", "hold"
    ),
    row(
        "read posting", "GET /api/postings/{id}", "- own all all all ledger:read", target="posting"
    ),
    row(
        "reverse posting", "POST /api/postings/{id}/reverse", "- no no others no transfers:write",
        201, 409, 422, target="posting", body={"reason": "Cell"},
    ),
    row("trial balance", "GET /api/ledger/trial-balance", READER_OR_LEDGER),
    row("chart", "GET /api/ledger/chart", READER_OR_LEDGER),
    row("periods: read", "GET /api/ledger/periods", READER_OR_LEDGER),
    by_role("periods: close", "POST /api/ledger/periods/{period}/close", ADMIN),
    by_role("periods: reopen", "POST /api/ledger/periods/{period}/reopen", ADMIN),
    row("export", "GET /api/ledger/export", INSPECTOR, query="?format=csv"),
    row("restatements", "GET /api/reports/restatements", READER_OR_LEDGER),
    row("FX quote", "POST /api/fx/quotes", "- all all all no transfers:write", 400, body={}),
    row(
        "FX quote: read", "GET /api/fx/quotes/{id}", "- own all all all transfers:write",
        target="quote",
    ),
    row("FX rates", "GET /api/fx/rates", KNOWN),
)  # fmt: skip

WHOLE_BANK = (
    row("banks: read", "GET /api/banks", KNOWN),
    row("banks: read", "GET /api/banks/{id}", KNOWN, 404, target="unknown"),
    row("branches: read", "GET /api/banks/{id}/branches", KNOWN, 404, target="unknown"),
    row("banks: create", "POST /api/banks", ADMIN, 400, body={}),
    by_role("banks: change", "PUT /api/banks/{id}", ADMIN),
    by_role("branches: create", "POST /api/banks/{id}/branches", ADMIN),
    row(
        "connect",
        "POST /api/bank-connections",
        "- own own own no no",
        400,
        target="oneself",
        body={},
    ),
    row("connections: list", "GET /api/bank-connections", "- own own own own no", target="oneself"),
    row("connections: list", "GET /api/bank-connections", "- all all all all no"),
    row("connections: read", "GET /api/bank-connections/{id}", READ, target="connection"),
    changing(
        "change frequency",
        "PUT /api/bank-connections/{id}",
        CHANGE_OR_STAFF,
        "connection",
        body={"sync_frequency": 600},
    ),
    changing("revoke", "DELETE /api/bank-connections/{id}", CHANGE_OR_STAFF, "connection"),
    row(
        "reconnect",
        "POST /api/bank-connections/{id}/reconnect",
        "- own own own no no",
        412,
        422,
        target="connection",
        headers=UNMET,
    ),
    row(
        "sync",
        "POST /api/bank-connections/{id}/sync",
        CHANGE_OR_STAFF,
        422,
        target="connection",
    ),
    row("reconciliation: read", "GET /api/reconciliation", READER),
    by_role("reconciliation: resolve", "POST /api/reconciliation/{id}/resolve", ADMIN),
    row("jobs: read", "GET /api/jobs", READER),
    row("jobs: read one", "GET /api/jobs/{id}", READ, target="job"),
    row("trace", "GET /api/trace/{correlation_id}", READER, 404, target="unknown"),
    row("dead letters: read", "GET /api/jobs/dead", READER),
    by_role("cancel job", "DELETE /api/jobs/{id}", STAFF),
    by_role("retry dead letter", "POST /api/jobs/dead/{id}/retry", STAFF),
    row(
        "projections: rebuild", "POST /api/projections/{name}/rebuild", ADMIN, 404, target="unknown"
    ),
    row("projections: read", "GET /api/projections", READER),
    row("own keys", "GET /api/idempotency/{key}", KNOWN, 404, target="unknown"),
    row("breakers: read", "GET /api/circuit-breakers", READER),
    row(
        "breakers: reset",
        "POST /api/circuit-breakers/{name}/reset",
        ADMIN,
        404,
        target="unknown",
    ),
    row("events", "GET /api/events", INSPECTOR),
    by_role("events", "GET /api/events/{position}", INSPECTOR),
    row("streams", "GET /api/streams/{id}", INSPECTOR, 404, target="unknown"),
    row("audit log", "GET /api/audit/log", INSPECTOR),
    row("webhook endpoints: list", OUTBOUND, "- all all all all no"),
    row("webhook endpoints: read", f"{OUTBOUND}/{{id}}", SEEN, target="endpoint"),
    row("webhook endpoints: read", f"{OUTBOUND}/{{id}}/deliveries", SEEN, target="endpoint"),
    row("webhook endpoints", "POST /api/webhook-endpoints", "- all all all no no", 400, body={}),
    row(
        "webhook endpoints: all", "POST /api/webhook-endpoints", ADMIN, 201,
        body={"url": "https://1.1.1.1/", "event_types": ["*"], "scope": "all"},
    ),
    *(
        changing(
            "webhook endpoints: change", f"{method} /api/webhook-endpoints/{{id}}{end}", CHANGE,
            "endpoint", **more,
        )
        for method, end, more in (
            ("PUT", "", {"body": {"status": "DISABLED"}}),
            ("DELETE", "", {}),
            ("POST", "/rotate-secret", {}),
        )
    ),
    row(
        "webhook endpoints: test", "POST /api/webhook-endpoints/{id}/test", CHANGE, 202,
        target="endpoint",
    ),
    row("stream", "GET /api/stream", LISTENING, 400, query="?last_event_id=nonsense"),
    row("checkpoints", "GET /api/audit/checkpoints", INSPECTOR),
    by_role("proofs", "GET /api/audit/proofs/{position}", INSPECTOR),
    row("proofs", "GET /api/audit/consistency", INSPECTOR, 400),
)  # fmt: skip

MATRIX = (*IDENTITIES, *ACCOUNTS, *PAYMENTS, *MOVEMENTS, *WHOLE_BANK)
