"""The whole map of command → decision on one screen."""

from collections.abc import Callable
from typing import Any, TypeAlias

from ledger.commands.account import OpenAccount
from ledger.commands.audit import RecordSecurityEvent
from ledger.commands.bank import AddBranch, RegisterBank
from ledger.commands.payment import (
    CancelPayment,
    CompletePayment,
    CreatePayment,
    FailPayment,
    ProcessPayment,
    RecordSubmission,
    RehearsePayment,
)
from ledger.commands.session import EndSession, RefreshSession, StartSession
from ledger.commands.transfer import MakeTransfer
from ledger.commands.user import InvalidateSessions, RegisterUser, SetPasswordHash
from ledger.decisions.accounts import open_account
from ledger.decisions.banks import add_branch, register_bank
from ledger.decisions.journal import record_security_event
from ledger.decisions.payments import create_payment, process_payment
from ledger.decisions.rehearsals import rehearse_payment
from ledger.decisions.sessions import exchange, start_session
from ledger.decisions.settlements import complete_payment, fail_payment
from ledger.decisions.submissions import cancel_payment, record_submission
from ledger.decisions.transfers import make_transfer
from ledger.decisions.users import invalidate_sessions, register_user, set_password_hash
from ledger.decisions.view import View
from ledger.errors import Refused

Decision: TypeAlias = Callable[[View, Any], str | Refused]
"""Records through the view and names the stream that answers; a returned `Refused` is told
after what was recorded has been committed."""

DECISIONS: dict[type, Decision] = {
    RegisterUser: register_user,
    InvalidateSessions: invalidate_sessions,
    SetPasswordHash: set_password_hash,
    StartSession: start_session,
    RefreshSession: exchange,
    EndSession: exchange,
    OpenAccount: open_account,
    MakeTransfer: make_transfer,
    CreatePayment: create_payment,
    RehearsePayment: rehearse_payment,
    ProcessPayment: process_payment,
    CancelPayment: cancel_payment,
    RecordSubmission: record_submission,
    CompletePayment: complete_payment,
    FailPayment: fail_payment,
    RegisterBank: register_bank,
    AddBranch: add_branch,
    RecordSecurityEvent: record_security_event,
}
