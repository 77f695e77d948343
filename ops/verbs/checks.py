"""`ledgerbank ledger check`: every invariant of the books recomputed (ledger.md §12)."""

import time
from collections import defaultdict

import click

from ledger.errors import Reason, Refused
from ledger.money import decimal_text
from ops.audits.audit import Audit
from ops.audits.findings import Finding
from ops.audits.reading import Terms, audited, command_end
from ops.composition import rules_of
from ops.databases import migrated_database
from ops.failures import CheckFailed
from ops.output import Output
from ops.readmodels import keks_of
from ops.settings import Settings
from ops.verbs.moments import Moment
from projections.catalogue import ALL
from projections.log import head_position
from projections.projector import Poisoned
from projections.rebuild import Differs, verify
from schema.postgres import connect

FROM_THE_LOG, OF_READ_MODELS = "I-1 … I-12", "I-16"


@click.command
@click.option("--at", type=Moment(), help="Only what was recorded up to there.")
@click.option("--no-read-models", is_flag=True, help="Leave out I-16, which takes longest.")
@click.option(
    "--settings-changed",
    is_flag=True,
    help="Limits by account type or the duplicate rule were others once: judge by the log alone.",
)
@click.pass_obj
def check(
    output: Output, at: int | str | None, *, no_read_models: bool, settings_changed: bool
) -> None:
    """Recompute the invariants from the log; exit 1 when one does not hold."""
    settings = output.settings()
    terms = None if settings_changed else Terms(rules_of(settings), keks_of(settings))
    with migrated_database(settings) as dsn:
        until = reach(dsn, at)
        began = time.perf_counter()
        with output.progress("audit") as bar:
            audit = audited(dsn, terms, until, bar)
        speed = audit.position / (time.perf_counter() - began)
        live = audit.whole and at is None and not no_read_models
        compared = live and compare(audit, settings, dsn, output)
    checked = FROM_THE_LOG + (f", {OF_READ_MODELS}" if compared else "")
    tell(output, audit, checked, round(speed))
    if audit.found:
        raise CheckFailed


def reach(dsn: str, at: int | str | None) -> int:
    """Return up to where the log is folded. Refused: `invalid_position`."""
    with connect(dsn, "ledgerbank_app", statement_timeout_ms=0) as connection:
        head = head_position(connection)
        if isinstance(at, int) and at > head:
            raise Refused(Reason.INVALID_POSITION, head=head)
        return head if at is None else command_end(connection, at)


def compare(audit: Audit, settings: Settings, dsn: str, output: Output) -> bool:
    """I-16: fold every read model beside the live one; return whether all could be compared."""
    compared = True
    for projector in ALL:
        with output.progress(projector.name) as bar:
            try:
                report = verify(dsn, projector, keks_of(settings), progress=bar.at)
                compared = compared and report.compared
            except (Differs, Poisoned) as wrong:
                audit.found.append(Finding(OF_READ_MODELS, wrong.position, str(wrong)))
    return compared


def tell(output: Output, audit: Audit, checked: str, speed: int) -> None:
    """Print the sums of every currency, and what is wrong."""
    books: dict[str, dict[str, str]] = defaultdict(dict)
    for (currency, code), minor in audit.sums.items():
        books[currency][code] = decimal_text(minor, currency)
    totals = {currency: decimal_text(total, currency) for currency, total in audit.totals()}
    value = {
        "position": audit.position,
        "events_per_second": speed,
        "checked": checked,
        "sums": books,
        "totals": totals,
        "findings": audit.found,
    }
    lines = [
        "  ".join((
            currency,
            *(f"{code} {amount}" for code, amount in books[currency].items()),
            f"sum {totals[currency]}",
            "FAILED" if total else "ok",
        ))
        for currency, total in audit.totals()
    ]  # fmt: skip
    verdict = [f"FAILED {each.line()}" for each in audit.found]
    output.tell(value, *lines, *(verdict or [f"invariants    ok  {checked}"]))
