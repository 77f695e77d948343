"""The stage of rate limits on the way of a call (http.md §1.1 stage 7, §1.13)."""

from api.call import Call
from api.endpoint import Endpoint
from api.rate_limits import Rated
from ledger.errors import Reason, Refused


async def charge(call: Call, endpoint: Endpoint) -> None:
    """Count the call against its caller, or refuse it because their window is full."""
    rates = call.edge.rates
    if rates is None or not endpoint.limited:
        return
    call.rated = await rates.judge(call.principal, call.client_address)
    if not call.rated.passed:
        raise exceeded(call, call.rated)


async def charge_login(call: Call, claim: str) -> None:
    """Count an attempt to sign in, on top of its address; a refused one is counted nowhere.

    The answer tells of the policy that has less left.
    """
    rates = call.edge.rates
    if rates is None:
        return
    rated = await rates.judge_login(call.client_address, claim)
    if not rated.passed:
        await rates.judge(call.principal, call.client_address, -1)
        call.rated = rated
        raise exceeded(call, rated)
    if call.rated is None or rated.remaining < call.rated.remaining:
        call.rated = rated


async def look(call: Call) -> None:
    """Find out where the client's address stands, for an answer given before anything counted."""
    rates = call.edge.rates
    if rates is not None and call.rated is None:
        call.rated = await rates.judge(call.principal, call.client_address, 0)


def exceeded(call: Call, rated: Rated) -> Refused:
    """Return the refusal of somebody whose window is full, and count it."""
    policy = rated.policy
    call.edge.meters.count_limited(policy.name)
    return Refused(
        Reason.RATE_LIMIT_EXCEEDED,
        policy=policy.name,
        limit=policy.requests,
        window_seconds=policy.window_seconds,
        retry_after_ms=rated.wait_ms,
    )
