"""What a page says of a model's license and of commercial use: what is stated, never a guess.

license_terms.of(card).sentence      # "MIT: commercial use is allowed."
"""

from dataclasses import dataclass

from catalog.models import CommercialUse, ModelCard, licenses

UNKNOWN = "unknown"
SENTENCES = {
    CommercialUse.YES: "commercial use is allowed.",
    CommercialUse.NO: "commercial use is not allowed.",
}


@dataclass(frozen=True)
class Terms:
    """`commercial_use` is "yes", "no" or "unknown". `url`: the license's own text, if it has one.

    `field` is the card's field whose source stands behind the sentence, "" if nothing does.
    """

    name: str
    commercial_use: str
    sentence: str
    remarks: tuple[str, ...] = ()
    url: str = ""
    field: str = ""


def of(card: ModelCard) -> Terms:
    text = licenses.find(card.license)
    use = card.commercial_use or text.commercial_use or UNKNOWN
    field = "commercial_use" if card.commercial_use else "license" if card.license else ""
    if not field and card.license_reported:
        field = "license_reported"
    # A text that was not asked is no witness.
    url = "" if card.commercial_use else text.url
    return Terms(text.name, use, _sentence(card, use), _remarks(card), url, field)


def _sentence(card: ModelCard, use: str) -> str:
    name = licenses.find(card.license).name
    if use in SENTENCES:
        answer = SENTENCES[CommercialUse(use)]
        return f"{name}: {answer}" if name else answer.capitalize()
    if card.license:
        return f"{name}: whether commercial use is allowed is unknown to us."
    if card.license_reported:
        reported = licenses.find(card.license_reported).name
        return (
            f"Others report {reported}; we know of no statement by the authors, so whether"
            " commercial use is allowed is unknown."
        )
    return "The license is unknown, and so is whether commercial use is allowed."


def _remarks(card: ModelCard) -> tuple[str, ...]:
    remarks = []
    if card.license_conflicting:
        other = licenses.find(card.license_conflicting)
        remarks.append(f"Another record names a different license: {other.name}.")
    if card.use_limits:
        remarks.append(
            f"The authors' model card says: {card.use_limits}. That is advice, and no term of a"
            " license."
        )
    return tuple(remarks)
