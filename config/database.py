"""A database connection that does not wait for ever for a server that has stopped.

PostgreSQL's own time limits are kept by PostgreSQL, and TCP's do not hold behind a unix socket: if
the whole server is frozen, a query would hold its request until somebody thaws it. So whoever
waits long asks whether the server still takes connections. A slow query goes on; a frozen server
is an OperationalError, which pages answer with 503.
"""

import time
from collections.abc import Generator
from typing import Any, TypeVar

import psycopg
from psycopg import pq
from psycopg.conninfo import make_conninfo

ASK_AFTER_S = 4.0
# For the question itself; PostgreSQL that is only busy answers in milliseconds.
ANSWER_WITHIN_S = 3

T = TypeVar("T")
# Any: what psycopg's generators yield and are sent is its own business.
Steps = Generator[Any, Any, T]


class PatientConnection(psycopg.Connection[Any]):
    """What the pool of `settings.DATABASES` makes."""

    # As psycopg.Connection.wait: it drives every question and answer of this connection.
    def wait(self, gen: Steps[T], *arguments: Any, **options: Any) -> T:
        return super().wait(self._watched(gen), *arguments, **options)

    def _watched(self, steps: Steps[T]) -> Steps[T]:
        """The same steps; psycopg also comes by, with nothing, while there is silence."""
        asked_at_s = time.monotonic()
        try:
            state = next(steps)
            while True:
                ready = yield state
                if ready:
                    asked_at_s = time.monotonic()
                elif time.monotonic() - asked_at_s > ASK_AFTER_S:
                    self._ask()
                    asked_at_s = time.monotonic()
                state = steps.send(ready)
        except StopIteration as end:
            value: T = end.value
            return value

    def _ask(self) -> None:
        """Raises OperationalError, with the connection closed, if the server does not answer."""
        address = make_conninfo(self.info.dsn, connect_timeout=ANSWER_WITHIN_S)
        if pq.PGconn.ping(address.encode()) == pq.Ping.NO_RESPONSE:
            self.pgconn.finish()
            raise psycopg.OperationalError("PostgreSQL does not answer any more")
