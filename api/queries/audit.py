"""Questions about security: what the audit log says."""

from api.audit_shapes import AuditEntry
from api.call import Call
from api.callers import INSPECTOR
from api.consistency import Freshness
from api.endpoint import Endpoint
from api.lists import ListMetadata, list_fields, listed, read_list
from api.notebook import Notebook
from api.reading import Reading
from api.reply import Reply
from projections import audit_log

READS = ("audit_log",)
NOTED_SECONDS = 0.5
"""How long somebody who looks waits for what this process has only noted."""


async def list_audit_log(call: Call) -> Reply:
    """List security events, the newest first, what was noted a moment ago included."""
    wanted = read_list(call, audit_log.LISTING)
    if await call.use(Notebook).settled(NOTED_SECONDS):
        call.position = await call.use(Freshness).settle(call.headers, READS)
    return listed(await audit_log.page(call.use(Reading).pool, wanted))


ENDPOINTS = (
    Endpoint(
        method="GET",
        path="/api/audit/log",
        handler=list_audit_log,
        who=INSPECTOR,
        summary="List security events",
        tag="Audit",
        query=list_fields(audit_log.LISTING),
        reads=READS,
        listed=True,
        data=list[AuditEntry],
        metadata=ListMetadata,
    ),
)
