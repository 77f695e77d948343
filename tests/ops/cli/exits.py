"""How each verb ends: what it needs, what it is asked for, and what it refuses (AC-98).

In the order in which they are run over one database. `{n}` is 1 in the run for people and 2 in the
one for programs; two strings are what is asked in the one and in the other.
"""

from typing import Literal, TypeAlias

import msgspec

Needs: TypeAlias = Literal["nothing", "settings", "database", "server"]
FOREVER = "tests/ops/cli/test_processes.py"
BACKUP, RECEIPT = "tests/ops/cli/test_backup.py", "tests/journeys/test_receipts.py"


class Ends(msgspec.Struct, frozen=True, kw_only=True):
    """`done` ends with 0, `refused` with 1; where neither fits here, a file of tests has it."""

    done: str | tuple[str, str] | None = None
    refused: str | None = None
    needs: Needs = "database"
    elsewhere: str | None = None
    asked: str = ""

    @property
    def words(self) -> str:
        """Return flags with which the verb gets as far as its settings."""
        first = self.done[0] if isinstance(self.done, tuple) else self.done
        return first if first is not None else self.refused or self.asked


TWO = ("--email {alice}", "--email {bob}")
ENDS = {
    "version": Ends(done="", needs="nothing"),
    "problems": Ends(done="--format json", needs="nothing"),
    "openapi": Ends(done="--out {tmp}/openapi{n}.json", needs="settings"),
    "config check": Ends(done="", needs="settings"),
    "config show": Ends(done="", needs="settings"),
    "schema list": Ends(done="", needs="nothing"),
    "schema check": Ends(done="", needs="nothing"),
    "schema export": Ends(done="--out {tmp}/shapes{n}.json", needs="nothing"),
    "up": Ends(needs="settings", elsewhere="tests/journeys/test_up.py"),
    "serve": Ends(elsewhere=FOREVER),
    "project": Ends(elsewhere=FOREVER),
    "worker": Ends(elsewhere=FOREVER),
    "scheduler": Ends(elsewhere=FOREVER),
    "sandbox-bank": Ends(needs="settings", elsewhere="tests/ops/cli/test_sandbox_bank.py"),
    "tour": Ends(needs="server", elsewhere=FOREVER, asked="--url http://127.0.0.1:1"),
    "migrate": Ends(done=""),
    "seed-demo": Ends(done=""),
    "doctor": Ends(done=""),
    "events list": Ends(done="--limit 3"),
    "events show": Ends(done="1", refused="999999"),
    "events tail": Ends(done="--from 1 --limit 2"),
    "events search": Ends(done="--field currency=USD"),
    "events stats": Ends(done=""),
    "events export": Ends(done="--out {tmp}/log{n}.jsonl"),
    "events import": Ends(refused="{tmp}/garbage", elsewhere="tests/ops/cli/test_events.py"),
    "events trace": Ends(done="demo", refused="req_unheard_of"),
    "state": Ends(done="account-{account}", refused="account-{nobody}"),
    "commands show": Ends(done="{key}", refused="nothing"),
    "replay": Ends(done="users --digest"),
    "ledger check": Ends(done="--no-read-models", refused="--at 999999"),
    "ledger trial-balance": Ends(done="--currency USD", refused="--at 999999"),
    "ledger clearing": Ends(done="--items"),
    "ledger export": Ends(done="--format csv --out {tmp}/journal{n}.csv"),
    "ledger close": Ends(done=("2020-02", "2020-03"), refused="2090-01"),
    "ledger reopen": Ends(
        done=("2020-02 --reason Late", "2020-03 --reason Late"), refused="2019-01 --reason Why"
    ),
    "incident export": Ends(
        done="--account {account} --window 30m --out {tmp}/incident{n}.jsonl",
        refused="--account {nobody} --out {tmp}/none.jsonl",
    ),
    "incident replay": Ends(
        done="{tmp}/incident{n}.jsonl", refused="{tmp}/garbage", needs="nothing"
    ),
    "projections list": Ends(done=""),
    "projections status": Ends(done="--watch --every 0.1 --times 2"),
    "projections pause": Ends(done="banks", refused="nothing"),
    "projections resume": Ends(done="banks", refused="nothing"),
    "projections rebuild": Ends(
        done=("users --swap manual", "banks --swap manual --throttle 50%"), refused="nothing"
    ),
    "projections verify": Ends(done=("users --full", "banks --sample 0.5"), refused="nothing"),
    "projections swap": Ends(done=("users", "banks"), refused="accounts"),
    "projections rollback": Ends(done=("users", "banks"), refused="accounts"),
    "audit seal": Ends(done=""),
    "audit verify": Ends(done="", refused="--against {tmp}/garbage"),
    "audit proof": Ends(done="1", refused="999999"),
    "audit export": Ends(done="--out {tmp}/audit{n}.jsonl"),
    "audit anchor": Ends(done="--to {tmp}/anchors{n}.jsonl", refused="--to {tmp}/garbage"),
    "audit public-key": Ends(done="", needs="settings"),
    "receipt verify": Ends(
        refused="{tmp}/empty.json --public-key {tmp}/key.pem", needs="nothing", elsewhere=RECEIPT
    ),
    "backup list": Ends(done="--from {tmp}", needs="nothing"),
    "backup take": Ends(asked="--to {tmp}/backups", elsewhere=BACKUP),
    "backup mark": Ends(asked="now --to {tmp}/backups", elsewhere=BACKUP),
    "backup stream": Ends(asked="--to {tmp}/backups", elsewhere=BACKUP),
    "backup restore": Ends(
        refused="--from {tmp} --to {tmp}/new", needs="settings", elsewhere=BACKUP
    ),
    "erasures list": Ends(done="--out {tmp}/register{n}"),
    "erasures apply": Ends(done="", refused="--from {tmp}/garbage"),
    "keys list": Ends(done=""),
    "keys rotate": Ends(done="--tokens"),
    "jobs list": Ends(done="--state available"),
    "jobs show": Ends(done="--id {job1}", refused="--id {nobody}"),
    "jobs cancel": Ends(done=("--id {job1}", "--id {job2}"), refused="--id {nobody}"),
    "jobs dead": Ends(done="--status open"),
    "jobs retry": Ends(done=("--id {letter1}", "--id {letter2}"), refused="--id {nobody}"),
    "announce": Ends(done="--message Soon", refused="--message ''"),
    "service create": Ends(done="--name Till{n}", refused="--name Till --scopes everything"),
    "service rotate": Ends(done="--id {service}", refused="--id {nobody}"),
    "service disable": Ends(
        done=("--id {service}", "--id {service1}"), refused="--id {nobody}"
    ),
    "users create-admin": Ends(
        done="--email ada{n}@example.com --full-name Ada --password-stdin",
        refused="--email {alice} --full-name Ada --password-stdin",
    ),
    "users list": Ends(done="--role user"),
    "users show": Ends(done="--email {alice}", refused="--email nobody@example.com"),
    "users suspend": Ends(done=TWO, refused="--id {nobody}"),
    "users reactivate": Ends(done=TWO, refused="--id {nobody}"),
    "users delete": Ends(done=TWO, refused="--id {nobody}"),
    "recover": Ends(done="", refused="--erasures {tmp}/garbage"),
    "dev generate": Ends(done="--events 10"),
    "webhooks replay": Ends(
        done="--endpoint {endpoint} --from 1", refused="--endpoint {nobody} --from 1"
    ),
}  # fmt: skip
