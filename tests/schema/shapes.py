"""Values of every stored shape, drawn from the types of its fields."""

from functools import cache
from types import NoneType, UnionType
from typing import Any, Literal, Union, get_args, get_origin

import msgspec
from hypothesis import strategies as st

from ledger.events.event import Event
from ledger.events.recorded import Envelope, Metadata

PLAIN: dict[Any, st.SearchStrategy[Any]] = {
    str: st.text(max_size=20),
    int: st.integers(-(2**63), 2**63 - 1),
    bool: st.booleans(),
    NoneType: st.none(),
}


@cache
def values(annotation: Any) -> st.SearchStrategy[Any]:
    """Return whatever `annotation` allows."""
    if isinstance(annotation, type) and issubclass(annotation, msgspec.Struct):
        return structs(annotation)
    origin, arguments = get_origin(annotation), get_args(annotation)
    return PLAIN[annotation] if origin is None else several(origin, arguments)


def several(origin: Any, arguments: tuple[Any, ...]) -> st.SearchStrategy[Any]:
    """Return values of a type that is made of others."""
    match origin:
        case _ if origin in {Union, UnionType}:
            return st.one_of([values(each) for each in arguments])
        case _ if origin is Literal:
            return st.sampled_from(arguments)
        case _ if origin is tuple and arguments[-1] is not Ellipsis:
            return st.tuples(*map(values, arguments))
        case _ if origin is tuple:
            return st.lists(values(arguments[0]), max_size=4).map(tuple)
        case _ if origin is frozenset:
            return st.frozensets(values(arguments[0]), max_size=4)
        case _:
            assert origin is dict, origin
            return st.dictionaries(values(arguments[0]), values(arguments[1]), max_size=4)


def structs(kind: type[msgspec.Struct]) -> st.SearchStrategy[Any]:
    """Return structs of one kind, every field drawn."""
    fields = msgspec.structs.fields(kind)
    return st.builds(kind, **{field.name: values(field.type) for field in fields})


@cache
def envelopes(kind: type[Event]) -> st.SearchStrategy[Envelope[Any]]:
    """Return envelopes of one event type, as written today."""
    return st.builds(
        Envelope[Any],
        data=structs(kind),
        effective_at=values(str),
        id=values(str),
        metadata=structs(Metadata),
        recorded_at=values(str),
        schema_version=st.just(kind.schema_version),
        stream_id=values(str),
        stream_version=st.integers(1, 2**63 - 1),
        type=st.just(kind.stored_as),
    )
