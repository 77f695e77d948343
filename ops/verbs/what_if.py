"""`ledgerbank replay --what-if`: the history under other rules (proof.md P-8)."""

from collections.abc import Iterator
from pathlib import Path

import click

from ledger.money import decimal_text
from ops.audits.reading import command_end
from ops.databases import migrated_database
from ops.output import Output
from ops.readmodels import keks_of
from ops.settings import Settings
from ops.what_if.outcome import Changed, Outcome
from ops.what_if.replaying import replayed
from ops.what_if.rules import Rules, UnusableRules, rules_in
from projections.log import head_position
from schema.postgres import connect


def what_if(
    output: Output, settings: Settings, file: Path, until: int | str | None, *, whole: bool
) -> None:
    """Say which acceptances and balances would be others under the rules of a file."""
    rules = rules_of(file)
    with migrated_database(settings) as dsn, output.progress("what if") as bar:
        end = reach(dsn, until)
        outcome = replayed(dsn, rules, keks_of(settings), end, bar.at)
    output.tell(outcome.shown(whole=whole), *told(outcome, whole=whole))


def rules_of(file: Path) -> Rules:
    """Read the rules of a file; one that cannot be read is misuse."""
    try:
        return rules_in(file.read_bytes())
    except UnusableRules as wrong:
        raise click.BadParameter(f"{file}: {wrong}", param_hint="--what-if") from wrong


def reach(dsn: str, until: int | str | None) -> int:
    """Return up to where the log is followed: the end of a command."""
    with connect(dsn, "ledgerbank_read") as connection:
        return head_position(connection) if until is None else command_end(connection, until)


def told(outcome: Outcome, *, whole: bool) -> Iterator[str]:
    """Yield what would be other, line by line."""
    yield f"position {outcome.position}  {outcome.judged} acceptances judged again"
    shown = outcome.shown(whole=False)
    by_reason = "  ".join(f"{each} {count}" for each, count in shown["refused_by_reason"].items())
    yield f"refused   {shown['refused']}  {by_reason}".rstrip()
    yield f"accepted  {shown['accepted']}"
    yield f"balances  {shown['accounts']}"
    for fee in shown["fees"]:
        postings = f"{fee['postings']} postings"
        yield f"fees      {fee['kind']} {fee['currency']} {fee['amount']}  {postings}"
    if outcome.unread:
        yield f"unread    {outcome.unread} texts of deleted people: not compared as duplicates"
    if whole:
        yield from changes(outcome)


def changes(outcome: Outcome) -> Iterator[str]:
    """Yield every change."""
    for title, found in (("refused", outcome.refused), ("accepted", outcome.accepted)):
        for each in found:
            yield line(title, each)
    for account_id, (currency, was, would) in sorted(outcome.balances.items()):
        before, after = decimal_text(was, currency), decimal_text(would, currency)
        difference = decimal_text(would - was, currency)
        yield f"balance   {account_id}  {currency} {before} → {after}  ({difference})"


def line(title: str, changed: Changed) -> str:
    """Return one change on a line."""
    amount = f"{changed.currency} {decimal_text(changed.amount, changed.currency)}"
    place = f"{changed.position:>9}  {changed.stream}  account {changed.account_id}"
    return f"{title:<9} {place}  {amount}  {changed.reason}"
