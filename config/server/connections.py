"""Which connections are open, from where, and which has to go when there are too many."""

from collections.abc import Callable, Iterable
from typing import Protocol

from catalog.limits import network_of


class Connection(Protocol):
    @property
    def is_evictable(self) -> bool:
        """Whether no request of it is being answered or has arrived in full."""

    def evict(self) -> None: ...


class ConnectionTable:
    """Bounds the connections of a process, and of each network address that is no proxy of ours.

    A new connection takes the place of the one that has been idle longest. So whoever opens many
    and sends nothing pushes out their own, and a newcomer who sends a request at once is served.
    """

    def __init__(
        self, *, most: int, most_per_address: int, is_proxy: Callable[[str], bool]
    ) -> None:
        self._most = most
        self._most_per_address = most_per_address
        self._is_proxy = is_proxy
        # Dictionaries as ordered sets, the longest idle first.
        self._all: dict[Connection, str] = {}
        self._by_network: dict[str, dict[Connection, None]] = {}

    def __len__(self) -> int:
        return len(self._all)

    def admit(self, connection: Connection, address: str) -> bool:
        """Enter a connection; False if there are too many and all of them are busy."""
        network = network_of(address)
        neighbors = self._by_network.get(network, {})
        is_over = len(neighbors) >= self._most_per_address and not self._is_proxy(address)
        if is_over and not self._evict_one(neighbors):
            return False
        if len(self._all) >= self._most and not self._evict_one(self._all):
            return False
        self._all[connection] = network
        self._by_network.setdefault(network, {})[connection] = None
        return True

    def note_idle(self, connection: Connection) -> None:
        """It has just become idle: others have been so for longer."""
        network = self._all.get(connection)
        if network is not None:
            self.remove(connection)
            self._all[connection] = network
            self._by_network.setdefault(network, {})[connection] = None

    def remove(self, connection: Connection) -> None:
        network = self._all.pop(connection, None)
        if network is None:
            return
        neighbors = self._by_network[network]
        del neighbors[connection]
        if not neighbors:
            del self._by_network[network]

    def _evict_one(self, candidates: Iterable[Connection]) -> bool:
        longest_idle = next((each for each in candidates if each.is_evictable), None)
        if longest_idle is None:
            return False
        self.remove(longest_idle)
        longest_idle.evict()
        return True
