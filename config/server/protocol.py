"""uvicorn's HTTP protocol, with bounds on size, number and time.

uvicorn takes headers of any size, waits for ever for their end, reads ahead any number of requests
on one connection, and never gives up a client that takes no answer. What is refused here is
answered with 400, 408, 414, 431 or 503; times that bodies take are config.middleware.body_limit's
part, which knows whether anybody waits for them.
"""

import asyncio
import logging
from enum import Enum, auto
from http import HTTPStatus
from typing import Any, ClassVar

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from config.server import refusals
from config.server.connections import ConnectionTable
from config.server.limits import HttpLimits
from config.server.transport import LingeringTransport

log = logging.getLogger(__name__)


class Phase(Enum):
    IDLE = auto()  # it has had its answers; uvicorn's keep-alive timer runs
    HEAD = auto()
    BODY = auto()
    DRAIN = auto()  # the rest of a body that has been answered already
    NOTHING = auto()  # its request is being answered


class _Refused(Exception):
    pass


class GuardedProtocol(HttpToolsProtocol):
    limits: ClassVar[HttpLimits]
    table: ClassVar[ConnectionTable]

    # Any: uvicorn's own arguments.
    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self._phase = Phase.HEAD
        self._since_s = self.loop.time()
        self._refusal = HTTPStatus.BAD_REQUEST
        self._is_deaf = False
        self._is_lost = False
        self._request_count = 0
        self._head_bytes = self._header_count = 0
        # What has come since the parser last handed over a part: it may be holding all of it.
        self._withheld_bytes = 0
        self._dropped_bytes = 0
        self._taken_bytes = 0
        self._full_since_s: float | None = None

    # --- asyncio's callbacks

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        lingering = LingeringTransport(transport, is_receiving=self._is_receiving)
        super().connection_made(lingering)  # type: ignore[arg-type]
        self._tick_later()
        if not self.table.admit(self, self.client[0] if self.client else ""):
            self._phase = Phase.NOTHING  # it has no place to linger in
            self._refuse(HTTPStatus.SERVICE_UNAVAILABLE)

    def connection_lost(self, error: Exception | None) -> None:
        self._is_lost = True
        self.table.remove(self)
        super().connection_lost(error)

    def data_received(self, data: bytes) -> None:
        if self._is_deaf or self.transport.is_closing():
            self._drop(data)
            return
        if self._phase is Phase.IDLE:
            self._enter(Phase.HEAD)
        self._withheld_bytes += len(data)
        super().data_received(data)
        if self._withheld_bytes > self.limits.head_bytes and self._is_receiving():
            self._refuse(HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE)

    # --- the parser's callbacks; an error that they raise reaches send_400_response

    def on_message_begin(self) -> None:
        super().on_message_begin()
        self._head_bytes = self._header_count = 0
        if self._phase is not Phase.HEAD:
            self._enter(Phase.HEAD)

    def on_url(self, url: bytes) -> None:
        self._count_head(len(url))
        super().on_url(url)
        if len(self.url) > self.limits.url_bytes:
            self._stop_parsing(HTTPStatus.REQUEST_URI_TOO_LONG)

    def on_header(self, name: bytes, value: bytes) -> None:
        # Trailers of a chunked body come here, too.
        self._header_count += 1
        self._count_head(len(name) + len(value) + 4)
        if self._header_count > self.limits.headers:
            self._stop_parsing(HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE)
        super().on_header(name, value)

    def on_headers_complete(self) -> None:
        self._withheld_bytes = 0
        if len(self.pipeline) >= self.limits.pipelined:
            self._stop_parsing(HTTPStatus.BAD_REQUEST)
        super().on_headers_complete()
        self._enter(Phase.BODY)
        self._request_count += 1
        if self._request_count >= self.limits.requests_per_connection:
            self.cycle.keep_alive = False

    def on_body(self, body: bytes) -> None:
        self._withheld_bytes = 0
        super().on_body(body)

    def on_message_complete(self) -> None:
        self._withheld_bytes = 0
        super().on_message_complete()
        if self.cycle.response_complete:
            self._become_idle()
        else:
            self._enter(Phase.NOTHING)

    # --- uvicorn's callbacks

    def on_response_complete(self) -> None:
        was_last = not self.pipeline
        super().on_response_complete()
        if self.transport.is_closing() or not was_last:
            return
        if self._phase is Phase.BODY:
            self._enter(Phase.DRAIN)
        elif self._phase is Phase.NOTHING:
            self._become_idle()

    def send_400_response(self, msg: str) -> None:
        self._refuse(self._refusal)

    def shutdown(self) -> None:
        if self.transport.is_closing():
            self.transport.abort()
        super().shutdown()

    # --- the table's

    @property
    def is_evictable(self) -> bool:
        is_answering = self.cycle is not None and not self.cycle.response_complete
        return not is_answering and self._phase in {Phase.IDLE, Phase.HEAD, Phase.DRAIN}

    def evict(self) -> None:
        self.transport.abort()

    # --- inside

    def _is_receiving(self) -> bool:
        return self._phase in {Phase.HEAD, Phase.BODY, Phase.DRAIN}

    def _enter(self, phase: Phase) -> None:
        self._phase = phase
        self._since_s = self.loop.time()

    def _become_idle(self) -> None:
        self._enter(Phase.IDLE)
        self.table.note_idle(self)

    def _count_head(self, size: int) -> None:
        self._head_bytes += size
        if self._head_bytes > self.limits.head_bytes:
            self._stop_parsing(HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE)

    def _stop_parsing(self, status: HTTPStatus) -> None:
        self._refusal = status
        raise _Refused

    def _refuse(self, status: HTTPStatus) -> None:
        """Answer what cannot be read, and close; never in the middle of another answer."""
        if self._is_deaf:
            return
        log.info("refused status=%d client=%s", status, self.client[0] if self.client else "-")
        self._is_deaf = True
        is_answering = self.cycle is not None and not self.cycle.response_complete
        if is_answering and self._phase is Phase.HEAD:
            self.cycle.keep_alive = False  # the request before it is answered, and then no other
            return
        if is_answering:
            self.cycle.disconnected = True
            self.cycle.message_event.set()
        if not is_answering or not (self.cycle.response_started or self.pipeline):
            path = getattr(self, "url", b"").decode("latin-1")
            self.transport.write(refusals.http_response(status, path))
        self.transport.close()

    def _drop(self, data: bytes) -> None:
        self._dropped_bytes += len(data)
        if self._dropped_bytes > self.limits.linger_bytes:
            self.transport.abort()

    # --- the clock

    def _tick_later(self) -> None:
        self.loop.call_later(self.limits.tick_s, self._tick)

    def _tick(self) -> None:
        if self._is_lost:
            return
        self._check_reading(self.loop.time())
        self._check_writing(self.loop.time())
        self._tick_later()

    def _check_reading(self, now_s: float) -> None:
        age_s = now_s - self._since_s
        if self.transport.is_closing():
            self._check_closing(age_s)
        elif self.flow.read_paused:
            self._since_s = now_s  # it is we who do not read
        elif self._phase is Phase.HEAD and age_s > self.limits.head_s:
            self._time_out()
        elif self._phase is Phase.DRAIN and age_s > self.limits.linger_s:
            self.transport.close()

    def _check_closing(self, age_s: float) -> None:
        if self.transport.get_write_buffer_size():
            return  # the client still takes its answer, or _check_writing ends it
        if self._phase is not Phase.DRAIN:
            self._enter(Phase.DRAIN)
        elif age_s > self.limits.linger_s:
            self.transport.abort()

    def _time_out(self) -> None:
        # Nothing at all may be a browser that has connected ahead of time: no answer is owed.
        if self._withheld_bytes:
            self._refuse(HTTPStatus.REQUEST_TIMEOUT)
        else:
            self.transport.close()

    def _check_writing(self, now_s: float) -> None:
        transport: Any = self.transport  # our own, which uvicorn's annotation does not know
        if not transport.get_write_buffer_size():
            self._full_since_s = None
        elif self._full_since_s is None:
            self._full_since_s, self._taken_bytes = now_s, transport.taken_bytes
        elif now_s - self._full_since_s > self.limits.read_window_s:
            wanted_bytes = self.limits.read_bytes_per_s * self.limits.read_window_s
            if transport.taken_bytes - self._taken_bytes < wanted_bytes:
                log.info("answer not taken client=%s", self.client[0] if self.client else "-")
                transport.abort()
            self._full_since_s = None


def protocol_with(limits: HttpLimits, table: ConnectionTable) -> type[GuardedProtocol]:
    """A class, because that is what uvicorn is given."""
    return type("Protocol", (GuardedProtocol,), {"limits": limits, "table": table})
