"""Turns an image the way its EXIF orientation says it should be viewed."""

from PIL import ExifTags, Image

_TRANSPOSITIONS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}


def upright(image: Image.Image) -> Image.Image:
    return turned(image, orientation_of(image))


def turned(image: Image.Image, orientation: int) -> Image.Image:
    transposition = _TRANSPOSITIONS.get(orientation)
    return image if transposition is None else image.transpose(transposition)


def orientation_of(image: Image.Image) -> int:
    """EXIF's number from 1 to 8; from 5 on, width and height swap. 1 where there is none."""
    # Not Pillow's `exif_transpose`: it also rewrites the EXIF block, and fails on much of what
    # cameras and editors leave there.
    try:
        return int(image.getexif().get(ExifTags.Base.Orientation, 1))
    except Exception:  # noqa: BLE001  hostile bytes: whatever breaks in them, the image stays
        return 1
