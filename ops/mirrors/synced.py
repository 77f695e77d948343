"""Lives mirrored by the real sync into a real ledger: crashes, faults and planted differences."""

from datetime import UTC, datetime
from random import Random

import msgspec

from ledger.identity import new_id
from ops.audits.reading import Terms
from ops.audits.reading import audited as audited_log
from ops.composition import rules_of
from ops.mirrors.house import Holding, House
from ops.mirrors.life import USERNAME, YEAR_SECONDS, Life
from ops.output import Bar
from ops.readmodels import keks_of
from ops.settings import Settings
from projections.log import head_position
from schema.postgres import connect
from workers.attempts import Completed, Run
from workers.banks.port import Tokens
from workers.crashpoints import OF_BANKS
from workers.jobs import ATTEMPTS_EXPECTED, Job, JobState, job_id
from workers.retries import Failed

ROUNDS, DEEDS, TRIES = 6, 6, 30
SHORT_LIFE_SECONDS = 200
GRACE_SECONDS = 3_600
DRIFT_MAX = 5_000


class Died(BaseException):
    """The process would be gone here."""


class Synced(msgspec.Struct, kw_only=True):
    """What a life came to; `wrong` tells every difference, and is empty when all is well."""

    seed: int
    syncs: int = 0
    lines: int = 0
    failures: int = 0
    crashes: int = 0
    planted: int = 0
    found: int = 0
    wrong: list[str] = []


class Follower:
    """Mirrors one life through everything, sync by sync."""

    def __init__(self, house: House, life: Life, seed: int) -> None:
        self.house, self.life, self.told = house, life, Synced(seed=seed)
        self.dice = Random(seed)  # noqa: S311  # a story, not a secret
        self.drift = 0

    def connect(self, tokens: Tokens) -> None:
        """Connect a new customer; the first sync is still to come."""
        user_id = self.house.customer()
        self.connection_id, self.job_key = self.house.connected(user_id, USERNAME, tokens)
        self.account_id = self.house.account_of(user_id, self.life.account_id)

    def follow(self) -> Synced:
        """Let the account live, sync after every round, then sync all of it once more."""
        for number in range(ROUNDS):
            self.life.live(DEEDS)
            if number:
                self.job_key = self.house.asked(self.connection_id)
                self.plant()
            self.life.trouble()
            self.sync()
            self.life.calm()
            self.compare(f"after round {number}")
        self.again()
        return self.told

    def plant(self) -> None:
        """Have the bank report another balance than it should, or be honest again."""
        if self.dice.random() < 1 / 2:
            self.drift = self.dice.choice((0, self.dice.randrange(1, DRIFT_MAX), -1))
        booked = self.life.booked()
        path = f"/accounts/{self.life.account_id}/balance"
        self.life.control("POST", path, balance=booked + self.drift)

    def sync(self) -> None:
        """Do what a worker does about one sync, attempt after attempt, dying now and then."""
        self.told.syncs += 1
        crashes = self.dice.randrange(3)
        for attempt in range(1, TRIES):
            self.house.crashpoint = self.dying() if attempt <= crashes else nothing
            try:
                verdict = self.house.steps.sync(Run(self.job(attempt), self.house.crashpoint))
            except Failed:
                self.told.failures += 1
            except Died:
                self.told.crashes += 1
            else:
                if verdict != Completed():
                    self.told.wrong.append(f"a sync ended with {verdict}")
                return
        self.told.wrong.append("a sync never came to its end")

    def dying(self) -> "Doom":
        """Return a crash point at which the next attempt dies, if it gets there so often."""
        return Doom(self.dice.choice(OF_BANKS), self.dice.randrange(1, 4))

    def job(self, attempt: int) -> Job:
        """Return the job of a sync as a worker holds it."""
        moment = datetime.now(UTC)
        return Job(
            id=job_id("sync_connection", self.job_key),
            queue="banking",
            actor="sync_connection",
            state=JobState.EXECUTING,
            priority=5,
            attempt=attempt,
            max_attempts=ATTEMPTS_EXPECTED,
            failures=attempt - 1,
            deaths=0,
            deferred_ms=0,
            subject_type="connection",
            subject_id=self.connection_id,
            unique_key=None,
            correlation_id=new_id(),
            causation_id=None,
            traceparent=None,
            arguments={"job_key": self.job_key},
            cause=self.job_key,
            cause_position=None,
            inserted_at=moment,
            scheduled_at=moment,
            attempted_at=moment,
            completed_at=None,
            errors=(),
        )

    def compare(self, when: str) -> None:
        """Hold what we have to what is true."""
        ours = self.house.holding(self.connection_id, self.account_id)
        theirs = self.truth()
        if ours != theirs:
            self.told.wrong.append(f"{when}: ours {ours}, theirs {theirs}")
        self.told.lines = len(theirs.posted) + len(theirs.pending)
        self.told.planted += theirs.difference != 0
        self.told.found += ours.difference != 0

    def truth(self) -> Holding:
        """Return what we should hold."""
        lines = self.life.lines()
        amounts = {
            status: {each["id"]: each["amount"] for each in lines if each["status"] == status}
            for status in ("posted", "pending")
        }
        return Holding(
            posted={name: amount for name, amount in amounts["posted"].items() if amount},
            pending=amounts["pending"],
            balance=self.life.booked(),
            difference=self.drift,
        )

    def again(self) -> None:
        """Read the whole history once more, from no place: nothing may come of it."""
        before, self.house.books.lost = self.house.news(), True
        self.job_key = self.house.asked(self.connection_id)
        self.sync()
        self.house.books.lost = False
        self.compare("read again")
        if (news := self.house.news() - before) != 0:
            self.told.wrong.append(f"reading again was news {news} times")
        self.house.left(self.connection_id)


class Doom:
    """Dies when a crash point is passed for the n-th time."""

    def __init__(self, point: str, times: int) -> None:
        self.point, self.times = point, times

    def __call__(self, point: str) -> None:
        self.times -= point == self.point
        if self.times == 0:
            raise Died


def audited(settings: Settings, dsn: str) -> list[Synced]:
    """Recompute the invariants of the books; what is wrong with them is told as a life's wrongs."""
    with connect(dsn, "ledgerbank_app") as connection:
        head = head_position(connection)
    terms = Terms(rules_of(settings), keks_of(settings))
    found = audited_log(dsn, terms, head, Bar(None, None)).found
    return [Synced(seed=0, wrong=[each.line() for each in found])] if found else []


def nothing(_point: str) -> None:
    """Pass a crash point by."""


def tempered(life: Life, seed: int) -> None:
    """Give every third life tokens that are always about to end."""
    ttl = SHORT_LIFE_SECONDS if seed % 3 == 0 else YEAR_SECONDS
    life.control("PUT", "/settings", token_ttl_s=ttl, refresh_grace_s=GRACE_SECONDS)
