"""What licenses of weights say of commercial use, by their own texts.

    find("apache-2.0").commercial_use      # CommercialUse.YES

Ids are SPDX's in lower case, or Hugging Face's where SPDX has none. `url` is where the text stands.
A license that is not here says nothing either way.
"""

from typing import NamedTuple

from django.db.models import Q

from catalog.models.choices import CommercialUse


class License(NamedTuple):
    name: str
    url: str
    commercial_use: CommercialUse | None


CC = "https://creativecommons.org/licenses"
YES, NO = CommercialUse.YES, CommercialUse.NO
LICENSES = {
    "mit": License("MIT", "https://opensource.org/license/mit", YES),
    "apache-2.0": License("Apache 2.0", "https://www.apache.org/licenses/LICENSE-2.0", YES),
    "bsd-3-clause": License("BSD 3-Clause", "https://opensource.org/license/bsd-3-clause", YES),
    "cc-by-4.0": License("CC BY 4.0", f"{CC}/by/4.0/", YES),
    "cc-by-sa-4.0": License("CC BY-SA 4.0", f"{CC}/by-sa/4.0/", YES),
    "cc-by-nc-4.0": License("CC BY-NC 4.0", f"{CC}/by-nc/4.0/", NO),
    # Some authors name no version; all have the same term.
    "cc-by-nc": License("CC BY-NC", f"{CC}/by-nc/4.0/", NO),
    # Its name says what it is for; that it excludes commerce is stated card by card.
    "apple-amlr": License("Apple ML Research", "", None),
    "apple-ascl": License("Apple Sample Code", "", None),
}


def find(name: str) -> License:
    return LICENSES.get(name.casefold(), License(name, "", None))


def says(use: CommercialUse) -> Q:
    """For cards whose license says so of commercial use."""
    says = Q()
    for name, text in LICENSES.items():
        if text.commercial_use == use:
            says |= Q(license__iexact=name)
    return says
