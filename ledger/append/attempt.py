"""One attempt at one command: judge who asks, look for an earlier answer, decide, render."""

from collections.abc import Mapping
from typing import Any

import msgspec

from ledger.append.memory import Overlay
from ledger.append.ports import Decided, Key, Remembered, Vault, pack, unpack
from ledger.commands.asked import Answer, Asked, Idempotency, Loaded, Outcome
from ledger.commands.command import Command, Context
from ledger.decisions.callers import judge_caller
from ledger.decisions.routing import DECISIONS
from ledger.decisions.testimony import testify, testify_refusal
from ledger.decisions.view import ABSENT, NotLoaded, PrivateRow, View, claim_key
from ledger.errors import Reason, Refused
from ledger.events.audit import SecurityEvent
from ledger.events.recorded import Metadata
from ledger.policies.access import ServiceActor
from ledger.policies.limits import Rules

REMEMBERED_STATUSES = frozenset({404, 409, 412, 422})
"""Refusals that a key remembers, when trying again cannot help (http.md §1.9)."""


class Submission(msgspec.Struct, frozen=True, kw_only=True):
    """A command on its way: sealed, named, and with the rows that came into being with it.

    Its answer is kept under the key of the asker, `answer_subject`, unless it shows a person,
    `shown_subject`: then it has to become unreadable with them.
    """

    command: Command
    context: Context
    asked: Asked
    command_id: str
    born: PrivateRow | None = None
    answer_subject: str | None = None
    shown_subject: str | None = None

    @property
    def name(self) -> tuple[str, str]:
        """Return the scope and key under which the command is kept for ever."""
        key = self.asked.idempotency
        return ("", self.command_id) if key is None else (key.scope, key.key)


class Verdict(msgspec.Struct, frozen=True, kw_only=True):
    """What an attempt came to; it is told only after the batch it belongs to is committed.

    `decided` is what must be written, None when there is nothing; `position` is set on a replay;
    `failure` is a bug that one command met and the others of its batch must not.
    """

    decided: Decided | None = None
    changed: dict[str, Any] = {}
    result: Loaded | None = None
    answer: Answer | None = None
    refused: Refused | None = None
    failure: Exception | None = None
    position: int | None = None

    def outcome(self, position: int) -> Outcome:
        """Return what the asker is told; raises the refusal or the failure instead."""
        error = self.refused or self.failure
        if error is not None:
            raise error
        replayed = self.position is not None
        return Outcome(
            position if self.position is None else self.position, self.result, self.answer, replayed
        )


class Attempts:
    """Everything attempts share: the rules, the vault, and the answers of earlier keys."""

    def __init__(
        self, rules: Rules, vault: Vault, earlier: Mapping[tuple[str, str], Remembered | None]
    ) -> None:
        self.rules, self.vault, self.earlier = rules, vault, earlier

    def attempt(self, submission: Submission, overlay: Overlay, now: str, after: int) -> Verdict:
        """Decide one command on top of `overlay`, which is left as it is. Raises `NotLoaded`.

        `after` is the position of the log's last event before the command's own.
        """
        view = View(overlay, self.rules, now, submission.context, submission.asked)
        view.after = after
        try:
            judge_caller(view)
        except Refused as refused:
            return Verdict(refused=refused)
        earlier = self.earlier.get(submission.name)
        if earlier is not None:
            return self.replay(submission, earlier)
        try:
            told = DECISIONS[type(submission.command)](view, submission.command)
        except Refused as refused:
            return self.refuse(submission, view, refused)
        return self.accept(submission, view, told)

    def replay(self, submission: Submission, earlier: Remembered) -> Verdict:
        """Give the first answer again; refuse a key that was used for something else."""
        key = submission.asked.idempotency
        if earlier.command_id == submission.command_id and earlier.answer is None:
            return Verdict(position=earlier.last_position)
        same = key is None or key.asked_for(earlier.request_hash)
        if not same or earlier.answer is None or earlier.answer_key is None:
            refused = Refused(Reason.IDEMPOTENCY_KEY_REUSED, position=earlier.last_position)
            return Verdict(refused=refused)
        opened = self.vault.by_id(earlier.answer_key)
        if opened is None:
            refused = Refused(Reason.IDEMPOTENCY_KEY_REUSED, position=earlier.last_position)
            return Verdict(refused=refused)
        answer = unpack(opened.open_bytes(earlier.answer, earlier.command_id))
        return Verdict(answer=answer, position=earlier.last_position)

    def refuse(self, submission: Submission, view: View, refused: Refused) -> Verdict:
        """Remember a final no under its key; any other no leaves no trace.

        A key that may have been used before is looked up first: its first answer is the answer.
        """
        key, render = submission.asked.idempotency, submission.asked.render_refusal
        final = is_final(refused)
        if key is not None and (render is None or not final):
            if submission.name not in self.earlier:
                raise NotLoaded(f"command:{key.scope}\n{key.key}")
            return Verdict(refused=refused)
        undone = view.undone()
        if final and not submission.asked.rehearsed:
            testify_refusal(undone, submission.command, refused)
        if key is None and not undone.events:
            return Verdict(refused=refused)
        answer = None if key is None or render is None else render(refused)
        asked = msgspec.structs.replace(submission, shown_subject=None)
        decided = self.decided(asked, undone, answer)
        return Verdict(decided=decided, changed=changed_by(undone), refused=refused)

    def accept(self, submission: Submission, view: View, told: str | Refused) -> Verdict:
        """Render the answer and gather what must be written."""
        refused = told if isinstance(told, Refused) else None
        result = None if isinstance(told, Refused) else view.load(told)
        answer = rendered(submission.asked, result, refused, view)
        if submission.asked.rehearsed:
            return Verdict(result=result, answer=answer, refused=refused)
        testify(view, submission.command, told)
        assert view.events or not view.claims, "claims change only together with events"
        writes = view.events or view.rows or view.claims or submission.asked.idempotency
        return Verdict(
            decided=self.decided(submission, view, answer) if writes else None,
            changed=changed_by(view),
            result=result,
            answer=answer,
            refused=refused,
        )

    def decided(self, submission: Submission, view: View, answer: Answer | None) -> Decided:
        """Return what one transaction must write for the command."""
        key, scope_and_key = submission.asked.idempotency, submission.name
        sealing = self.answer_key(submission) if key is not None and answer is not None else None
        born = born_with(submission, view, sealing)
        return Decided(
            command_id=submission.command_id,
            scope=scope_and_key[0],
            key=scope_and_key[1],
            request_hash=None if key is None else key.request_hash,
            metadata=metadata_of(view, key, self.vault),
            now=view.now,
            events=view.events,
            claims=view.claims,
            rows=[*born, *view.rows],
            answer=(
                None
                if sealing is None or answer is None
                else sealing.seal_bytes(pack(answer), submission.command_id)
            ),
            answer_key=None if sealing is None else sealing.kid,
            back_dated=view.back_dated,
        )

    def answer_key(self, submission: Submission) -> Key | None:
        """Return the key that the answer is kept under."""
        subject = submission.shown_subject or submission.answer_subject
        if subject is None:
            return None
        key = self.vault.of(subject)
        if key is None:
            raise NotLoaded(f"subject:{subject}")
        return key


def is_final(refused: Refused) -> bool:
    """Say whether a key remembers the refusal: trying again cannot help."""
    fact = refused.reason.fact
    return fact.status in REMEMBERED_STATUSES and not fact.retryable


def rendered(
    asked: Asked, result: Loaded | None, refused: Refused | None, view: View
) -> Answer | None:
    """Return what is told, or remembered of a refusal that left events; None for nothing."""
    if result is not None and asked.render is not None:
        return asked.render(result, view.reveal)
    if refused is not None and asked.render_refusal is not None and is_final(refused):
        return asked.render_refusal(refused)
    return None


def born_with(submission: Submission, view: View, sealing: Key | None) -> list[PrivateRow]:
    """Return the new data key of a command, if an event or the answer is sealed under it."""
    born = submission.born
    if born is None:
        return []
    used = bool(view.events) or (sealing is not None and sealing.kid == born.key)
    return [born] if used else []


def changed_by(view: View) -> dict[str, Any]:
    """Return what memory must learn when the attempt is committed."""
    changed = {key: entry for key, entry in view.changed.items() if entry.version > 0}
    for (namespace, key), change in view.claims.items():
        changed[claim_key(namespace, key)] = ABSENT if change.after is None else change.after
    return changed


def metadata_of(view: View, key: Idempotency | None, vault: Vault) -> Metadata:
    """Say who asked and why, for every event of the command."""
    context, caller = view.context, view.caller
    metadata = Metadata(
        actor=caller.recorded if isinstance(caller, ServiceActor) else caller,
        correlation_id=context.correlation_id,
        causation_id=context.causation_id,
        idempotency_key_hash=None if key is None else view.digest("key", key.scope, key.key),
        traceparent=context.traceparent,
    )
    if context.origin is None or not view.events:
        return metadata
    return traced(metadata, view, vault) if is_told(view) else metadata


def is_told(view: View) -> bool:
    """Say whether the audit log tells of this command: its events are the last."""
    return isinstance(view.events[-1][2], SecurityEvent)


def traced(metadata: Metadata, view: View, vault: Vault) -> Metadata:
    """Add where the request came from, sealed for whom it tells about; nobody erased is."""
    origin, actor = view.context.origin, metadata.actor
    assert origin is not None, "only a command with an origin is traced"
    person = actor.id if actor.type == "user" else None
    key = vault.sealing(house_of(view.now) if person is None else person)
    if key is None:
        return metadata
    agent = None if origin.user_agent is None else key.seal(origin.user_agent)
    return msgspec.structs.replace(metadata, ip=key.seal(origin.address), user_agent=agent)


def house_of(now: str) -> str:
    """Return who the house is this month: the subject of the key for what strangers leave.

    A key a month, so that what strangers left can be made unreadable month by month.
    """
    return f"house-{now[:7]}"
