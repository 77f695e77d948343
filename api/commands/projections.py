"""Commands about read models: having one made again from the log."""

from api.asking import Told, ask
from api.call import Call
from api.callers import ADMIN
from api.commands.jobs import ATTEMPTS_EXPECTED
from api.endpoint import Endpoint
from api.envelope import now_text
from api.fields import Field
from api.kinds import text
from api.reading import Reading
from api.relayed import until_relayed
from api.reply import Bare
from api.shapes import Job
from ledger.commands.asked import Loaded, Reveal
from ledger.commands.projection import RequestRebuild
from ledger.errors import Reason, Refused
from ledger.identity import derived_id, new_id
from projections.catalogue import BY_NAME
from projections.rebuild_requests import ACTOR, QUEUE, SUBJECT, standing_of

NAME_LENGTH_MAX = 100


async def rebuild(call: Call) -> Bare:
    """Have a read model made again; the job follows from the event that says so."""
    name = call.path["name"]
    if name not in BY_NAME:
        raise Refused(Reason.PROJECTION_NOT_FOUND, name=name)
    await until_relayed(call)
    standing = await standing_of(call.use(Reading).pool, name)
    command = RequestRebuild(
        projection=name,
        rebuild_id=new_id(),
        under_way=standing.under_way,
        requests=standing.requests,
    )

    def show(_: Loaded, __: Reveal) -> Job:
        return job_of(command, call.ids.id)

    return await ask(call, command, Told(show=show, status=202, versioned=False))


def job_of(command: RequestRebuild, correlation_id: str) -> Job:
    """Return the job that follows, as it begins."""
    at = now_text()
    return Job(
        id=derived_id("job", ACTOR, command.rebuild_id),
        queue=QUEUE,
        actor=ACTOR,
        state="available",
        priority=5,
        attempt=0,
        max_attempts=ATTEMPTS_EXPECTED,
        subject_type=SUBJECT,
        subject_id=command.projection,
        correlation_id=correlation_id,
        inserted_at=at,
        scheduled_at=at,
        attempted_at=None,
        completed_at=None,
        errors=[],
    )


ENDPOINTS = (
    Endpoint(
        method="POST",
        path="/api/projections/{name}/rebuild",
        handler=rebuild,
        who=ADMIN,
        summary="Make a read model again from the log, beside the one that is read",
        tag="Operations",
        places=(Field("name", text(1, NAME_LENGTH_MAX), required=True),),
        keyed=True,
        status=202,
        data=Job,
        reasons=(
            Reason.PROJECTION_NOT_FOUND,
            Reason.REBUILD_IN_PROGRESS,
            Reason.PROJECTION_LAGGING,
        ),
    ),
)
