"""Decisions about webhook endpoints: whose they are, and who may have them tell of everything."""

from ledger.aggregates import webhook_endpoint
from ledger.aggregates.webhook_endpoint import Endpoint, EndpointCommand, Registered, Unregistered
from ledger.commands.webhook_endpoint import DisableEndpoint, RegisterEndpoint
from ledger.decisions.view import View
from ledger.errors import Reason, Refused
from ledger.policies import access


def register_endpoint(view: View, command: RegisterEndpoint) -> str:
    """Let somebody be told of their own records, or an admin of everybody's."""
    access.may_have_endpoint(view.caller, command.user_id)
    if command.scope == "all":
        access.may_hear_everything(view.caller)
    stream = f"webhook-endpoint-{command.endpoint_id}"
    view.record(stream, *webhook_endpoint.decide(view.begin(stream), command))
    return stream


def change_endpoint(view: View, command: EndpointCommand) -> str:
    """Change an endpoint that is there, in the version that was expected."""
    stream = f"webhook-endpoint-{command.endpoint_id}"
    state: Endpoint = view.state(stream)
    if not isinstance(state, Unregistered):
        access.may_change_endpoint(view.caller, state.user_id)
    if isinstance(state, Registered):
        view.match_version(stream)
    elif not isinstance(command, DisableEndpoint):
        raise Refused(Reason.WEBHOOK_ENDPOINT_NOT_FOUND, field="id")
    view.record(stream, *webhook_endpoint.decide(state, command))
    return stream
