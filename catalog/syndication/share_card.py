"""The picture that stands beside a shared link: name, figures, and the model's patch grid."""

import io

from PIL import Image, ImageDraw, ImageFont

from catalog import patches
from catalog.models import ModelCard
from catalog.numbers.formatting import parameters
from catalog.pricing.formatting import per_1k_or_estimate

WIDTH, HEIGHT = 1200, 630
MARGIN, GRID, GAP = 72, 400, 2
PAPER, INK, MUTED, ACCENT = "#fbfaf7", "#16161a", "#5e5c57", "#c2350a"
PLAIN_CELL = "#c9c6be"


def png(card: ModelCard) -> bytes:
    image = Image.new("RGB", (WIDTH, HEIGHT), PAPER)
    draw = ImageDraw.Draw(image)
    _grid(draw, card)
    _text(draw, MARGIN, 72, "gigarouter", size=32, color=ACCENT)
    width = WIDTH - GRID - 3 * MARGIN
    below = _text(draw, MARGIN, 170, card.name, size=64, color=INK, width=width)
    below = _text(draw, MARGIN, below + 14, card.repo, size=26, color=MUTED, width=width)
    for line in lines_of(card):
        below = _text(draw, MARGIN, below + 16, line, size=30, color=INK, width=width)
    buffer = io.BytesIO()
    image.save(buffer, "PNG", optimize=True)
    return buffer.getvalue()


def lines_of(card: ModelCard) -> list[str]:
    top1 = f"{card.imagenet_top1:.1f} % on ImageNet, zero-shot" if card.imagenet_top1 else ""
    size = f"{parameters(card.parameters)} parameters" if card.parameters else ""
    price = f"{per_1k_or_estimate(card.price)} for 1,000 images" if card.price else ""
    if card.price and card.price.is_estimate:
        price += ", estimated"
    return [line for line in (card.status.public_label, size, top1, price) if line]


def _grid(draw: ImageDraw.ImageDraw, card: ModelCard) -> None:
    """The sample photo in the model's patches; one plain square for towers without patches."""
    side = card.patch_grid or 1
    rows = patches.sample_colors(side) if card.patch_grid else [[PLAIN_CELL]]
    left, top, step = WIDTH - MARGIN - GRID, (HEIGHT - GRID) / 2, GRID / side
    for row, colors in enumerate(rows):
        for column, color in enumerate(colors):
            x, y = left + column * step, top + row * step
            draw.rectangle((x, y, x + step - GAP, y + step - GAP), fill=color)


def _text(
    draw: ImageDraw.ImageDraw,
    x: float,
    y: float,
    text: str,
    *,
    size: int,
    color: str,
    width: float = WIDTH,
) -> float:
    """Write one line, smaller if it would not fit; returns where the next may begin."""
    # Pillow's own font: no file to ship, and the same on every machine.
    font = ImageFont.load_default(size)
    while size > 14 and font.getlength(text) > width:
        size -= 2
        font = ImageFont.load_default(size)
    draw.text((x, y), text, font=font, fill=color)
    return y + size * 1.25
