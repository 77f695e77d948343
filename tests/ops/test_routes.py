"""The published routes are those that were agreed, and no other (http.md §4, proof.md; AC-99).

One more there is: `GET /api/ledger/periods`, for whoever closes one asks which are closed.
"""

from ops.http import published_document
from ops.settings import read_settings

ROUTES = """
GET    /
GET    /api/accounts
POST   /api/accounts
GET    /api/accounts/{id}
PUT    /api/accounts/{id}
POST   /api/accounts/{id}/activate
GET    /api/accounts/{id}/balance
GET    /api/accounts/{id}/balance/explain
POST   /api/accounts/{id}/close
POST   /api/accounts/{id}/deactivate
GET    /api/accounts/{id}/events
POST   /api/accounts/{id}/freeze
GET    /api/accounts/{id}/health
GET    /api/accounts/{id}/holds
PUT    /api/accounts/{id}/limits
GET    /api/accounts/{id}/statement
GET    /api/accounts/{id}/transactions
POST   /api/accounts/{id}/unfreeze
GET    /api/audit/checkpoints
GET    /api/audit/consistency
GET    /api/audit/log
GET    /api/audit/proofs/{position}
POST   /api/auth/login
POST   /api/auth/logout
POST   /api/auth/logout-all
GET    /api/auth/me
POST   /api/auth/refresh
GET    /api/auth/sessions
DELETE /api/auth/sessions/{id}
GET    /api/auth/validate
GET    /api/bank-connections
POST   /api/bank-connections
GET    /api/bank-connections/callback
DELETE /api/bank-connections/{id}
GET    /api/bank-connections/{id}
PUT    /api/bank-connections/{id}
POST   /api/bank-connections/{id}/reconnect
POST   /api/bank-connections/{id}/sync
GET    /api/banks
POST   /api/banks
GET    /api/banks/{id}
PUT    /api/banks/{id}
GET    /api/banks/{id}/branches
POST   /api/banks/{id}/branches
GET    /api/circuit-breakers
POST   /api/circuit-breakers/{name}/reset
GET    /api/docs
GET    /api/docs/openapi.json
GET    /api/events
GET    /api/events/{position}
POST   /api/fx/quotes
GET    /api/fx/quotes/{id}
GET    /api/fx/rates
GET    /api/health
GET    /api/health/detailed
GET    /api/health/live
GET    /api/health/ready
POST   /api/holds
GET    /api/holds/{id}
POST   /api/holds/{id}/capture
POST   /api/holds/{id}/release
GET    /api/idempotency/{key}
GET    /api/jobs
GET    /api/jobs/dead
POST   /api/jobs/dead/{id}/retry
DELETE /api/jobs/{id}
GET    /api/jobs/{id}
GET    /api/ledger/chart
GET    /api/ledger/export
GET    /api/ledger/periods
POST   /api/ledger/periods/{period}/close
POST   /api/ledger/periods/{period}/reopen
GET    /api/ledger/trial-balance
GET    /api/metrics
GET    /api/metrics/health
GET    /api/payments
POST   /api/payments
GET    /api/payments/stats
POST   /api/payments/validate
DELETE /api/payments/{id}
GET    /api/payments/{id}
PUT    /api/payments/{id}
POST   /api/payments/{id}/process
GET    /api/payments/{id}/status
GET    /api/postings/{id}
POST   /api/postings/{id}/reverse
GET    /api/problems
GET    /api/problems/category/{category}
GET    /api/problems/{reason}
GET    /api/profile
PUT    /api/profile
PUT    /api/profile/password
GET    /api/projections
POST   /api/projections/{name}/rebuild
GET    /api/reconciliation
POST   /api/reconciliation/{id}/resolve
GET    /api/reports/restatements
GET    /api/service-accounts
POST   /api/service-accounts
DELETE /api/service-accounts/{id}
GET    /api/service-accounts/{id}
POST   /api/service-accounts/{id}/rotate-key
GET    /api/stream
GET    /api/streams/{id}
GET    /api/swagger.json
GET    /api/trace/{correlation_id}
GET    /api/transactions
GET    /api/transactions/{id}
GET    /api/transactions/{id}/receipt
GET    /api/transfers
POST   /api/transfers
POST   /api/transfers/bulk
GET    /api/transfers/{id}
GET    /api/users
POST   /api/users
POST   /api/users/admin
GET    /api/users/keyset
GET    /api/users/stats
DELETE /api/users/{id}
GET    /api/users/{id}
PUT    /api/users/{id}
POST   /api/users/{id}/logout-all
GET    /api/users/{id}/sessions
GET    /api/webhook-endpoints
POST   /api/webhook-endpoints
DELETE /api/webhook-endpoints/{id}
GET    /api/webhook-endpoints/{id}
PUT    /api/webhook-endpoints/{id}
GET    /api/webhook-endpoints/{id}/deliveries
POST   /api/webhook-endpoints/{id}/rotate-secret
POST   /api/webhook-endpoints/{id}/test
GET    /api/webhooks
POST   /api/webhooks/banks/sync
POST   /api/webhooks/fraud/detection
POST   /api/webhooks/payments/status
POST   /api/webhooks/{provider}
GET    /api/ws
GET    /favicon.ico
GET    /robots.txt
"""


def test_every_agreed_route_is_published_and_no_other() -> None:
    document = published_document(read_settings({"LEDGERBANK_ENV": "test"}))
    published = {
        f"{method.upper()} {path}"
        for path, methods in document["paths"].items()
        for method in methods
    }
    assert published == {" ".join(line.split()) for line in ROUTES.split("\n") if line}
