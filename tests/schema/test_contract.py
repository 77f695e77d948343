"""The event-sourcing library's own contract tests, passed by our recorders.

Run against ours: `ApplicationRecorderTestCase` with its optional subscription test and
`NonInterleavingNotificationIDsBaseCase` (the log), `AggregateRecorderTestCase` (snapshots) and
`InfrastructureFactoryTestCase`. Streams are text here, so the tests are given text ids.

Not applicable: `TrackingRecorderTestCase` and `ProcessRecorderTestCase`. Projections and process
managers move a checkpoint together with their own rows, so the library's tracking would be a
second truth: the factory refuses both recorders, which is tested in their place.
`AggregateRecorderTestCase` does not apply to the log, because it wants no positions returned.
"""

from collections.abc import Iterator
from uuid import UUID

import pytest
from eventsourcing.persistence import (
    InfrastructureFactoryError,
    ProcessRecorder,
    TrackingRecorder,
)
from eventsourcing.tests import persistence
from eventsourcing.utils import Environment
from typing_extensions import override

from ledger.identity import new_id
from schema.recorder import LogFactory, LogRecorder, SnapshotRecorder


class OnTheLog(persistence.RecorderTestCase):
    """Gives a contract test a factory over a fresh database, and text ids."""

    factory: LogFactory

    @pytest.fixture(autouse=True)
    def built(self, database: str) -> Iterator[None]:
        self.factory = LogFactory({"LEDGER_DSN": database})
        yield
        self.factory.close()

    @override
    def new_originator_id(self) -> UUID | str:
        return f"test-{new_id()}"


class TestLog(OnTheLog, persistence.ApplicationRecorderTestCase[LogRecorder]):
    @override
    def create_recorder(self) -> LogRecorder:
        recorder = self.factory.application_recorder()
        assert isinstance(recorder, LogRecorder)
        return recorder

    def test_insert_subscribe(self) -> None:
        self.optional_test_insert_subscribe()


class TestCommitOrder(OnTheLog, persistence.NonInterleavingNotificationIDsBaseCase):
    @override
    def create_recorder(self) -> LogRecorder:
        recorder = self.factory.application_recorder()
        assert isinstance(recorder, LogRecorder)
        return recorder


class TestSnapshots(OnTheLog, persistence.AggregateRecorderTestCase):
    @override
    def create_recorder(self) -> SnapshotRecorder:
        recorder = self.factory.aggregate_recorder(purpose="snapshots")
        assert isinstance(recorder, SnapshotRecorder)
        return recorder


class TestFactory(persistence.InfrastructureFactoryTestCase[LogFactory]):
    @pytest.fixture(autouse=True)
    def addressed(self, database: str) -> None:
        self.env = Environment(
            env={"LEDGER_DSN": database, "PERSISTENCE_MODULE": "schema.recorder"}
        )

    @override
    def expected_factory_class(self) -> type[LogFactory]:
        return LogFactory

    @override
    def expected_aggregate_recorder_class(self) -> type[LogRecorder]:
        return LogRecorder

    @override
    def expected_application_recorder_class(self) -> type[LogRecorder]:
        return LogRecorder

    @override
    def expected_tracking_recorder_class(self) -> type[TrackingRecorder]:
        raise AssertionError("there is none")

    @override
    def tracking_recorder_subclass(self) -> type[TrackingRecorder]:
        raise AssertionError("there is none")

    @override
    def expected_process_recorder_class(self) -> type[ProcessRecorder]:
        raise AssertionError("there is none")

    @override
    def test_create_tracking_recorder(self) -> None:
        with pytest.raises(InfrastructureFactoryError, match="checkpoint"):
            self.factory.tracking_recorder()

    @override
    def test_create_process_recorder(self) -> None:
        with pytest.raises(InfrastructureFactoryError, match="checkpoint"):
            self.factory.process_recorder()
