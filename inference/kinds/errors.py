"""Why a request cannot become a job.

FieldError            root; `str(error)` is a sentence for people, `param` names the field
    ImageTooLarge
"""


class FieldError(Exception):
    def __init__(self, message: str, *, param: str | None = None, code: str = "") -> None:
        super().__init__(message)
        self.param = param
        self.code = code or "invalid_request"


class ImageTooLarge(FieldError):
    pass
