"""Settings → password hashing and its bounds."""

from api.passwords import Cost, Lengths, Passwords
from ops.settings import Settings


def passwords_of(settings: Settings) -> Passwords:
    """Return what hashes passwords, on threads of its own."""
    identity = settings.identity
    cost = Cost(
        memory_kib=identity.argon2_memory_kib,
        time_cost=identity.argon2_time_cost,
        parallelism=identity.argon2_parallelism,
    )
    return Passwords(cost, identity.password_hash_concurrency)


def lengths_of(settings: Settings) -> Lengths:
    """Return how short a new password may be, by role."""
    identity = settings.identity
    return Lengths(
        {
            "user": identity.user_password_min_length,
            "support": identity.support_password_min_length,
            "auditor": identity.auditor_password_min_length,
            "admin": identity.admin_password_min_length,
        }
    )
