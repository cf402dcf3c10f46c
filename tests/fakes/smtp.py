"""A mail server for tests: takes mail, refuses it, or accepts the connection and never answers.

Own, because the known one (aiosmtpd) has had no release since 2024-05, and these are few lines.
"""

import socket
import socketserver
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from email import message_from_bytes
from email.message import Message
from enum import Enum
from typing import cast

import psutil


class Mood(Enum):
    """How the server takes those who call."""

    FRIENDLY = "friendly"
    REFUSES = "421 not now"
    REFUSES_THE_PERSON = "550 no such mailbox"
    GREYLISTS = "450 later please"
    HANGS = "hangs"


@dataclass
class MailServer:
    """Where it listens, what it is up to, and what it has taken."""

    port: int = 0
    mood: Mood = Mood.FRIENDLY
    taken: list[Message] = field(default_factory=list)
    calls: int = 0
    callers: set[int] = field(default_factory=set)  # pids, of this machine
    closing: threading.Event = field(default_factory=threading.Event)


class _Listener(socketserver.ThreadingTCPServer):
    allow_reuse_address = True
    daemon_threads = True
    mail: MailServer


class _Talk(socketserver.StreamRequestHandler):
    """One caller; answers until it hangs up."""

    def handle(self) -> None:
        mail = cast(_Listener, self.server).mail
        mail.callers |= _owners_of(self.client_address)
        mail.calls += 1
        if mail.mood is Mood.HANGS:
            mail.closing.wait(30)
            return
        if mail.mood is Mood.REFUSES:
            self._say("421 not now")
            return
        self._say("220 here")
        for line in self.rfile:
            word = line[:4].upper().strip()
            if word == b"DATA":
                self._say("354 go on")
                mail.taken.append(message_from_bytes(self._data()))
            elif word == b"RCPT" and mail.mood in {Mood.REFUSES_THE_PERSON, Mood.GREYLISTS}:
                self._say(mail.mood.value)
                continue
            self._say("221 bye" if word == b"QUIT" else "250 fine")
            if word == b"QUIT":
                return

    def _data(self) -> bytes:
        lines = iter(self.rfile.readline, b".\r\n")
        return b"".join(line.removeprefix(b".") if line[:2] == b".." else line for line in lines)

    def _say(self, words: str) -> None:
        self.wfile.write(f"{words}\r\n".encode())


def _owners_of(address: tuple[str, int]) -> set[int]:
    """The processes that have a connection from this address."""
    found = psutil.net_connections("tcp4")
    return {each.pid for each in found if each.laddr == address and each.pid is not None}


@contextmanager
def mail_server(mood: Mood = Mood.FRIENDLY) -> Iterator[MailServer]:
    with _Listener(("127.0.0.1", 0), _Talk) as listener:
        listener.mail = MailServer(port=listener.server_address[1], mood=mood)
        thread = threading.Thread(target=listener.serve_forever, args=(0.05,))
        thread.start()
        try:
            yield listener.mail
        finally:
            listener.mail.closing.set()
            listener.shutdown()
            thread.join()


def closed_port() -> int:
    """A port that refuses connections."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
