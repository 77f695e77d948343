"""Read models over HTTP: where each of them stands, for readers."""

from projections.catalogue import BY_NAME
from tests.api.queries.town import Desk

FIELDS = ["name", "position", "head", "lag", "status", "last_error", "updated_at"]


def test_readers_see_where_read_models_stand(own_desk: Desk) -> None:
    town = own_desk.town
    found = own_desk.data(town.sue, "/api/projections")
    assert [each["name"] for each in found] == sorted(BY_NAME)
    assert all(list(each) == FIELDS for each in found)
    assert {(each["position"], each["lag"]) for each in found} == {(town.history.position, 0)}
    pause = "UPDATE read.checkpoints SET paused_at = now() WHERE projection = 'users'"
    town.execute(pause)
    stopped = "UPDATE read.checkpoints SET status = 'failed', last_error = 'no'"
    town.execute(f"{stopped} WHERE projection = %s", "banks")
    found = {each["name"]: each for each in own_desk.data(town.audrey, "/api/projections")}
    assert (found["users"]["status"], found["banks"]["status"]) == ("paused", "failed")
    assert found["banks"]["last_error"] == "no"
    assert own_desk.reason(town.anna, "/api/projections") == (403, "insufficient_permissions")
