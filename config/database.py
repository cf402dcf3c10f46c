"""A database connection that does not wait for ever for a server that has stopped.

PostgreSQL's own time limits (statement_timeout and its kin) are kept by PostgreSQL, and TCP's
keepalive does not hold behind a unix socket: if the whole server is frozen, a query would hold its
request until somebody thaws it. So a connection that waits long in silence probes whether the
server still takes connections. A slow query goes on; a frozen server is an OperationalError, which
pages answer with 503.
"""

import select
import time
from collections.abc import Generator, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

import psycopg
from django.db.backends.utils import CursorWrapper
from psycopg import pq
from psycopg.conninfo import make_conninfo

PROBE_EVERY_S = 4.0
# For the probe itself; PostgreSQL that is only busy answers in milliseconds.
PROBE_TIMEOUT_S = 3
# As psycopg's `prepare_threshold`: so often, a statement is prepared without being asked to.
NEVER_BY_ITSELF = 2**31

T = TypeVar("T")
# Any: what psycopg's generators yield and are sent is its own business.
Steps = Generator[Any, Any, T]


class KeepaliveConnection(psycopg.Connection[Any]):
    def execute(self, query: Any, params: Any = None, **options: Any) -> psycopg.Cursor[Any]:
        # The pool lends nothing before it has had an empty statement answered, nine times in the
        # life of a call. A server that ends a session says so and hangs up: where nothing has
        # come, the session stands, and asking would tell no more.
        if query == "" and self._is_at_rest():
            return self.cursor()
        return super().execute(query, params, **options)

    def _is_at_rest(self) -> bool:
        if self.closed or self.info.transaction_status != pq.TransactionStatus.IDLE:
            return False
        poll = select.poll()
        poll.register(self.pgconn.socket, select.POLLIN)
        return not poll.poll(0)

    # As psycopg.Connection.wait: it drives every query and result of this connection.
    def wait(self, gen: Steps[T], *arguments: Any, **options: Any) -> T:
        return super().wait(self._probing(gen), *arguments, **options)

    def _probing(self, steps: Steps[T]) -> Steps[T]:
        """The same steps. While there is silence, psycopg resumes them, too, with nothing ready."""
        heard_at_s = time.monotonic()
        try:
            state = next(steps)
            while True:
                ready = yield state
                if ready:
                    heard_at_s = time.monotonic()
                elif time.monotonic() - heard_at_s > PROBE_EVERY_S:
                    self._probe()
                    heard_at_s = time.monotonic()
                state = steps.send(ready)
        except StopIteration as end:
            value: T = end.value
            return value

    def _probe(self) -> None:
        """Raises OperationalError, with the connection closed, if the server does not answer."""
        conninfo = make_conninfo(self.info.dsn, connect_timeout=PROBE_TIMEOUT_S)
        if pq.PGconn.ping(conninfo.encode()) == pq.Ping.NO_RESPONSE:
            self.pgconn.finish()  # the pool must not hand it out again
            raise psycopg.OperationalError("PostgreSQL does not answer any more")


def is_command(arguments: Sequence[str]) -> bool:
    """Whether this process is a `manage.py` command, which somebody waits for by choice.

    >>> is_command(["manage.py", "migrate"]), is_command(["uvicorn"])
    (True, False)
    """
    return bool(arguments) and Path(arguments[0]).name == "manage.py"


def is_web(arguments: Sequence[str]) -> bool:
    """Whether this process is `python -m config.server`.

    >>> is_web(["/opt/gigarouter/config/server/__main__.py"]), is_web(["manage.py", "migrate"])
    (True, False)
    """
    return bool(arguments) and Path(arguments[0]).parts[-3:] == ("config", "server", "__main__.py")


def time_limits(*, statement_s: int, idle_in_transaction_s: int) -> dict[str, int]:
    """In milliseconds, by PostgreSQL's names. A lock is waited for 2 s in any case: whoever waits
    to change a table holds up all who come after.
    """
    return {
        "statement_timeout": statement_s * 1000,
        "lock_timeout": 2000,
        "idle_in_transaction_session_timeout": idle_in_transaction_s * 1000,
    }


def as_options(limits: Mapping[str, int]) -> str:
    """As libpq's `options`, which a session begins with.

    >>> as_options({"lock_timeout": 2000})
    '-c lock_timeout=2000'
    """
    return " ".join(f"-c {name}={value}" for name, value in limits.items())


def give_to_role(limits: Mapping[str, int], cursor: CursorWrapper) -> None:
    """For each session of this role in this database that says nothing else, from its start on.

    PgBouncer passes no `options` on, and lends a session to many, so that a SET would not stay.
    """
    for name, value in limits.items():
        cursor.execute(
            "SELECT format('ALTER ROLE CURRENT_USER IN DATABASE %%I SET %%I = %%L',"
            " current_database(), %s::text, %s::text)",
            [name, value],
        )
        [statement] = cursor.fetchone()
        cursor.execute(statement)
