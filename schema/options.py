"""Options of the event-sourcing library that must stay unset: some lose events, others mislead."""

from collections.abc import Mapping


def refused(env: Mapping[str, str]) -> str | None:
    """Say what is wrong with the options of the library's own PostgreSQL module, if anything."""
    for option, reason in SWITCHES.items():
        if env.get(option, "").strip().lower() not in OFF:
            return f"{option} must be off: {reason}"
    for option in OPTIONS:
        if env.get(option):
            return f"{option} has no effect here: remove it"
    return None


OFF = frozenset({"", "0", "f", "false", "n", "no", "off"})
SWITCHES = {
    "POSTGRES_ENABLE_DB_FUNCTIONS": "readers of the log would miss events",
    "CREATE_TABLE": "migrations make every table",
}
OPTIONS = (
    "APPLICATION_RECORDER_TOPIC",
    "ORIGINATOR_ID_TYPE",
    "POSTGRES_CONNECT_TIMEOUT",
    "POSTGRES_CONN_MAX_AGE",
    "POSTGRES_GET_PASSWORD_TOPIC",
    "POSTGRES_IDLE_IN_TRANSACTION_SESSION_TIMEOUT",
    "POSTGRES_LOCK_TIMEOUT",
    "POSTGRES_MAX_OVERFLOW",
    "POSTGRES_MAX_WAITING",
    "POSTGRES_POOL_SIZE",
    "POSTGRES_PRE_PING",
    "POSTGRES_SCHEMA",
    "PROCESS_RECORDER_TOPIC",
    "TRACKING_RECORDER_TOPIC",
)
"""Not where a database is (POSTGRES_HOST, POSTGRES_USER, …): servers are told in that way, too."""
