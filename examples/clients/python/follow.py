"""Follows the events of the lender: nothing missed, nothing twice, over breaks of the connection and restarts."""

import threading
from collections.abc import Callable

import grpc
from recoup.v1 import event_pb2, event_pb2_grpc

from calls import Problem, problem_of


class Follower(threading.Thread):
    """Reads events into `events`, in commit order."""

    def __init__(self, channel: grpc.Channel, caller: list, cursor: str = ""):
        super().__init__(daemon=True)
        self._stub = event_pb2_grpc.EventServiceStub(channel)
        self._caller = caller
        self._stream = None
        self._stopped = threading.Event()
        self._changed = threading.Condition()
        self.events: list[event_pb2.Event] = []
        # A lender's system keeps it with what it made of the events, in one transaction.
        self.cursor = cursor
        # How streams ended.
        self.breaks: list[Problem] = []

    def run(self) -> None:
        backoff = 0.1
        while not self._stopped.is_set():
            before = self.cursor
            try:
                self._read()
                problem = Problem("UNAVAILABLE", "the stream ended")
            except grpc.RpcError as error:
                problem = problem_of(error)
            if self._stopped.is_set():
                return
            with self._changed:
                self.breaks.append(problem)
                self._changed.notify_all()
            if not problem.helps_again:
                return
            backoff = 0.1 if self.cursor != before else min(2 * backoff, 2.0)
            self._stopped.wait(problem.retry_after or backoff)

    def _read(self) -> None:
        # No deadline: a watch has no end. Keepalive finds out where the server is gone.
        request = event_pb2.WatchEventsRequest(cursor=self.cursor)
        self._stream = self._stub.WatchEvents(request, metadata=self._caller)
        for message in self._stream:
            with self._changed:
                # A message without an event is a sign of life; its cursor counts all the same.
                if message.HasField("event"):
                    self.events.append(message.event)
                self.cursor = message.cursor
                self._changed.notify_all()

    def wait_for(self, what: str, holds: Callable[[], bool], timeout: float) -> None:
        """Waits until `holds`, which is asked anew after each event and each break."""
        with self._changed:
            if not self._changed.wait_for(holds, timeout):
                raise TimeoutError(f"no sign of {what} in {len(self.events)} events; breaks: {self.breaks}")

    def stop(self) -> None:
        """Ends the watch."""
        self._stopped.set()
        if self._stream is not None:
            self._stream.cancel()
        self.join()
