"""Commands about users: registration."""

from typing import Any

from api.asking import Told, ask
from api.call import Call
from api.callers import VISITOR
from api.endpoint import Endpoint
from api.fields import Document, Field, FieldTable, Kind
from api.gate import Gate
from api.kinds import anything, email, text
from api.passwords import LENGTH_MAX, Lengths
from api.reply import Bare
from api.shapes import User
from ledger.commands.asked import Loaded, Reveal
from ledger.commands.user import RegisterUser
from ledger.errors import Reason, Refused
from ledger.events.event import Private
from ledger.identity import new_id
from schema.principals import email_claim

NAME_LENGTH_MAX = 255


async def register(call: Call) -> Bare:
    """Let somebody join as a customer, whatever role they name."""
    gate, body = call.use(Gate), call.body
    user_id = new_id()
    command = RegisterUser(
        user_id=user_id,
        email=Private(body["email"], user_id),
        email_claim=email_claim(gate.index_key, body["email"]),
        full_name=Private(body["full_name"], user_id),
        password_hash=await gate.passwords.hashed(body["password"]),
        data_key_id=new_id(),
    )
    return await ask(call, command, REGISTERED)


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


def password(shortest: int) -> Kind:
    """Take a new password exactly as it is sent."""

    def read(value: Any, _: Document) -> str:
        if not isinstance(value, str) or not shortest <= len(value) <= LENGTH_MAX:
            raise Refused(
                Reason.INVALID_PASSWORD_FORMAT,
                min_length=shortest,
                expected=f"text of {shortest} to {LENGTH_MAX} characters",
            )
        return value

    schema = {"type": "string", "minLength": shortest, "maxLength": LENGTH_MAX}
    return Kind(read=read, schema=schema, reasons=(Reason.INVALID_PASSWORD_FORMAT,))


def repeated(field: str) -> Kind:
    """Take the same text as in another field."""

    def read(value: Any, document: Document) -> Any:
        if value != document.get(field):
            raise Refused(Reason.INVALID_PASSWORD_FORMAT, expected=f"the same as {field}")
        return value

    return Kind(read=read, schema={"type": "string"}, reasons=(Reason.INVALID_PASSWORD_FORMAT,))


def user_endpoints(lengths: Lengths) -> tuple[Endpoint, ...]:
    """Return the routes about users, with the password lengths of this deployment."""
    registration = FieldTable(
        (
            Field("email", email(), required=True),
            Field(
                "full_name",
                text(1, NAME_LENGTH_MAX, Reason.INVALID_NAME_FORMAT, plain=True),
                required=True,
            ),
            Field("password", password(lengths.minima["user"]), required=True),
            Field("password_confirmation", repeated("password"), required=True),
            Field("role", anything()),
        )
    )
    return (
        Endpoint(
            method="POST",
            path="/api/users",
            handler=register,
            who=VISITOR,
            summary="Register as a customer",
            tag="Users",
            body=registration,
            keyed=True,
            status=201,
            data=User,
            reasons=(Reason.EMAIL_ALREADY_EXISTS,),
        ),
    )
