"""One terminal for many processes: each line begins with the name of who wrote it."""

from contextlib import suppress
from typing import TextIO

COLORS = (36, 35, 33, 32, 34, 96, 95)


class Console:
    def __init__(self, out: TextIO) -> None:
        self._out = out
        self._names: list[str] = []

    def say(self, text: str, *, name: str = "") -> None:
        # A closed terminal must not stop the site before its hang-up signal does, in order.
        with suppress(OSError):
            print(f"{self._column(name)} {text}" if name else text, file=self._out, flush=True)

    def _column(self, name: str) -> str:
        if name not in self._names:
            self._names.append(name)
        column = f"{name:<8} |"
        color = COLORS[self._names.index(name) % len(COLORS)]
        return f"\033[{color}m{column}\033[0m" if self._out.isatty() else column
