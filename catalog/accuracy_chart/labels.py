"""Labels for some of a chart's points, where there is room: on no line, no point and no label.

place([(x, y, "ViT-L-14")], points=[(x, y), ...], line=frontier, frame=FRAME)
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

from catalog.svg import Frame

Position = tuple[float, float]

# Of 12.5 units of a monospaced face, a little generously: not every system has the same one.
LETTER_WIDTH, LETTER_HEIGHT = 7.7, 15
# From a point's middle to its label, and what a point takes itself.
GAP, POINT_RADIUS = 9, 6


@dataclass(frozen=True)
class Box:
    left: float
    top: float
    right: float
    bottom: float

    @classmethod
    def around(cls, x: float, y: float, *, radius: float) -> "Box":
        return cls(x - radius, y - radius, x + radius, y + radius)

    def is_inside(self, frame: Frame) -> bool:
        right = frame.width - frame.right
        is_between = frame.left <= self.left and self.right <= right
        return is_between and self.top >= 0 and self.bottom <= frame.floor

    def overlaps(self, other: "Box") -> bool:
        is_beside = self.right <= other.left or other.right <= self.left
        return not (is_beside or self.bottom <= other.top or other.bottom <= self.top)

    def is_crossed_by(self, start: Position, end: Position) -> bool:
        """Whether any of the segment lies inside: its parts in both slabs meet (Kay, Kajiya)."""
        enters, leaves = 0.0, 1.0
        sides = ((self.left, self.right), (self.top, self.bottom))
        for origin, target, (low, high) in zip(start, end, sides, strict=True):
            if origin == target:
                if not low <= origin <= high:
                    return False
                continue
            near, far = sorted((bound - origin) / (target - origin) for bound in (low, high))
            enters, leaves = max(enters, near), min(leaves, far)
        return enters <= leaves


@dataclass(frozen=True)
class Wanted:
    """A name for the point at `x`, `y`. `may_cover_points`: rather than have no name at all."""

    x: float
    y: float
    text: str
    may_cover_points: bool = False


@dataclass(frozen=True)
class Label:
    """Text in an SVG; `y` is its baseline, `anchor` the `text-anchor`."""

    x: float
    y: float
    anchor: str
    text: str

    @property
    def box(self) -> Box:
        width = len(self.text) * LETTER_WIDTH
        left = {"start": self.x, "middle": self.x - width / 2, "end": self.x - width}[self.anchor]
        return Box(left, self.y - LETTER_HEIGHT * 0.8, left + width, self.y + LETTER_HEIGHT * 0.2)


def place(
    wanted: Sequence[Wanted],
    *,
    points: Sequence[Position],
    line: Sequence[Position],
    frame: Frame,
) -> list[Label]:
    """Labels of those wanted that have room, the earlier ones first."""
    marks = [Box.around(x, y, radius=POINT_RADIUS) for x, y in points]
    segments = list(pairwise(line))
    placed: list[Label] = []

    def is_free(box: Box, *, obstacles: Sequence[Box]) -> bool:
        return (
            box.is_inside(frame)
            and not any(box.overlaps(obstacle) for obstacle in obstacles)
            and not any(box.overlaps(label.box) for label in placed)
            and not any(box.is_crossed_by(*segment) for segment in segments)
        )

    for name in wanted:
        for obstacles in [marks, []] if name.may_cover_points else [marks]:
            free = (label for label in _around(name) if is_free(label.box, obstacles=obstacles))
            label = next(free, None)
            if label:
                placed.append(label)
                break
    return placed


def _around(name: Wanted) -> Iterator[Label]:
    """Where a label may stand, the best place first: above a rising line, then below it."""
    x, y, text = name.x, name.y, name.text
    above, beside, below = y - GAP, y + 4, y + GAP + LETTER_HEIGHT * 0.8
    yield Label(x, above, "end", text)
    yield Label(x, above, "middle", text)
    yield Label(x, below, "start", text)
    yield Label(x + GAP, beside, "start", text)
    yield Label(x - GAP, beside, "end", text)
    yield Label(x, above, "start", text)
    yield Label(x, below, "middle", text)
    yield Label(x, below, "end", text)
