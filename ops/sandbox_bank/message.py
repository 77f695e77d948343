"""Requests and replies of the sandbox bank, and the ways a reply can fail to arrive."""

from enum import StrEnum
from typing import Any
from urllib.parse import parse_qsl

import msgspec


class Manner(StrEnum):
    """How a reply is put on the wire."""

    WHOLE = "whole"
    DISCONNECTED = "disconnected"
    SILENT = "silent"
    TRUNCATED = "truncated"
    DRIPPED = "dripped"


class Request(msgspec.Struct, frozen=True, kw_only=True):
    """One request, read whole; header names are lower case."""

    method: str
    path: str
    query: dict[str, str]
    headers: dict[str, str]
    body: bytes

    def form(self) -> dict[str, str]:
        """Return the fields of a form."""
        told = parse_qsl(self.body.decode("utf-8", "replace"), keep_blank_values=True)
        return dict(told)

    def json(self) -> dict[str, Any]:
        """Return the fields of a JSON object. Raises `Rejected`."""
        try:
            told = msgspec.json.decode(self.body or b"{}")
        except msgspec.DecodeError as failure:
            raise Rejected(400, "invalid_json") from failure
        if not isinstance(told, dict):
            raise Rejected(400, "invalid_json")
        return told


class Reply(msgspec.Struct, frozen=True, kw_only=True):
    """One reply and how it is delivered."""

    status: int = 200
    body: bytes = b"{}"
    media_type: str = "application/json"
    headers: dict[str, str] = {}
    manner: Manner = Manner.WHOLE


class Rejected(Exception):
    """The bank says no; whoever asked sees `status` and a code."""

    def __init__(
        self, status: int, code: str, text: str = "", retry_after: int | None = None
    ) -> None:
        super().__init__(code)
        self.status, self.code, self.text, self.retry_after = status, code, text, retry_after

    def reply(self) -> Reply:
        """Return the answer that says so."""
        told = {"error": self.code} | ({"error_description": self.text} if self.text else {})
        headers = {} if self.retry_after is None else {"Retry-After": str(self.retry_after)}
        return answer(told, status=self.status, headers=headers)


def answer(told: Any, status: int = 200, headers: dict[str, str] | None = None) -> Reply:
    """Return a JSON reply."""
    return Reply(status=status, body=msgspec.json.encode(told), headers=headers or {})
