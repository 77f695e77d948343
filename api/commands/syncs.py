"""POST /api/bank-connections/{id}/sync: read a bank again, now."""

import asyncio
from typing import Any

import msgspec

from api.asking import Told, ask
from api.banking import SyncAsked
from api.call import Call
from api.callers import CUSTOMER
from api.endpoint import Endpoint
from api.preconditions import wait_seconds
from api.reading import Reading
from api.reply import Bare
from api.shapes import Job
from ledger.commands.asked import Loaded, Reveal
from ledger.commands.connection import RequestSync
from ledger.errors import Reason
from ledger.identity import derived_id, new_id
from projections import jobs

ACTOR, QUEUE = "sync_connection", "banking"
FINAL = frozenset({"completed", "cancelled", "discarded"})
ATTEMPTS_EXPECTED = 4
"""`max_attempts` of a job that never failed, as the workers tell it."""
POLL_SECONDS = 0.05
ACCEPTED = 202


async def sync(call: Call) -> Bare:
    """Ask for a sync; one that is under way, or was asked for just now, is the answer too."""
    connection_id, job_key = call.path["id"], new_id()
    command = RequestSync(connection_id=connection_id, job_key=job_key)

    def show(loaded: Loaded, _: Reveal) -> SyncAsked:
        asked: Any = loaded.state.sync
        job = wished(call, connection_id, asked)
        return SyncAsked(job=job, deduplicated=asked.job_key != job_key)

    told = Told(show=show, status=ACCEPTED, versioned=False)
    answer = await ask(call, command, told)
    if answer.status != ACCEPTED:
        return answer
    return await followed(call, answer)


def wished(call: Call, connection_id: str, asked: Any) -> Job:
    """Show the job of a sync as it is before anybody has begun it."""
    return Job(
        id=derived_id("job", ACTOR, asked.job_key),
        queue=QUEUE,
        actor=ACTOR,
        state="available",
        priority=5,
        attempt=0,
        max_attempts=ATTEMPTS_EXPECTED,
        subject_type="connection",
        subject_id=connection_id,
        correlation_id=call.ids.id,
        inserted_at=asked.asked_at,
        scheduled_at=asked.asked_at,
        attempted_at=None,
        completed_at=None,
        errors=[],
    )


async def followed(call: Call, answer: Bare) -> Bare:
    """Show what has become of the job; wait for its end when the client prefers to."""
    document = msgspec.json.decode(answer.body)
    job_id, seconds = document["data"]["job"]["id"], wait_seconds(call.headers)
    loop = asyncio.get_running_loop()
    until, job = loop.time() + (seconds or 0), document["data"]["job"]
    while True:
        found = await jobs.one(call.use(Reading).pool, job_id)
        job = job if found is None else msgspec.json.decode(found.data)
        if job["state"] in FINAL or loop.time() >= until:
            break
        await asyncio.sleep(POLL_SECONDS)
    document["data"]["job"] = job
    headers = [*answer.headers, (b"location", f"/api/jobs/{job_id}".encode())]
    if seconds is not None:
        headers.append((b"preference-applied", b"wait=%d" % seconds))
    done = seconds is not None and job["state"] in FINAL
    return msgspec.structs.replace(
        answer,
        status=200 if done else ACCEPTED,
        body=msgspec.json.encode(document),
        headers=tuple(headers),
    )


ENDPOINTS = (
    Endpoint(
        method="POST",
        path="/api/bank-connections/{id}/sync",
        handler=sync,
        who=CUSTOMER,
        summary="Sync a connection now",
        tag="Bank connections",
        keyed=True,
        waits=True,
        status=ACCEPTED,
        data=SyncAsked,
        reasons=(
            Reason.INSUFFICIENT_PERMISSIONS,
            Reason.CONNECTION_NOT_FOUND,
            Reason.CONNECTION_INACTIVE,
            Reason.CONSENT_EXPIRED,
        ),
    ),
)
