"""What one connection can cost the web server has bounds; what is honest gets through."""

import logging
import socket
import time
from contextlib import suppress
from dataclasses import replace

import pytest

from config.server.limits import HttpLimits
from tests.config.server.conftest import Serve, Server, read_all
from tests.support.site import wait_for

GET = b"GET / HTTP/1.1\r\nHost: a\r\n"
POST = b"POST / HTTP/1.1\r\nHost: a\r\n"
ENOUGH_TIME = HttpLimits()


def status_of(answer: bytes) -> int:
    return int(answer.split(b" ", 2)[1])


@pytest.fixture
def server(serve: Serve) -> Server:
    return serve()


@pytest.mark.parametrize(
    ("request_head", "status"),
    [
        (GET + b"".join(b"x-%d: y\r\n" % n for n in range(101)) + b"\r\n", 431),
        (GET + b"x: " + b"y" * 40_000 + b"\r\n\r\n", 431),
        (GET + b"x: " + b"y" * 40_000, 431),  # and its end never comes
        (GET + b"y" * 40_000, 431),
        (GET + b"".join(b"x-%d: %s\r\n" % (n, b"y" * 1000) for n in range(40)) + b"\r\n", 431),
        (b"GET /" + b"a" * 9000 + b" HTTP/1.1\r\nHost: a\r\n\r\n", 414),
        (b"GET /?" + b"a=1&" * 3000 + b" HTTP/1.1\r\nHost: a\r\n\r\n", 414),
        (b"NOT HTTP\r\n\r\n", 400),
        (GET + b"Content-Length: x\r\n\r\n", 400),
        (b"GET /\xff HTTP/1.1\r\nHost: a\r\n\r\n", 400),
        (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", 400),  # TLS to a plain port
    ],
)
def test_a_head_that_is_too_large_or_broken_is_refused(
    server: Server, request_head: bytes, status: int
) -> None:
    answer = server.ask(request_head)

    assert status_of(answer) == status
    assert b"connection: close" in answer
    assert server.seen == []


def test_what_browsers_send_is_far_from_the_limits(server: Server) -> None:
    cookies = b"Cookie: " + b"; ".join(b"c%d=%s" % (n, b"v" * 150) for n in range(50)) + b"\r\n"

    answer = server.ask(GET + cookies + b"Connection: close\r\n\r\n")

    assert status_of(answer) == 200


def test_sixty_megabytes_of_headers_are_not_read(server: Server) -> None:
    line = server.connect(GET)
    part = b"".join(b"x-%d: %s\r\n" % (n, b"y" * 1000) for n in range(64))
    sent_bytes = 0

    with suppress(OSError):  # reset, broken pipe or aborted
        while sent_bytes < 60_000_000:
            line.sendall(part)
            sent_bytes += len(part)

    assert sent_bytes < 45_000_000  # it is dropped, up to linger_bytes, and then cut off
    assert server.seen == []


def test_trailers_are_bounded_as_headers_are(server: Server) -> None:
    line = server.connect(POST + b"Transfer-Encoding: chunked\r\n\r\n1\r\na\r\n0\r\n")
    wait_for(lambda: server.seen == ["/"], seconds=10)
    line.sendall(b"t: " + b"y" * 40_000)

    assert status_of(read_all(line)) == 431


def test_the_api_s_refusals_have_its_shape(server: Server) -> None:
    plain = server.ask(GET.replace(b"/ ", b"/v1/models ") + b"x: " + b"y" * 40_000)
    dialect = server.ask(GET.replace(b"/ ", b"/hf-inference/a ") + b"x: " + b"y" * 40_000)
    page = server.ask(GET + b"x: " + b"y" * 40_000)

    assert b'"code":"headers_too_large"' in plain
    assert b'{"error":"The headers' in dialect
    assert b"content-type: text/html" in page
    assert b"<h1>" in page


@pytest.mark.parametrize("first", [GET, b"G", GET + b"x: y", b"\r\n" * 10])
def test_half_a_head_is_given_up_however_it_drips(server: Server, first: bytes) -> None:
    line = server.connect(first)
    line.settimeout(0.1)
    drip = b"\r\n" if first == b"\r\n" * 10 else b"x"
    is_open = True
    since = time.monotonic()

    while is_open and time.monotonic() - since < 20:
        try:
            line.sendall(drip)
            is_open = line.recv(1000) != b""
        except TimeoutError:
            continue
        except ConnectionError:
            is_open = False

    assert not is_open
    wait_for(lambda: len(server.table) == 0, seconds=10)


def test_half_a_head_is_told_so(server: Server) -> None:
    assert status_of(server.ask(GET)) == 408


def test_a_silent_connection_is_closed_without_a_word(server: Server) -> None:
    assert server.ask(b"") == b""


def test_a_kept_connection_is_closed_after_a_while(server: Server) -> None:
    line = server.connect(GET + b"\r\n")

    assert status_of(read_all(line)) == 200


def test_half_a_body_is_given_up_while_somebody_reads_it(server: Server) -> None:
    line = server.connect(POST + b"Content-Length: 100000\r\n\r\nhalf")

    wait_for(lambda: server.seen == ["/"], seconds=10)
    answer = read_all(line)  # this application lets BodyTooSlow through

    assert status_of(answer) == 500
    wait_for(lambda: len(server.table) == 0, seconds=10)


def test_a_slow_and_honest_body_arrives(server: Server) -> None:
    # 2,000 bytes a second: three times as long as any window.
    line = server.connect(POST + b"Content-Length: 4000\r\nConnection: close\r\n\r\n")
    for _ in range(20):
        line.sendall(b"x" * 200)
        time.sleep(0.1)

    answer = read_all(line)

    assert answer.endswith(b"4000.")


def test_a_body_that_nobody_waits_for_does_not_stay_open(server: Server) -> None:
    line = server.connect(POST.replace(b"/ ", b"/unread ") + b"Content-Length: 100000\r\n\r\nhalf")

    answer = read_all(line)

    assert status_of(answer) == 200
    wait_for(lambda: len(server.table) == 0, seconds=10)


def test_a_refusal_reaches_a_client_that_is_still_sending(server: Server) -> None:
    # Closing at once would reset the connection, and the answer with it.
    head = (
        b"POST /unread HTTP/1.1\r\nHost: a\r\nConnection: close\r\nContent-Length: 8000000\r\n\r\n"
    )
    line = server.connect(head)
    for _ in range(80):
        line.sendall(b"x" * 100_000)

    assert status_of(read_all(line)) == 200


def test_pipelined_requests_are_answered_in_order(server: Server) -> None:
    four = b"".join(GET.replace(b"/ ", b"/%d " % n) + b"\r\n" for n in range(4))

    answer = server.ask(four)

    assert answer.count(b"HTTP/1.1 200") == 4
    assert server.seen == ["/0", "/1", "/2", "/3"]


def test_many_pipelined_requests_are_not_read_ahead(server: Server) -> None:
    line = server.connect(GET.replace(b"/ ", b"/late ") + b"\r\n" + (GET + b"\r\n") * 5000)
    wait_for(lambda: server.seen != [], seconds=10)
    server.released.set()

    answer = read_all(line)

    answered = 1 + server.limits.pipelined
    assert answer.count(b"HTTP/1.1 ") == answer.count(b"HTTP/1.1 200") == answered
    assert len(server.seen) == answered


def test_nothing_is_written_into_an_answer_under_way(server: Server) -> None:
    line = server.connect(GET.replace(b"/ ", b"/late ") + b"\r\n" + b"NOT HTTP\r\n\r\n")
    wait_for(lambda: server.seen == ["/late"], seconds=10)
    time.sleep(0.2)
    server.released.set()

    answer = read_all(line)

    assert status_of(answer) == 200
    assert answer.count(b"HTTP/1.1") == 1


def test_a_connection_ends_after_so_many_requests(serve: Serve) -> None:
    server = serve(replace(ENOUGH_TIME, requests_per_connection=3))
    line = server.connect()

    answers = b""
    for _ in range(3):
        line.sendall(GET + b"\r\n")
        answers += line.recv(1000)
    answers += read_all(line)

    assert answers.count(b"HTTP/1.1 200") == 3
    assert answers.count(b"connection: close") == 1


def test_an_answer_that_nobody_takes_is_given_up(server: Server) -> None:
    line = server.connect(GET.replace(b"/ ", b"/long ") + b"\r\n")

    wait_for(lambda: server.seen == ["/long"], seconds=10)
    wait_for(lambda: len(server.table) == 0, seconds=20)

    line.settimeout(5)
    assert len(read_all(line)) < 2**26


def test_a_slow_reader_gets_all_of_it(server: Server) -> None:
    line = server.connect(GET.replace(b"/ ", b"/long ") + b"Connection: close\r\n\r\n")
    received_bytes = 0
    while part := line.recv(2**22):
        received_bytes += len(part)
        time.sleep(0.05)

    assert received_bytes > 2**26


def test_one_address_holds_so_many_connections_and_the_newest_are_served(serve: Serve) -> None:
    limits = replace(ENOUGH_TIME, connections_per_address=5)
    server = serve(limits, is_proxy=lambda address: False)
    idle = [server.connect() for _ in range(30)]

    wait_for(lambda: len(server.table) == 5, seconds=10)
    answer = server.ask(GET + b"Connection: close\r\n\r\n")

    assert status_of(answer) == 200
    assert idle[0].recv(10) == b""


def test_busy_connections_of_one_address_are_not_pushed_out(serve: Serve) -> None:
    limits = replace(ENOUGH_TIME, connections_per_address=3)
    server = serve(limits, is_proxy=lambda address: False)
    busy = [server.connect(GET.replace(b"/ ", b"/late ") + b"\r\n") for _ in range(3)]
    wait_for(lambda: len(server.seen) == 3, seconds=10)

    refused = server.ask(b"")
    server.released.set()

    assert status_of(refused) == 503
    assert b"retry-after: 5" in refused
    assert all(status_of(line.recv(1000)) == 200 for line in busy)


def test_a_proxy_holds_as_many_as_the_process_does(serve: Serve) -> None:
    limits = replace(ENOUGH_TIME, connections_per_address=2, connections=6)
    server = serve(limits)
    lines = [server.connect() for _ in range(6)]

    wait_for(lambda: len(server.table) == 6, seconds=10)
    lines[5].sendall(GET + b"\r\n")

    assert status_of(lines[5].recv(1000)) == 200
    assert status_of(server.ask(GET + b"Connection: close\r\n\r\n")) == 200
    assert lines[0].recv(10) == b""  # the longest idle made room


def test_each_refusal_is_one_line(server: Server, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO):
        server.ask(b"NOT HTTP\r\n\r\n")

    ours = [record for record in caplog.records if record.name == "config.server.protocol"]
    assert [record.getMessage() for record in ours] == ["refused status=400 client=127.0.0.1"]
    assert all(record.exc_info is None for record in caplog.records)


def test_leaving_at_any_moment_leaves_nothing(server: Server) -> None:
    request = POST + b"Content-Length: 5\r\n\r\nhello"
    for end in range(0, len(request) + 1, 7):
        line = server.connect(request[:end])
        line.shutdown(socket.SHUT_RDWR)
        line.close()

    wait_for(lambda: len(server.table) == 0, seconds=10)
