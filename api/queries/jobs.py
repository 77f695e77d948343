"""Questions about background work: which jobs there are, how one stands, which of them died."""

from api.call import Call
from api.callers import HUMAN, READER
from api.endpoint import Endpoint
from api.job_shapes import DeadLetter
from api.lists import ListMetadata, list_fields, listed, read_list
from api.reading import Reading, visible
from api.relayed import until_relayed
from api.reply import Reply
from api.shapes import Job
from ledger.errors import Reason
from ledger.policies import access
from projections import jobs


async def list_jobs(call: Call) -> Reply:
    """List jobs, the newest first."""
    wanted = read_list(call, jobs.JOBS)
    await until_relayed(call)
    return listed(await jobs.page(call.use(Reading).pool, wanted))


async def list_dead_letters(call: Call) -> Reply:
    """List the jobs that ended without success, the latest first."""
    wanted = read_list(call, jobs.DEAD_LETTERS)
    await until_relayed(call)
    return listed(await jobs.dead_page(call.use(Reading).pool, wanted))


async def show_job(call: Call) -> Reply:
    """Show one job to readers, and to whom the record belongs that it is about."""
    await until_relayed(call)
    found = await jobs.one(call.use(Reading).pool, call.path["id"])
    return Reply(data=visible(call, found, access.may_read_job, Reason.JOB_NOT_FOUND).data)


ENDPOINTS = (
    Endpoint(
        method="GET",
        path="/api/jobs",
        handler=list_jobs,
        who=READER,
        summary="List jobs",
        tag="Jobs",
        query=list_fields(jobs.JOBS),
        listed=True,
        data=list[Job],
        metadata=ListMetadata,
        reasons=(Reason.PROJECTION_LAGGING,),
    ),
    Endpoint(
        method="GET",
        path="/api/jobs/dead",
        handler=list_dead_letters,
        who=READER,
        summary="List dead letters",
        tag="Jobs",
        query=list_fields(jobs.DEAD_LETTERS),
        listed=True,
        data=list[DeadLetter],
        metadata=ListMetadata,
        reasons=(Reason.PROJECTION_LAGGING,),
    ),
    Endpoint(
        method="GET",
        path="/api/jobs/{id}",
        handler=show_job,
        who=HUMAN,
        summary="Show a job",
        tag="Jobs",
        query=(),
        reads=("payments", "connections"),
        data=Job,
        reasons=(Reason.INSUFFICIENT_PERMISSIONS, Reason.JOB_NOT_FOUND, Reason.PROJECTION_LAGGING),
    ),
)
