"""The words that a search understands by itself, whatever the cards say."""

from django.db.models import Q

from catalog.models import CommercialUse, licenses

SIZES = {
    "tiny": "t",
    "small": "s",
    "base": "b",
    "large": "l",
    "huge": "h",
    "giant": "g",
    "gigantic": "bigg",
    "enormous": "e",
}
LETTERS = frozenset([*SIZES.values(), "xl"])
PATCHES = frozenset({"8", "14", "16", "32"})
SMALLEST_IMAGE, LARGEST_IMAGE = 64, 1024

# One spelling for what is written in several ways.
SPELLINGS = [
    (r"(?<=\w)\+(?=[^\w]|$)", " plus "),
    (r"\b(\d{2,4})\s*[x*]\s*\1(?!\d)", r"\1"),
    (r"(?<=\d)\s*(px|pixels?)\b", " "),
    (r"\bbig[\s_/-]*g(?=[\W\d_]|$)", "bigg"),
    (r"\bopen[\s_-]+(clip|ai)\b", r"open\1"),
    (r"\bnon[\s_-]*commercial\b", "noncommercial"),
    (r"\bvision[\s_-]*transformers?\b", "vit"),
    (r"\bhugging[\s_-]*face\b|\bhf[\s_-]+hub\b", " "),
]
NAMESAKES = {"resnet": ("rn",), "facebook": ("meta",), "fb": ("meta",), "rn": ("resnet",)}

# Said of every model here, or of none.
_NOISE = """
    a an the for of with and or in on by to from is that what which can best good model models
    checkpoint checkpoints weights pretrained pixel pixels px patch resolution license licence
    licensed licenced use usage allowed language languages free open source opensource zero shot
    zeroshot image images text classification classifier classify embedding embeddings encoder
    hf huggingface api please
"""
NOISE = frozenset(_NOISE.split())
MULTILINGUAL = Q(languages__gt=1)
# Which languages a model knows is hardly ever listed: who names one is shown those of several.
_LANGUAGES = """
    arabic bengali chinese czech danish dutch finnish french german greek hebrew hindi hungarian
    indonesian italian japanese korean norwegian persian polish portuguese romanian russian
    spanish swedish thai turkish ukrainian urdu vietnamese
"""
_OWN_NAMES = {"deutsch": "German", "francais": "French", "espanol": "Spanish"}
# Their names in a sentence, by the word that is typed.
LANGUAGES = {word: word.capitalize() for word in _LANGUAGES.split()} | _OWN_NAMES
COMMERCIAL = (Q(commercial_use=CommercialUse.YES) | licenses.says(CommercialUse.YES)) & ~Q(
    commercial_use=CommercialUse.NO
)
NOT_COMMERCIAL = (Q(commercial_use=CommercialUse.NO) | licenses.says(CommercialUse.NO)) & ~Q(
    commercial_use=CommercialUse.YES
)
CONDITIONS = {
    "multilingual": MULTILINGUAL,
    "i18n": MULTILINGUAL,
    **dict.fromkeys(LANGUAGES, MULTILINGUAL),
    "english": Q(languages=1),
    "commercial": COMMERCIAL,
    "commercially": COMMERCIAL,
    "noncommercial": NOT_COMMERCIAL,
    "research": NOT_COMMERCIAL,
}
# Words that a misspelt one may stand for, beside the cards' own.
OWN_WORDS = frozenset([*SIZES, *CONDITIONS, "resnet"])
