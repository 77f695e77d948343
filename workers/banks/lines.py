"""What all adapters read alike: amounts, currencies, times and ids as banks send them."""

from datetime import UTC, datetime
from typing import Annotated, TypeAlias

import msgspec

from ledger.errors import Reason
from ledger.times import utc_text
from workers.banks.calls import Objection
from workers.banks.port import AccessRefused
from workers.retries import Failed

Id: TypeAlias = Annotated[str, msgspec.Meta(min_length=1, max_length=255)]
CurrencyCode: TypeAlias = Annotated[str, msgspec.Meta(pattern="^[A-Z]{3}$")]
Minor: TypeAlias = Annotated[int, msgspec.Meta(ge=-(2**63), le=2**63 - 1)]
Moment: TypeAlias = Annotated[datetime, msgspec.Meta(tz=True)]

BEGINNING = utc_text(datetime(1970, 1, 1, tzinfo=UTC))
"""Earlier than any line."""
UNAUTHORIZED, FORBIDDEN = 401, 403


def bearer(access_token: str) -> dict[str, str]:
    """Return the header that a token travels in (RFC 6750)."""
    return {"Authorization": f"Bearer {access_token}"}


def meant(objection: Objection, trouble: Reason = Reason.BANK_API_ERROR) -> Failed:
    """Return what a bank's no means to whoever called the port."""
    match objection.status:
        case 401:
            return AccessRefused()
        case 403:
            return Failed(Reason.CONSENT_EXPIRED)
        case _:
            return Failed(trouble)
