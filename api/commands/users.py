"""Commands about users: joining, by oneself or by an admin; changed fields; deletion."""

from functools import partial
from typing import Any

from api.asking import Told, ask
from api.call import Call
from api.callers import ADMIN, STAFF, VISITOR
from api.commands.user_fields import PERSON, registration, registration_by_admin
from api.endpoint import Endpoint
from api.gate import Gate
from api.passwords import Lengths
from api.reply import Bare
from api.shapes import Message, User
from ledger.commands.asked import Loaded, Reveal
from ledger.commands.user import DeleteUser, RegisterUser, UpdateUser
from ledger.errors import Reason
from ledger.events.event import Private
from ledger.identity import new_id
from projections.users import last_login
from schema.principals import email_claim


async def register(call: Call) -> Bare:
    """Let somebody join as a customer, whatever role they name."""
    return await ask(call, await newcomer(call, role="user", origin="public"), REGISTERED)


async def register_by_admin(call: Call) -> Bare:
    """Let somebody join in the role an admin gives them."""
    command = await newcomer(call, role=call.body["role"], origin="admin")
    return await ask(call, command, REGISTERED)


async def newcomer(call: Call, *, role: str, origin: str) -> RegisterUser:
    """Return the wish of somebody to join."""
    gate, user_id = call.use(Gate), new_id()
    return RegisterUser(
        user_id=user_id,
        **identifying(call, user_id),
        role=role,
        origin=origin,
        password_hash=await gate.passwords.hashed(call.body["password"]),
        data_key_id=new_id(),
    )


async def update_user(call: Call) -> Bare:
    """Change the given fields of a person."""
    user_id, body = call.path["id"], call.body
    command = UpdateUser(
        user_id=user_id,
        **identifying(call, user_id),
        role=body.get("role"),
        status=body.get("status"),
        verified=body.get("verified"),
    )
    return await ask(call, command, await shown_with_login(call, user_id))


async def delete_user(call: Call) -> Bare:
    """Erase a person."""
    command = DeleteUser(user_id=call.path["id"], erasure_id=new_id())
    return await ask(call, command, Told(show=lambda _loaded, _reveal: ERASED))


def identifying(call: Call, user_id: str) -> dict[str, Any]:
    """Return what a request says about who somebody is, as fields of a command."""
    address, name = call.body.get("email"), call.body.get("full_name")
    fields: dict[str, Any] = {}
    if address is not None:
        claim = email_claim(call.use(Gate).index_key, address)
        fields |= {"email": Private(address, user_id), "email_claim": claim}
    if name is not None:
        fields["full_name"] = Private(name, user_id)
    return fields


async def shown_with_login(call: Call, user_id: str) -> Told:
    """Tell a person who has been here; when they last signed in is no matter of their stream."""
    signed_in_at = await last_login(call.use(Gate).pool, user_id)
    return Told(show=partial(show_user, last_login_at=signed_in_at))


def show_user(loaded: Loaded, reveal: Reveal, last_login_at: str | None = None) -> User:
    """Show a user as they are once the command is done."""
    user: Any = loaded.state
    erased = user.status == "DELETED"
    return User(
        id=user.user_id,
        email=None if erased else reveal(user.email),
        full_name=None if erased else reveal(user.full_name),
        status=user.status,
        role=user.role,
        active=user.status == "ACTIVE",
        verified=user.verified,
        suspended=user.status == "SUSPENDED",
        deleted=erased,
        last_login_at=last_login_at,
        version=loaded.version,
        inserted_at=loaded.inserted_at,
        updated_at=loaded.updated_at,
    )


REGISTERED = Told(show=show_user, status=201, location="/api/users/{id}")
ERASED = Message(message="The user has been deleted.")


CHANGES = (
    Endpoint(
        method="PUT",
        path="/api/users/{id}",
        handler=update_user,
        who=STAFF,
        summary="Change a user",
        tag="Users",
        body=PERSON,
        keyed=True,
        conditional=True,
        data=User,
        reasons=(Reason.USER_NOT_FOUND, Reason.EMAIL_ALREADY_EXISTS, Reason.LAST_ADMIN),
    ),
    Endpoint(
        method="DELETE",
        path="/api/users/{id}",
        handler=delete_user,
        who=ADMIN,
        summary="Delete a user and erase who they were",
        tag="Users",
        keyed=True,
        conditional=True,
        data=Message,
        reasons=(Reason.USER_NOT_FOUND, Reason.LAST_ADMIN),
    ),
)


def user_endpoints(lengths: Lengths) -> tuple[Endpoint, ...]:
    """Return the routes about users, with the password lengths of this deployment."""
    return (
        *CHANGES,
        Endpoint(
            method="POST",
            path="/api/users",
            handler=register,
            who=VISITOR,
            summary="Register as a customer",
            tag="Users",
            body=registration(lengths),
            keyed=True,
            status=201,
            data=User,
            reasons=(Reason.EMAIL_ALREADY_EXISTS,),
        ),
        Endpoint(
            method="POST",
            path="/api/users/admin",
            handler=register_by_admin,
            who=ADMIN,
            summary="Let somebody join in a role",
            tag="Users",
            body=registration_by_admin(lengths),
            keyed=True,
            status=201,
            data=User,
            reasons=(Reason.EMAIL_ALREADY_EXISTS,),
        ),
    )
