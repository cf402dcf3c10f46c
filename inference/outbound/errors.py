"""What can go wrong while something is fetched.

OutboundError       root, inside: the reason, which is for the log alone
ImageUrlRefused     what callers see: one wording and one code, whatever the reason was
FetchUnavailable    nobody fetches just now: our fault, and no word about the URL
TooManyUrls         more URLs in one request than are fetched together
"""

from catalog.infrastructure.outages import Outage


class OutboundError(Exception):
    """Why nothing was fetched. A caller who learned it could map the networks around us."""


class ImageUrlRefused(Exception):
    """`outcome` is a word for the metrics; it is never shown. `index` is that of the URL among
    those that were fetched together, if it is known: whoever sent them may know which one it was.
    """

    code = "image_fetch_failed"

    def __init__(self, outcome: str = "", *, index: int | None = None) -> None:
        self.outcome = outcome
        self.index = index
        super().__init__(
            "The image URL could not be fetched. It must be a public https address that answers "
            "with a picture of at most 10 MB within a few seconds."
        )


class FetchUnavailable(Outage):
    """The broker, the fetch workers or their storage are away; ask again soon."""


class TooManyUrls(ValueError):
    pass
