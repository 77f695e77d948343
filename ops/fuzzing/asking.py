"""How requests are made better than by chance: who asks, and what is known to exist.

Schemathesis makes what the document allows and what it forbids; it cannot know the town.
"""

from typing import Any

import schemathesis
from schemathesis import AuthContext, Case, HookContext, Response

from ledger.identity import new_id
from ops.fuzzing.crowd import Crowd
from ops.fuzzing.places import Places
from ops.fuzzing.rules import refused_for_what_no_schema_says

AUTHORIZATION, KEY, API_VERSION = "Authorization", "Idempotency-Key", "X-API-Version"
STRANGE_HEADER = "x-schemathesis-unknown-property"
"""Whatever else there is in a header, HTTP lets it pass."""
UNAUTHORIZED, SUCCESS = 401, range(200, 300)
GUESSED_EVERY = 4
"""One request in so many keeps the ids that were made up."""


class Guide:
    """Knows the town while a campaign lasts."""

    def __init__(self, crowd: Crowd, places: Places) -> None:
        self.crowd, self.places = crowd, places

    def improve(self, case: Case[Any]) -> None:
        """Let a request that is meant to be good be about what exists, and not a repetition."""
        if case.query and "version" in case.query:
            case.headers.pop(API_VERSION, None)
        case.headers.pop(STRANGE_HEADER, None)
        if case.meta is None or not case.meta.generation.mode.is_positive:
            return
        if KEY in case.headers:
            case.headers[KEY] = new_id()
        if next(self.places.turns) % GUESSED_EVERY:
            self.places.fill(case.operation.path, case.path_parameters)
            self.places.refer(case.body if isinstance(case.body, dict) else {})

    def learn(self, case: Case[Any], response: Response) -> None:
        """Learn from an answer what exists, and whose token is dead."""
        if response.status_code == UNAUTHORIZED:
            self.crowd.forget(case.headers.get(AUTHORIZATION, ""))
        elif response.status_code in SUCCESS and is_json(response):
            told = response.json()
            data = told.get("data") if isinstance(told, dict) else None
            self.places.learn(case.operation.path, data)


def prepare(crowd: Crowd, places: Places) -> None:
    """Tell schemathesis who asks, what exists, and what else to check."""
    guide = Guide(crowd, places)

    class Turns:
        """Proves who asks: everybody by turns."""

        def get(self, _case: Case[Any], _context: AuthContext) -> str:
            return crowd.next()

        def set(self, case: Case[Any], data: str, _context: AuthContext) -> None:
            case.headers[AUTHORIZATION] = data

    def before_call(_: HookContext, case: Case[Any], _kwargs: dict[str, Any]) -> None:
        guide.improve(case)

    def after_call(_: HookContext, case: Case[Any], response: Response) -> None:
        guide.learn(case, response)

    schemathesis.auth(refresh_interval=None)(Turns)
    schemathesis.hook(before_call)
    schemathesis.hook(after_call)
    schemathesis.check(refused_for_what_no_schema_says)


def is_json(response: Response) -> bool:
    """Say whether an answer is one of ours in JSON."""
    return response.headers.get("content-type", [""])[0].startswith("application/json")
