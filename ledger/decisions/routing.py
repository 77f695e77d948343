"""The whole map of command → decision on one screen."""

from collections.abc import Callable
from typing import Any, TypeAlias

from ledger.commands.account import (
    ActivateAccount,
    CloseAccount,
    DeactivateAccount,
    FreezeAccount,
    OpenAccount,
    RenameAccount,
    SetLimits,
    UnfreezeAccount,
)
from ledger.commands.announcement import AnnounceMaintenance
from ledger.commands.audit import RecordSecurityEvent
from ledger.commands.bank import AddBranch, RegisterBank, UpdateBank
from ledger.commands.connection import (
    AuthoriseConnection,
    ChangeSyncFrequency,
    CompleteSync,
    DenyConnection,
    ExpireConnection,
    FailSync,
    RefreshTokens,
    ReopenConnection,
    ReportBalance,
    RequestConnection,
    RequestSync,
    RevokeConnection,
    StartSync,
    TakeBankAccount,
    TakeBankPage,
)
from ledger.commands.hold import (
    CaptureClientHold,
    ExpireHolds,
    PlaceClientHold,
    ReleaseClientHold,
)
from ledger.commands.job import CancelJob, RetryDeadLetter
from ledger.commands.payment import (
    CancelPayment,
    CompletePayment,
    CreatePayment,
    EditPayment,
    FailPayment,
    ProcessPayment,
    RecordSubmission,
    RehearsePayment,
)
from ledger.commands.period import ClosePeriod, ReopenPeriod
from ledger.commands.posting import ReversePosting
from ledger.commands.projection import RequestRebuild
from ledger.commands.quote import IssueQuote
from ledger.commands.reconciliation import ReportMissingPayment, ResolveDiscrepancy
from ledger.commands.service_account import (
    CreateServiceAccount,
    DisableServiceAccount,
    RotateServiceKey,
)
from ledger.commands.session import CloseSession, EndSession, RefreshSession, StartSession
from ledger.commands.transfer import MakeTransfer, MakeTransfers
from ledger.commands.user import (
    ChangeRole,
    DeleteUser,
    InvalidateSessions,
    ReactivateUser,
    RegisterUser,
    SetPassword,
    SetPasswordHash,
    SuspendUser,
    UpdateProfile,
    UpdateUser,
)
from ledger.commands.webhook import ReportBankNews, ReportFraud, ReportPayment
from ledger.commands.webhook_endpoint import (
    DisableEndpoint,
    PingEndpoint,
    RegisterEndpoint,
    RemoveEndpoint,
    RotateSecret,
    UpdateEndpoint,
)
from ledger.decisions.account_changes import change_state, rename_account, set_limits
from ledger.decisions.accounts import open_account
from ledger.decisions.announcements import announce_maintenance
from ledger.decisions.bank_accounts import report_balance, take_bank_account
from ledger.decisions.bank_history import take_bank_page
from ledger.decisions.banks import add_branch, register_bank, update_bank
from ledger.decisions.bulk import make_transfers
from ledger.decisions.captures import capture_client_hold
from ledger.decisions.connections import (
    authorise_connection,
    change_sync_frequency,
    end_connection,
    follow_sync,
    refresh_tokens,
    reopen_connection,
    request_connection,
    request_sync,
    revoke_connection,
)
from ledger.decisions.holds import expire_holds, place_client_hold, release_client_hold
from ledger.decisions.jobs import cancel_job, retry_dead_letter
from ledger.decisions.journal import record_security_event
from ledger.decisions.payments import create_payment, process_payment
from ledger.decisions.periods import close_period, reopen_period
from ledger.decisions.projections import request_rebuild
from ledger.decisions.quotes import issue_quote
from ledger.decisions.reconciliations import report_missing_payment, resolve_discrepancy
from ledger.decisions.rehearsals import rehearse_payment
from ledger.decisions.reversals import reverse_posting
from ledger.decisions.service_accounts import (
    create_service_account,
    disable_service_account,
    rotate_service_key,
)
from ledger.decisions.sessions import close_session, exchange, start_session
from ledger.decisions.settlements import complete_payment, fail_payment
from ledger.decisions.submissions import cancel_payment, edit_payment, record_submission
from ledger.decisions.transfers import make_transfer
from ledger.decisions.user_changes import (
    change_role,
    delete_user,
    reactivate_user,
    set_password,
    suspend_user,
    update_profile,
    update_user,
)
from ledger.decisions.users import invalidate_sessions, register_user, set_password_hash
from ledger.decisions.view import View
from ledger.decisions.webhook_endpoints import change_endpoint, register_endpoint
from ledger.decisions.webhooks import report_bank_news, report_fraud, report_payment
from ledger.errors import Refused

Decision: TypeAlias = Callable[[View, Any], str | Refused]
"""Records through the view and names the stream that answers; a returned `Refused` is told
after what was recorded has been committed."""

DECISIONS: dict[type, Decision] = {
    RegisterUser: register_user,
    InvalidateSessions: invalidate_sessions,
    SetPasswordHash: set_password_hash,
    UpdateUser: update_user,
    UpdateProfile: update_profile,
    ChangeRole: change_role,
    SuspendUser: suspend_user,
    ReactivateUser: reactivate_user,
    SetPassword: set_password,
    DeleteUser: delete_user,
    StartSession: start_session,
    RefreshSession: exchange,
    EndSession: exchange,
    CloseSession: close_session,
    CreateServiceAccount: create_service_account,
    RotateServiceKey: rotate_service_key,
    DisableServiceAccount: disable_service_account,
    OpenAccount: open_account,
    RenameAccount: rename_account,
    SetLimits: set_limits,
    FreezeAccount: change_state,
    UnfreezeAccount: change_state,
    DeactivateAccount: change_state,
    ActivateAccount: change_state,
    CloseAccount: change_state,
    MakeTransfer: make_transfer,
    MakeTransfers: make_transfers,
    ReversePosting: reverse_posting,
    IssueQuote: issue_quote,
    ClosePeriod: close_period,
    ReopenPeriod: reopen_period,
    CreatePayment: create_payment,
    RehearsePayment: rehearse_payment,
    EditPayment: edit_payment,
    ProcessPayment: process_payment,
    CancelPayment: cancel_payment,
    RecordSubmission: record_submission,
    CompletePayment: complete_payment,
    FailPayment: fail_payment,
    PlaceClientHold: place_client_hold,
    CaptureClientHold: capture_client_hold,
    ReleaseClientHold: release_client_hold,
    ExpireHolds: expire_holds,
    RegisterBank: register_bank,
    UpdateBank: update_bank,
    AddBranch: add_branch,
    RegisterEndpoint: register_endpoint,
    UpdateEndpoint: change_endpoint,
    RotateSecret: change_endpoint,
    PingEndpoint: change_endpoint,
    DisableEndpoint: change_endpoint,
    RemoveEndpoint: change_endpoint,
    RequestConnection: request_connection,
    ReopenConnection: reopen_connection,
    AuthoriseConnection: authorise_connection,
    RefreshTokens: refresh_tokens,
    DenyConnection: end_connection,
    ExpireConnection: end_connection,
    ChangeSyncFrequency: change_sync_frequency,
    RevokeConnection: revoke_connection,
    RequestSync: request_sync,
    StartSync: follow_sync,
    CompleteSync: follow_sync,
    FailSync: follow_sync,
    TakeBankAccount: take_bank_account,
    TakeBankPage: take_bank_page,
    ReportBalance: report_balance,
    ReportMissingPayment: report_missing_payment,
    ResolveDiscrepancy: resolve_discrepancy,
    ReportPayment: report_payment,
    ReportBankNews: report_bank_news,
    ReportFraud: report_fraud,
    CancelJob: cancel_job,
    RequestRebuild: request_rebuild,
    RetryDeadLetter: retry_dead_letter,
    AnnounceMaintenance: announce_maintenance,
    RecordSecurityEvent: record_security_event,
}
