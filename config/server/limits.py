"""What one connection, one network address and one process may take of the web server."""

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class HttpLimits:
    """Sizes in bytes, times in seconds. Browsers' cookies and long searches fit many times over."""

    url_bytes: int = 8 * 1024
    head_bytes: int = 32 * 1024  # the request line and all headers, or all trailers
    headers: int = 100
    # From the first byte, or from connecting, to the empty line.
    head_s: float = 10.0
    requests_per_connection: int = 1000
    # Requests that wait on one connection for the answer before theirs.
    pipelined: int = 16
    # How long a client that has had its answer may go on sending: closing at once would make its
    # operating system throw the answer away.
    linger_s: float = 5.0
    linger_bytes: int = 32 * 1024 * 1024
    # A client must take this much of an answer in each window, once the kernel's buffer is full.
    read_bytes_per_s: int = 1000
    read_window_s: float = 20.0
    connections: int = 4000
    connections_per_address: int = 128

    @property
    def tick_s(self) -> float:
        # How often a connection looks at its clock.
        shortest_s = min(self.head_s, self.linger_s, self.read_window_s)
        return shortest_s / 5
