"""What we do differently from the reference libraries, to save time or memory.

Each is compared with the library at load (self_check) and switched off if it changes the answer.
"""

from enum import StrEnum


class Shortcut(StrEnum):
    CUT_TEXTS = "cut_texts"  # no padding behind the longest text's end (open_clip_model)
    MAPPED = "mapped"  # the vocabulary stays in the file (cpu.mapped_embedding)
    LANES = "lanes"  # several passes side by side (cpu.lanes)
    PACKED = "packed"  # weights laid out for the CPU (cpu.packing)
    COMPILED = "compiled"  # the image tower compiled by torch (cpu.compiling)
    FAST_IMAGES = "fast_images"  # other steps to almost the same pixels (images.preprocessing)
    CAST = "cast"  # computed in half precision (devices)


ALWAYS = frozenset({Shortcut.CUT_TEXTS, Shortcut.MAPPED, Shortcut.LANES})
