"""Machines by Linux's network namespaces: addresses and cables of their own, one switch for all.

    with Network("cluster") as network:
        machine = network.add("m1")          # 10.77.0.2, reaches 10.77.0.1 and nothing else
        machine.popen(["python3", ...])
        with machine.cut_off():              # as a cable that is pulled: nobody is told
            ...

Needs root, and the programs `ip` and `unshare` of iproute2 and util-linux.
"""

import os
import shutil
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Self

PROGRAMS = ("ip", "unshare", "hostname")
_PREFIX = "10.77.0"
ADDRESS = f"{_PREFIX}.1"  # the switch's


def missing() -> list[str]:
    """What keeps this machine from it, in words."""
    lacking = [f"the program {name}" for name in PROGRAMS if not shutil.which(name)]
    return lacking if os.geteuid() == 0 else [*lacking, "root"]


@dataclass(frozen=True)
class Machine:
    """A namespace: `name` is its host name, too. What it starts sees this machine's files."""

    name: str
    address: str
    namespace: str
    cable: str

    def popen(
        self, command: Sequence[str], *, environ: Mapping[str, str], log: Path
    ) -> "subprocess.Popen[bytes]":
        named = ["unshare", "--uts", "sh", "-c", 'hostname "$0" && exec "$@"', self.name, *command]
        with log.open("ab") as output:
            return subprocess.Popen(
                ["ip", "netns", "exec", self.namespace, *named],
                env=os.environ | dict(environ),
                stdout=output,
                stderr=output,
                start_new_session=True,
            )

    @contextmanager
    def cut_off(self) -> Iterator[None]:
        _ip("link", "set", self.cable, "down")
        try:
            yield
        finally:
            _ip("link", "set", self.cable, "up")


class Network:
    """A switch at `address`, where this process and its servers are."""

    def __init__(self, name: str) -> None:
        # An interface's name has 15 characters; several clusters may run at once.
        self._tag = f"{name[:4]}{os.getpid() % 100_000}"
        self._bridge = f"br{self._tag}"
        self.address = ADDRESS
        self.machines: list[Machine] = []

    def __enter__(self) -> Self:
        _ip("link", "add", self._bridge, "type", "bridge")
        _ip("address", "add", f"{self.address}/24", "dev", self._bridge)
        _ip("link", "set", self._bridge, "up")
        return self

    def __exit__(self, *_: object) -> None:
        for machine in self.machines:
            with suppress(subprocess.CalledProcessError):
                _ip("netns", "delete", machine.namespace)  # its cable goes with it
        with suppress(subprocess.CalledProcessError):
            _ip("link", "delete", self._bridge)

    def add(self, name: str) -> Machine:
        number = len(self.machines) + 2
        namespace, cable, inner = f"{self._tag}-{name}", f"c{self._tag}{number}", "eth0"
        machine = Machine(name, f"{_PREFIX}.{number}", namespace, cable)
        self.machines.append(machine)
        _ip("netns", "add", namespace)
        _ip("link", "add", cable, "type", "veth", "peer", "name", inner, "netns", namespace)
        _ip("link", "set", cable, "master", self._bridge, "up")
        _ip("-netns", namespace, "address", "add", f"{machine.address}/24", "dev", inner)
        for link in ("lo", inner):
            _ip("-netns", namespace, "link", "set", link, "up")
        return machine


def _ip(*words: str) -> None:
    subprocess.run(["ip", *words], check=True, capture_output=True)
