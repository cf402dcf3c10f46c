"""What models cost and have cost: `prices.record` writes it down, `prices.history_of` reads it.

The arithmetic itself is `catalog.pricing`; how a price is told and drawn stands beside this.
"""

from catalog.prices.changes import PRICED_BY, history_of, price_now, record, record_all, same

__all__ = ["PRICED_BY", "history_of", "price_now", "record", "record_all", "same"]
