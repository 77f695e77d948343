"""Replaying: the log read once, in order, into the world of a what-if; nothing is written."""

from collections.abc import Callable, Iterator, Sequence
from itertools import groupby
from operator import itemgetter

import msgspec

from ledger.events.payment import PaymentCreated, PaymentEdited
from ops.audits.reading import Row, Texts, pages
from ops.what_if.outcome import Outcome
from ops.what_if.rules import Rules
from ops.what_if.world import Happened, World
from projections.copying import uncollected
from projections.log import Undecodable
from schema.codec import decode_envelope
from schema.postgres import connect
from schema.seals import KeyEncryptionKeys

Told = Callable[[int, int], None]
Placed = tuple[object, Happened]
"""What happened, with the id of its command."""


def replayed(dsn: str, rules: Rules, keks: KeyEncryptionKeys, until: int, told: Told) -> Outcome:
    """Fold the log up to the end of a command; raises `Hole` and `Undecodable`."""
    with connect(dsn, "ledgerbank_app", statement_timeout_ms=0) as asking, uncollected():
        texts = Texts(asking, keks)
        world = World(rules, texts.reveal)
        command: list[Happened] = []
        current: object = None
        for page in pages(dsn, until):
            found = list(placed(page, world))
            if rules.duplicates is not None:
                learn(texts, found)
            for command_id, together in groupby(found, itemgetter(0)):
                if command_id != current:
                    world.take(command)
                    command, current = [], command_id
                command += [each for _, each in together]
            told(page[-1][1], until)
        world.take(command)
        return world.end(until)


def placed(page: Sequence[Row], world: World) -> Iterator[Placed]:
    """Yield what of a page the world takes; raises `Undecodable`."""
    names = {kind.stored_as for kind in world.steps}
    for command_id, position, stream, _, at, _, name, version, stored in page:
        if name not in names:
            continue
        try:
            envelope = decode_envelope(name, version, stored)
        except (msgspec.MsgspecError, LookupError, TypeError, ValueError) as error:
            raise Undecodable(position, error) from error
        by_service = envelope.metadata.actor.type == "service"
        identity = stream.partition("-")[2]
        yield command_id, Happened(position, identity, at, by_service, envelope.data)


def learn(texts: Texts, found: Sequence[Placed]) -> None:
    """Fetch the keys to what payments say, all at once."""
    kids = {
        each.says.description.kid
        for _, each in found
        if isinstance(each.says, PaymentCreated | PaymentEdited) and each.says.description
    }
    texts.fetch(kids - texts.keys.keys())
