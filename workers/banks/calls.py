"""Calls to outside banks: bounded in time and size, retried when that is safe, breakers asked.

Every answer is one of: what was agreed, `Objection` (a 4xx, for the adapter to understand), or
`Failed` for whoever called the port.
"""

import ssl
from collections.abc import Callable, Mapping
from email.utils import parsedate_to_datetime
from functools import cache
from time import monotonic
from typing import Any, Generic, TypeVar

import httpx2
import msgspec
import stamina
import structlog

from ledger.errors import Reason
from workers.breakers import Breaker, Breakers
from workers.call_meters import CallMeters, NoCallMeters
from workers.retries import Chance, Failed
from workers.spans import UNTRACED, Outward, Span, Spans

CONNECT_SECONDS = 3.0
ATTEMPTS = 3
PAUSE_MS = 200
PATIENCE_MS = 2_000
"""The longest wait that is sat out inside a call; longer ones are the caller's to plan."""
BYTES_MAX = 8_000_000
UNTOLD_WAIT_MS = 1_000
TRANSIENT = frozenset({408, 429, *range(500, 600)})
UNCOUNTED = NoCallMeters()
log = structlog.get_logger()

Shape = TypeVar("Shape")


class Objection(Exception):
    """The bank said no (4xx); seen by the adapter only. `code` is the bank's own word."""

    def __init__(self, status: int, code: str) -> None:
        super().__init__(f"{status} {code}")
        self.status, self.code = status, code


class Call(msgspec.Struct, Generic[Shape], frozen=True, kw_only=True):
    """One thing to ask: `shape` is what was agreed as the answer, `trouble` what a failure is."""

    operation: str
    method: str
    url: str
    shape: type[Shape]
    breaker: Breaker
    params: Mapping[str, str] = {}
    headers: Mapping[str, str] = {}
    form: Mapping[str, str] | None = None
    json: Any = None
    trouble: Reason = Reason.BANK_API_ERROR


class Spoilt(Exception):
    """An attempt that broke; seen by `Calls` only. `pause_ms` is set when the bank named a wait."""

    def __init__(self, failed: Failed, pause_ms: int | None = None) -> None:
        super().__init__(failed)
        self.failed, self.pause_ms = failed, pause_ms


@cache
def trust() -> ssl.SSLContext:
    """Return whom we believe to be a bank: those whose certificates this machine trusts."""
    return ssl.create_default_context()


class Calls:
    """Asks one provider. Safe to share between threads."""

    def __init__(  # noqa: PLR0913  # who is asked, how patiently, and all who watch
        self,
        provider: str,
        breakers: Breakers,
        timeout_ms: int,
        chance: Chance,
        meters: CallMeters = UNCOUNTED,
        *,
        spans: Spans = UNTRACED,
    ) -> None:
        self.provider, self.breakers, self.chance, self.meters = provider, breakers, chance, meters
        self.spans = spans
        self.timeout_seconds = timeout_ms / 1000
        # Every attempt is told below, by its outcome and without what it was about.
        stamina.instrumentation.set_on_retry_hooks(())
        self.http = httpx2.Client(
            verify=trust(),
            trust_env=False,
            follow_redirects=False,
            headers={"Accept": "application/json", "Accept-Encoding": "identity"},
        )

    def close(self) -> None:
        """Hang up."""
        self.http.close()

    def ask(self, call: Call[Shape]) -> Shape:
        """Return the answer. A GET is repeated as banking.md §6 says, anything else never."""
        end = monotonic() + self.timeout_seconds
        pauses = self.pauses(end, ATTEMPTS if call.method == "GET" else 1)
        try:
            for attempt in stamina.retry_context(on=pauses, attempts=ATTEMPTS, timeout=None):
                with attempt:
                    return self.attempt(call, end)
        except Spoilt as spoilt:
            raise spoilt.failed from None
        raise AssertionError("an attempt answers or raises")

    def pauses(self, end: float, attempts: int) -> Callable[[Exception], bool | float]:
        """Return what says after each failure how many seconds to pause, or that this was it."""
        tried = 0

        def pause_after(failure: Exception) -> bool | float:
            nonlocal tried
            tried += 1
            if not isinstance(failure, Spoilt) or tried >= attempts:
                return False
            told = failure.pause_ms
            pause_ms = self.chance((PAUSE_MS << (tried - 1)) + 1) if told is None else told
            if pause_ms > PATIENCE_MS or monotonic() + pause_ms / 1000 >= end:
                return False
            return pause_ms / 1000

        return pause_after

    def attempt(self, call: Call[Shape], end: float) -> Shape:
        """Ask once; the breaker hears how it went."""
        permit = self.breakers.admit(call.breaker)
        begun, outcome, failed = monotonic(), "failed", True
        try:
            with self.spans.call(self.outward(call)) as span:
                answer = self.understood(call, self.exchanged(call, end, span))
            outcome, failed = "answered", False
        except Objection:
            outcome, failed = "refused", False
            raise
        except Spoilt as spoilt:
            outcome = spoilt.failed.failure.reason.value
            failed = spoilt.failed.failure.reason is not Reason.PROVIDER_RATE_LIMITED
            raise
        finally:
            self.breakers.report(call.breaker, permit, failed=failed)
            self.tell(call.operation, outcome, round((monotonic() - begun) * 1000))
        return answer

    def tell(self, operation: str, outcome: str, duration_ms: int) -> None:
        """Tell how an attempt went, without what it was about."""
        self.meters.count(self.provider, operation, outcome, duration_ms)
        log.info(
            "bank.called",
            provider=self.provider,
            operation=operation,
            outcome=outcome,
            duration_ms=duration_ms,
        )

    def outward(self, call: Call[Shape]) -> Outward:
        """Return what a trace tells of a call: never its path, which has ids in it."""
        url = httpx2.URL(call.url)
        return Outward(
            peer=self.provider,
            operation=call.operation,
            host=url.host,
            port=url.port,
            method=call.method,
        )

    def exchanged(self, call: Call[Shape], end: float, span: Span) -> tuple[httpx2.Response, bytes]:
        """Send the request and read the answer, within what time is left."""
        left = max(0.001, end - monotonic())
        try:
            with self.http.stream(
                call.method,
                call.url,
                params=call.params or None,
                headers={**call.headers, **span.headers},
                data=call.form,
                json=call.json,
                timeout=httpx2.Timeout(left, connect=min(CONNECT_SECONDS, left)),
            ) as response:
                span.answered(response.status_code)
                return response, self.body_of(response, end)
        except httpx2.TimeoutException:
            raise Spoilt(Failed(Reason.TIMEOUT)) from None
        except httpx2.TransportError:
            raise Spoilt(Failed(call.trouble)) from None

    def body_of(self, response: httpx2.Response, end: float) -> bytes:
        """Read a body that is neither endless in time nor in size."""
        body = bytearray()
        for piece in response.iter_raw():
            body += piece
            if monotonic() >= end:
                raise Spoilt(Failed(Reason.TIMEOUT))
            if len(body) > BYTES_MAX:
                raise Spoilt(Failed(Reason.BANK_API_ERROR))
        return bytes(body)

    def understood(self, call: Call[Shape], answered: tuple[httpx2.Response, bytes]) -> Shape:
        """Return what an answer says, or raise what it means."""
        response, body = answered
        if response.is_success:
            try:
                return msgspec.json.decode(body or b"null", type=call.shape)
            except msgspec.MsgspecError:
                raise Spoilt(Failed(call.trouble)) from None
        if response.status_code == httpx2.codes.TOO_MANY_REQUESTS:
            wait_ms = wait_of(response)
            raise Spoilt(Failed(Reason.PROVIDER_RATE_LIMITED, wait_ms=wait_ms), told_wait(response))
        if response.status_code in TRANSIENT or not response.is_client_error:
            raise Spoilt(Failed(call.trouble), told_wait(response))
        raise Objection(response.status_code, code_of(body))


def wait_of(response: httpx2.Response) -> int:
    """Return how many milliseconds a bank asks us to wait."""
    told = told_wait(response)
    return UNTOLD_WAIT_MS if told is None else told


def told_wait(response: httpx2.Response) -> int | None:
    """Read `Retry-After` in either of its forms; a date counts from the bank's own `Date`."""
    told = response.headers.get("retry-after", "")
    if told.isascii() and told.isdecimal():
        return int(told) * 1000
    try:
        until = parsedate_to_datetime(told)
        since = parsedate_to_datetime(response.headers.get("date", ""))
        return max(0, round((until - since).total_seconds() * 1000))
    except (TypeError, ValueError):
        return None


def code_of(body: bytes) -> str:
    """Return the code of an error answer, as banks usually write them."""
    try:
        told = msgspec.json.decode(body)
    except msgspec.DecodeError:
        return ""
    code = (told.get("error") or told.get("code")) if isinstance(told, dict) else None
    return code if isinstance(code, str) else ""
