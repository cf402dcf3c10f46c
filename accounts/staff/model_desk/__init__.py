"""The model desk: a shutdown date or another price, announced in time to whoever calls the model.

shutdown.announce, shutdown.take_back, shutdown.retire_due
price_change.announce, price_change.take_back, price_change.apply_due
letters.resume                 one mail to each recent caller
"""

from accounts.staff.model_desk.notices import DeskRefused, open_notice

__all__ = ["DeskRefused", "open_notice"]
