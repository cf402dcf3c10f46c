"""What a card is loaded from, whether people wrote it or a table gave it."""

from typing import Any

# YAML's own kinds of value: text, numbers, dates, lists. The card's fields and constraints check
# them when it is loaded.
Document = dict[str, Any]
