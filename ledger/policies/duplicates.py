"""Duplicates: what makes two payments the same (ledger.md §6.5); account and type do not count."""

FINGERPRINT = "payment_fingerprint"
"""The namespace of the claim that a payment takes when it starts."""


def duplicate_parts(
    user_id: str, amount: int, currency: str, description: str | None, direction: str
) -> tuple[str | int, ...]:
    """Return what is hashed; `amount` in minor units, the description trimmed."""
    return user_id, amount, currency, (description or "").strip(), direction
