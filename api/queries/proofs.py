"""Questions about what was signed: tree heads, and proofs that anybody can check by themselves."""

from api.audit_proofs import Checkpoint, CheckpointMetadata, ConsistencyProof, InclusionProof
from api.call import Call
from api.callers import INSPECTOR
from api.endpoint import Endpoint
from api.envelope import encoded
from api.fields import Field
from api.lists import list_fields, listed, read_list
from api.parameters import position
from api.reading import Reading
from api.reply import Reply
from ledger.errors import Reason
from projections import proofs, tree_heads


async def list_checkpoints(call: Call) -> Reply:
    """List signed tree heads, the newest first, with the keys that verify them."""
    wanted, pool = read_list(call, tree_heads.LISTING), call.use(Reading).pool
    keys = await tree_heads.public_keys(pool)
    return listed(await tree_heads.page(pool, wanted), public_keys=keys)


async def prove_inclusion(call: Call) -> Reply:
    """Prove that an event is in a signed tree."""
    pool, tree_size = call.use(Reading).pool, call.query.get("tree_size")
    return Reply(data=encoded(await proofs.inclusion(pool, call.path["position"], tree_size)))


async def prove_consistency(call: Call) -> Reply:
    """Prove that one signed tree grew into another."""
    pool = call.use(Reading).pool
    return Reply(data=encoded(await proofs.consistency(pool, call.query["from"], call.query["to"])))


ENDPOINTS = (
    Endpoint(
        method="GET",
        path="/api/audit/checkpoints",
        handler=list_checkpoints,
        who=INSPECTOR,
        summary="List signed tree heads",
        tag="Audit",
        query=list_fields(tree_heads.LISTING),
        listed=True,
        data=list[Checkpoint],
        metadata=CheckpointMetadata,
    ),
    Endpoint(
        method="GET",
        path="/api/audit/proofs/{position}",
        handler=prove_inclusion,
        who=INSPECTOR,
        summary="Prove that an event is in a signed tree",
        tag="Audit",
        places=(Field("position", position(), required=True),),
        query=(Field("tree_size", position()),),
        data=InclusionProof,
        reasons=(Reason.EVENT_NOT_FOUND, Reason.CHECKPOINT_NOT_FOUND),
    ),
    Endpoint(
        method="GET",
        path="/api/audit/consistency",
        handler=prove_consistency,
        who=INSPECTOR,
        summary="Prove that one signed tree grew into another",
        tag="Audit",
        query=(
            Field("from", position(), required=True),
            Field("to", position(), required=True),
        ),
        data=ConsistencyProof,
        reasons=(Reason.CHECKPOINT_NOT_FOUND, Reason.INVALID_POSITION),
    ),
)
