"""How scores are written for people, and what they mean, by the activation that made them."""

import math
from collections.abc import Sequence

from inference.kinds.fields.labels import NONE_OF_THESE
from inference.runtime.zero_shot import Activation

# More decimals than these are told as a power of ten, or as a bound.
MOST_DECIMALS = 4
SUPERSCRIPTS = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")
# Sigmoid: the model holds a match for as likely as none. Below, "none of these" is the answer.
EVEN = 0.5
# In [0, 1]: where no label reaches it, the page says that this is meant.
SMALL = 0.01

MEANINGS = {
    Activation.SOFTMAX: "Scores compare these labels with each other and add up to 100 %. They are"
    " not calibrated probabilities.",
    Activation.SIGMOID: "Each label is scored by itself, from 0 to 100 % (sigmoid): other labels"
    " change nothing, and the scores have no fixed sum. They are not calibrated probabilities.",
    Activation.NONE: "Without an activation, a score is the logit itself: higher fits better, and"
    " there is no upper end.",
}
ONE_LABEL = (
    "With one label, softmax always gives 100 %: it compares labels with each other. Add a second"
    " one to learn something."
)
ALL_SMALL = (
    "All of these are small. That is common with sigmoid scores, also for a label that fits: their"
    " order still says which one fits better."
)

NONE_BY_LABEL = (
    "“none of these” was scored as one more label, “something else”. That catches much, not"
    " everything: the model was not trained to say no."
)
NONE_BY_THRESHOLD = (
    "“none of these” means that no label reaches 50 %, where the model holds a match for as likely"
    " as not. Scores of such models are often low, also for a label that fits."
)


def meaning_of(activation: Activation, *, label_count: int) -> str:
    is_softmax = activation is Activation.SOFTMAX
    return ONE_LABEL if is_softmax and label_count == 1 else MEANINGS[activation]


def note_on_none(activation: Activation) -> str:
    """How "none of these" was decided."""
    return NONE_BY_THRESHOLD if activation is Activation.SIGMOID else NONE_BY_LABEL


def is_none_of_these(activation: Activation, best_label: str, best_score: float) -> bool:
    """Of a job that may answer so. A sigmoid is not compared with other labels but with 50 %."""
    if activation is Activation.SIGMOID:
        return best_label == NONE_OF_THESE or best_score < EVEN
    return best_label == NONE_OF_THESE


def note_on(activation: Activation, scores: Sequence[float]) -> str:
    """On the scores of one image; empty where there is nothing to say."""
    is_small = activation is Activation.SIGMOID and max(scores, default=1.0) < SMALL
    return ALL_SMALL if is_small else ""


def written(score: float, activation: Activation) -> str:
    return f"{score:.2f}" if activation is Activation.NONE else percent(score)


def percent(score: float) -> str:
    """A score in [0, 1] with the digits that tell it from 0 % and from 100 %.

    >>> percent(0.937), percent(0.0034), percent(0.000003), percent(2.4e-9)
    ('93.7%', '0.34%', '0.0003%', '2.4×10⁻⁷%')
    >>> percent(0.99996), percent(1 - 1e-9), percent(1.0), percent(0.0)
    ('99.996%', '>99.9999%', '100%', '0%')
    """
    value = score * 100
    if value <= 0 or score >= 1:
        return f"{min(max(value, 0), 100):.0f}%"
    decimals = _decimals(min(value, 100 - value))
    if decimals <= MOST_DECIMALS:
        return f"{_rounded(value, decimals)}%"
    return ">99.9999%" if value > 50 else f"{_in_powers(value)}%"


def _decimals(distance: float) -> int:
    """So many that two digits of the distance to the nearer end are seen, or one of tiny ones."""
    if distance >= 1:
        return 1
    leading = -math.floor(math.log10(distance))
    return leading + 1 if leading < MOST_DECIMALS else leading


def _rounded(value: float, decimals: int) -> str:
    whole, _, fraction = f"{value:.{decimals}f}".partition(".")
    return f"{whole}.{fraction[0]}{fraction[1:].rstrip('0')}"


def _in_powers(value: float) -> str:
    mantissa, _, exponent = f"{value:.1e}".partition("e")
    return f"{mantissa.removesuffix('.0')}×10{str(int(exponent)).translate(SUPERSCRIPTS)}"
