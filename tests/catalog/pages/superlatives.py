"""Words that rank a model among all others. The page counts ranks; nobody writes them down."""

import re
from collections.abc import Iterator

# End as superlatives do, and are none, or compare vectors and not models.
NO_SUPERLATIVES = (
    "arrest|attest|budapest|chest|closest|conquest|contest|crest|detest|digest|divest|everest|fest"
    "|forest|guest|harvest|honest|infest|ingest|inquest|interest|invest|jest|manifest|midwest"
    "|modest|nearest|nest|northwest|pest|pretest|priest|protest|quest|request|rest|retest|southwest"
    "|suggest|tempest|test|unrest|vest|west|wrest|zest"
)
PATTERNS = [
    rf"\b(?!(?:{NO_SUPERLATIVES})\b)[a-z]+est\b",  # largest, fastest, newest
    r"\b(?:best|worst|foremost|topmost|utmost)\b",
    r"(?<!at )\bleast\b",
    r"\bmost (?!of\b|people\b|\w+s\b)\w+",  # most accurate; but most of, most classes
    r"\b(?:second|runner-up|next only) to\b",
    r"\btop(?![- ]?\d|\w)",  # not top-1
    r"\b(?:leads|leading|leader|champion|winner|unbeaten|unmatched|unrivall?ed|unparall?elled)\b",
    r"\b(?:unsurpassed|peerless|supreme|ultimate|premier|flagship|world-class|sota)\b",
    r"\bstate[- ]of[- ]the[- ]art\b",
    r"\bnumber one\b|#1\b|\bno\. 1\b",
    r"\b(?:record|all-time)[- ](?:high|low|setting|breaking)",
    r"\b(?:better|larger|faster|cheaper|more \w+) than (?:all|any|every)\b",
    r"\b(?:outperforms?|beats?|ahead of|surpass(?:es)?) (?:all|any|every)\b",
    r"\bthe only (?:model|one|clip|encoder)\b",
    r"\b\d+(?:st|nd|rd|th) of\b|\branks? (?:\d|first|second|third)",
    r"\bin (?:this|the|our) (?:list|catalog|zoo)\b|\bof (?:all|any) (?:models|clips)\b",
]
RANKS = re.compile("|".join(PATTERNS), re.IGNORECASE)
# What a source says stands in quotation marks.
QUOTATION = re.compile(r"“[^”]*”|\"[^\"]*\"")


def ranks_in(text: str) -> Iterator[str]:
    """Each place where the text ranks by itself, with some words around it."""
    plain = " ".join(QUOTATION.sub(" ", text).split())
    for match in RANKS.finditer(plain):
        yield plain[max(match.start() - 30, 0) : match.end() + 20]
