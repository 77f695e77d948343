"""`ledgerbank replay --what-if`: other rules make of history what they would have made (P-8)."""

import asyncio
from collections import Counter
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from ledger.commands.payment import CreatePayment, ProcessPayment
from ledger.commands.posting import ReversePosting
from ledger.commands.transfer import MakeTransfer
from ledger.money import decimal_text
from ops.embedded.postgres import Place
from ops.settings import read_settings
from tests.ops.cli.books import change, head, rows
from tests.ops.cli.conftest import copied
from tests.ops.cli.diary import Diary, Step, live
from tests.ops.cli.shell import Shell

GENEROUS = {
    "MAX_SINGLE_TRANSACTION": "1000000", "CHECKING_DAILY_LIMIT": "1000000",
    "ENABLE_DUPLICATE_DETECTION": "off",
}  # fmt: skip
STRICT = {
    "MAX_SINGLE_TRANSACTION": "60", "CHECKING_DAILY_LIMIT": "150",
    "DUPLICATE_WINDOW_MINUTES": "10",
}  # fmt: skip
RULES = """
[limits]
single = "60"
[limits.daily_by_type]
CHECKING = 150
[duplicates]
window_minutes = 10
"""
FEES = """
[[fees]]
on = "TRANSFER"
payer = "credited"
fixed = "0.01"
percent = "1.5"
at_most = "0.03"
"""
STEPS = 50


def asked(shell: Shell, tmp_path: Path, rules: str, *flags: str) -> Any:
    file = tmp_path / "rules.toml"
    file.write_text(rules)
    ran = shell("--json", "replay", "--what-if", str(file), "--diff", *flags)
    assert ran.code == 0, ran
    return ran.json


@pytest.fixture
def lived(bare: Shell, postgres_server: Place, migrated: str) -> Iterator[Shell]:
    """Give a shell over a morning that went well under generous rules."""
    with copied(postgres_server, migrated) as name:
        bare.environment["DATABASE_URL"] = postgres_server.url(name)
        morning(bare, Diary(7))
        yield bare


@pytest.fixture
def modest(bare: Shell, postgres_server: Place, migrated: str) -> Iterator[Shell]:
    """Give a shell over a morning in which nobody spent much."""
    with copied(postgres_server, migrated) as name:
        bare.environment["DATABASE_URL"] = postgres_server.url(name)
        morning(bare, Diary(8, greedy=False))
        yield bare


def morning(shell: Shell, diary: Diary) -> None:
    """Let everything happen as it was written down."""
    settings = read_settings(shell.environment | GENEROUS)
    dsn = shell.environment["DATABASE_URL"]
    assert asyncio.run(live(settings, dsn, diary, diary.steps(STEPS))) == {}


def test_the_history_becomes_what_the_rules_would_have_made_of_it(
    lived: Shell, postgres_server: Place, migrated: str, tmp_path: Path
) -> None:
    before, again = head(lived.environment["DATABASE_URL"]), Diary(7)
    found = asked(lived, tmp_path, RULES)
    with copied(postgres_server, migrated) as name:
        dsn, settings = postgres_server.url(name), read_settings(lived.environment | STRICT)
        refused = asyncio.run(live(settings, dsn, again, again.steps(STEPS)))
        balances = dict(rows(dsn, WORTH))
    told = {each["stream"]: each["reason"] for each in found["refusals"]}
    judged = {stream: why for stream, why in refused.items() if not stream.startswith("after")}
    assert told == judged
    reasons = Counter(told.values())
    assert reasons.keys() == {
        "amount_exceeds_limit", "daily_limit_exceeded", "duplicate_transaction",
        "insufficient_funds",
    }  # fmt: skip
    assert found["refused_by_reason"] == dict(sorted(reasons.items()))
    assert {each["account_id"]: each["what_if"] for each in found["balances"]}.items() <= {
        account_id: f"{balance / 100:.2f}" for account_id, balance in balances.items()
    }.items()
    assert found["balances"]
    assert asked(lived, tmp_path, RULES) == found, "the same log and rules give the same answer"
    assert head(lived.environment["DATABASE_URL"]) == before, "nothing is written"


def test_rules_that_say_nothing_change_nothing(lived: Shell, tmp_path: Path) -> None:
    found = asked(lived, tmp_path, "")
    assert found["judged"] >= STEPS
    assert [found[name] for name in ("refused", "accepted", "accounts", "fees")] == [0, 0, 0, []]
    assert found["refusals"] == found["balances"] == []


def test_fees_are_taken_from_who_pays_them(modest: Shell, tmp_path: Path) -> None:
    found = asked(modest, tmp_path, FEES)
    moved = rows(modest.environment["DATABASE_URL"], CREDITED)
    fees: Counter[str] = Counter()
    for account_id, amount in moved:
        fees[account_id] += min(3, 1 + round(amount * 15 / 1_000))
    assert {each["account_id"]: each["difference"] for each in found["balances"]} == {
        account_id: decimal_text(-fee, "USD") for account_id, fee in fees.items()
    }
    [fee] = found["fees"]
    assert fee == {
        "kind": "TRANSFER", "currency": "USD", "postings": len(moved),
        "amount": decimal_text(fees.total(), "USD"),
    }  # fmt: skip
    file = str(tmp_path / "rules.toml")
    whole = modest("replay", "--what-if", file, "--diff").lines
    assert f"fees      TRANSFER USD {fee['amount']}  {len(moved)} postings" in whole
    assert sum(line.startswith("balance ") for line in whole) == len(fees)
    short = modest("replay", "--what-if", file).lines
    assert whole[: len(short)] == short
    assert asked(modest, tmp_path, FEES, "--until", "10")["position"] <= 10


def test_fees_that_nobody_can_pay_keep_things_from_happening(lived: Shell, tmp_path: Path) -> None:
    found = asked(lived, tmp_path, '[[fees]]\non = "PAYMENT"\nfixed = 9\n')
    assert found["refused_by_reason"].keys() == {"insufficient_funds"}
    assert all(each["knock_on"] for each in found["refusals"])
    [fee] = found["fees"]
    assert (fee["kind"], fee["amount"]) == ("PAYMENT", f"{9 * fee['postings']}.00")


@pytest.fixture
def regretted(bare: Shell, postgres_server: Place, migrated: str) -> Iterator[Shell]:
    """Give a shell over two transfers of which the first was reversed."""
    diary = Diary(9, greedy=False)
    first, second = next(diary.transfer()), next(diary.transfer())
    assert isinstance(first.command, MakeTransfer)
    undo = ReversePosting(
        posting_id=first.command.posting_id, reversal_posting_id=diary.id(), reason="Regret"
    )
    with copied(postgres_server, migrated) as name:
        bare.environment["DATABASE_URL"] = postgres_server.url(name)
        settings = read_settings(bare.environment | GENEROUS)
        steps = [first, Step(undo, None), second]
        assert asyncio.run(live(settings, postgres_server.url(name), diary, steps)) == {}
        yield bare


@pytest.mark.parametrize("payer", ["debited", "credited"])
def test_a_reversal_gives_the_fee_back(regretted: Shell, tmp_path: Path, payer: str) -> None:
    rules = f'[[fees]]\non = "TRANSFER"\npayer = "{payer}"\nfixed = "0.05"\n'
    found = asked(regretted, tmp_path, rules)
    assert (found["refused"], found["accepted"]) == (0, 0)
    fee = {"kind": "TRANSFER", "currency": "USD", "postings": 1, "amount": "0.05"}
    assert found["fees"] == [fee]
    assert [each["difference"] for each in found["balances"]] == ["-0.05"]


def test_what_was_reversed_and_would_be_refused_leaves_no_trace(
    regretted: Shell, tmp_path: Path
) -> None:
    found = asked(
        regretted, tmp_path, '[limits]\nsingle = "0"\n[[fees]]\non = "TRANSFER"\nfixed = 1\n'
    )
    assert (found["refused"], found["fees"]) == (2, [])
    assert len(found["balances"]) == 2, "only who gave and who took the second time"
    assert sum(Decimal(each["difference"]) for each in found["balances"]) == 0


@pytest.mark.parametrize(
    ("rules", "said"),
    [
        ("[limits]\nsinle = 1", "sinle"),
        ("[limits]\nsingle = 1.5", "single"),
        ('[limits]\nsingle = "-1"', "-1"),
        ('[limits]\nsingle = "much"', "much"),
        ("[limits.daily_by_type]\nPIGGY = 1", "PIGGY"),
        ('[[fees]]\nfixed = "1"', "on"),
        ('[[fees]]\non = "GIFT"', "GIFT"),
        ('[[fees]]\non = "FX"\ncurrency = "usd"', "usd"),
        ("[duplicates]\nwindow_minutes = -1", "window_minutes"),
        ("limits", "Expected '='"),
    ],
)
def test_rules_that_cannot_be_read_are_misuse(
    bare: Shell, tmp_path: Path, rules: str, said: str
) -> None:
    file = tmp_path / "rules.toml"
    file.write_text(rules)
    ran = bare("replay", "--what-if", str(file))
    assert (ran.code, ran.out) == (2, "")
    assert said in ran.err


def test_what_has_no_meaning_beside_it_is_misuse(bare: Shell, tmp_path: Path) -> None:
    file = tmp_path / "rules.toml"
    file.write_text("")
    for flags in (("--digest",), ("--compare-live",), ("accounts",), ("--out", "x")):
        assert bare("replay", "--what-if", str(file), *flags).code == 2
    assert bare("replay", "--diff").code == 2
    assert bare("replay", "--what-if", str(tmp_path / "none")).code == 2


def test_what_was_refused_in_the_background_may_pass(shell: Shell, tmp_path: Path) -> None:
    diary = Diary(9, greedy=False)
    steps = [step for step in diary.steps(STEPS) if isinstance(step.command, CreatePayment)][:1]
    payment_id = steps[0].command.payment_id  # type: ignore[attr-defined]  # it is a payment
    started = ProcessPayment(payment_id=payment_id, trigger="auto")
    settings = read_settings(shell.environment | {"CHECKING_DAILY_LIMIT": "0.01"})
    dsn = shell.environment["DATABASE_URL"]
    assert asyncio.run(live(settings, dsn, diary, [*steps, Step(started, None)])) == {}
    assert asked(shell, tmp_path, "")["acceptances"] == []
    assert asked(shell, tmp_path, "[limits]\ndaily = 0")["acceptances"] == []
    [passes] = asked(shell, tmp_path, "[limits]\ndaily = 100")["acceptances"]
    assert passes["stream"] == f"payment-{payment_id}"
    assert passes["reason"] == "daily_limit_exceeded"


def test_a_log_with_a_hole_is_refused(demo: Shell, tmp_path: Path) -> None:
    change(demo.environment["DATABASE_URL"], "DELETE FROM log.events WHERE position = 7")
    file = tmp_path / "rules.toml"
    file.write_text("")
    ran = demo("replay", "--what-if", str(file))
    assert (ran.code, "hole after position 6" in ran.err) == (1, True)


WORTH = """
SELECT substr(stream_id, 9), coalesce((
    SELECT (convert_from(e.data, 'UTF8')::json -> 'data' ->> 'balance_after')::bigint
    FROM log.events AS e WHERE e.stream_id = o.stream_id
        AND e.name IN ('AccountDebited', 'AccountCredited')
    ORDER BY e.version DESC LIMIT 1), 0)
FROM log.events AS o WHERE o.name = 'AccountOpened'
"""
CREDITED = """
SELECT entry ->> 'account_id', (entry ->> 'amount')::bigint
FROM log.events, json_array_elements(convert_from(data, 'UTF8')::json #> '{data,entries}') AS entry
WHERE name = 'PostingBooked' AND convert_from(data, 'UTF8')::json #>> '{data,kind}' = 'TRANSFER'
    AND (entry ->> 'amount')::bigint > 0 AND entry ->> 'account_id' IS NOT NULL
"""
