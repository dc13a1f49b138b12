"""How recoup is called well: a deadline on each try, the same request again where that helps, errors by reason."""

import random
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

import grpc
from google.protobuf.message import Message
from google.rpc import code_pb2, error_details_pb2, status_pb2
from grpc_status import rpc_status

Answer = TypeVar("Answer")

# For one try. A call without a deadline can wait for ever.
TRY_S = 10.0
# For a call with all its tries; a restart of the server fits in.
PATIENCE_S = 60.0


@dataclass(frozen=True)
class Problem:
    """Why a call, or a row of an import, was not done."""

    code: str
    message: str
    # A name of `ErrorReason` without its prefix; docs/errors has a page for each. Empty = the status came
    # from the way there, not from recoup.
    reason: str = ""
    # What is wrong with which field: all of it at once.
    fields: tuple[tuple[str, str], ...] = ()
    # When to try again, in seconds, where the server says so.
    retry_after: float | None = None

    @property
    def helps_again(self) -> bool:
        """Whether the same request may succeed later. After DEADLINE_EXCEEDED nobody knows whether it was done:
        the same request_id makes it safe to ask again."""
        return self.retry_after is not None or self.code in ("UNAVAILABLE", "DEADLINE_EXCEEDED")


def problem_of_status(status: status_pb2.Status) -> Problem:
    """Reads the details of a google.rpc.Status."""
    info, bad, retry = error_details_pb2.ErrorInfo(), error_details_pb2.BadRequest(), error_details_pb2.RetryInfo()
    retry_after = None
    for detail in status.details:
        detail.Unpack(info)
        detail.Unpack(bad)
        if detail.Unpack(retry):
            retry_after = retry.retry_delay.ToTimedelta().total_seconds()
    fields = tuple((violation.field, violation.description) for violation in bad.field_violations)
    return Problem(code_pb2.Code.Name(status.code), status.message, info.reason, fields, retry_after)


def problem_of(error: grpc.RpcError) -> Problem:
    """Reads the details of a failed call."""
    status = rpc_status.from_call(error)
    return problem_of_status(status) if status else Problem(error.code().name, error.details() or "")


def repeating(name: str, attempt: Callable[[], Answer]) -> Answer:
    """Makes an attempt until it is answered for good. Each attempt must send the very same request, request_id
    included: the server does it once and answers each time as it answered first."""
    started, backoff = time.monotonic(), 0.1
    while True:
        try:
            return attempt()
        except grpc.RpcError as error:
            problem = problem_of(error)
            wait = problem.retry_after or backoff * random.uniform(0.5, 1.0)
            if not problem.helps_again or time.monotonic() - started + wait > PATIENCE_S:
                raise
        print(f"again: {name} in {wait:.2f} s ({problem.code})", flush=True)
        time.sleep(wait)
        backoff = min(2 * backoff, 2.0)


def call(method: Callable[..., Answer], request: Message, caller: list) -> Answer:
    """Calls a method as `caller`, its metadata."""
    return repeating(type(request).__name__, lambda: method(request, metadata=caller, timeout=TRY_S))
