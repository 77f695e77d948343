"""The guide: sends a request, shows it with its answer, and compares it with what should be."""

import time
from collections.abc import Mapping
from typing import Any

import httpx2
import msgspec

from ops.failures import CheckFailed
from ops.output import Output

SHOWN_CHARACTERS = 220
TOO_OFTEN, WAIT_SECONDS = 429, 60
SECRETS = ("password", "token")


class Answer(msgspec.Struct, frozen=True):
    """What came back."""

    status: int
    headers: Mapping[str, str]
    body: Any

    @property
    def data(self) -> Any:
        """Return the content of the envelope."""
        return self.body["data"]


class Guide:
    """Counts steps and faults; `finish` fails the tour when there was any."""

    def __init__(self, url: str, output: Output) -> None:
        self.client = httpx2.Client(base_url=url, timeout=40)
        self.output = output
        self.steps: list[dict[str, Any]] = []

    def chapter(self, title: str) -> None:
        """Begin a new part of the story."""
        self.output.say(f"\n{title}")

    def ask(
        self, who: str, request: str, body: Any = None, *, expect: int, **headers: str
    ) -> Answer:
        """Send `request` ("POST /api/…") and compare the status of the answer."""
        method, _, path = request.partition(" ")
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        reply = self.send(method, path, body, named)
        answer = Answer(reply.status_code, reply.headers, content(reply))
        shown = self.short(answer.body)
        self.output.say(f"  {who:<8} {request} {self.short(body) if body else ''}".rstrip())
        self.output.say(f"  {'':<8} {answer.status} {shown}")
        self.check(f"{request} answers {expect}", answer.status == expect, found=answer.status)
        return answer

    def send(self, method: str, path: str, body: Any, headers: dict[str, str]) -> httpx2.Response:
        """Send a request; one that came too often is sent again when it may pass."""
        reply = self.client.request(method, path, json=body, headers=headers)
        while reply.status_code == TOO_OFTEN and int(reply.headers["retry-after"]) <= WAIT_SECONDS:
            self.output.say(
                f"  {'':<8} waiting {reply.headers['retry-after']} s: too many requests"
            )
            time.sleep(int(reply.headers["retry-after"]))
            reply = self.client.request(method, path, json=body, headers=headers)
        return reply

    def check(self, claim: str, holds: bool, **facts: Any) -> None:  # noqa: FBT001  # the claim's truth is the argument
        """Note whether something is as it should be; the first thing that is not ends the tour."""
        self.steps.append({"claim": claim, "holds": holds, **facts})
        if not holds:
            self.output.say(f"  WRONG    {claim}: {facts}")
            self.finish()

    def short(self, value: Any) -> str:
        """Return a value on one line, secrets left out."""
        text = msgspec.json.encode(discreet(value)).decode()
        return text if len(text) <= SHOWN_CHARACTERS else f"{text[:SHOWN_CHARACTERS]}…"

    def finish(self) -> None:
        """Print the result; fail when something was wrong."""
        wrong = [step for step in self.steps if not step["holds"]]
        told = {"steps": len(self.steps), "wrong": wrong}
        self.client.close()
        verdict = "everything is as it should be" if not wrong else "something is wrong"
        self.output.tell(told, "", f"{len(self.steps)} checks: {verdict}")
        if wrong:
            raise CheckFailed


def content(reply: httpx2.Response) -> Any:
    """Return the document of a reply, or its beginning when it is none."""
    try:
        return reply.json()
    except ValueError:
        return {"not": "JSON", "begins": reply.text[:SHOWN_CHARACTERS]}


def discreet(value: Any) -> Any:
    """Return a value with secrets replaced, and envelopes reduced to what they carry."""
    if isinstance(value, dict):
        if "data" in value and "success" in value:
            return discreet(value["data"])
        return {
            name: "…" if any(word in name for word in SECRETS) else discreet(inner)
            for name, inner in value.items()
        }
    return [discreet(inner) for inner in value] if isinstance(value, list) else value
