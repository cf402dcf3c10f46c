"""What can go wrong while something is fetched.

Refused             root, inside: the reason, which is for the log alone
ImageUrlRefused     what callers see: one wording and one code, whatever the reason was
TooManyUrls         more URLs in one request than are fetched together
"""


class Refused(Exception):
    """Why nothing was fetched. An requester who learned it could map the networks around us."""


class ImageUrlRefused(Exception):
    """A picture could not be had from its URL: nobody is told why."""

    code = "image_fetch_failed"

    def __init__(self) -> None:
        super().__init__(
            "The image URL could not be fetched. It must be a public https address that answers "
            "with a picture of at most 10 MB within a few seconds."
        )


class TooManyUrls(ValueError):
    """More URLs than one request may name; `str(error)` is a sentence for people."""
