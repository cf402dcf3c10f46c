"""Gifts of credit, within a budget: `gifts.welcome` and `of_launch`, decided by `give` or `refuse`.

Addresses cost nothing, so whoever wants a hundred gifts brings a hundred of them. What one network,
one mail domain and all together are given at once in a day is bounded (`budget`); beyond that a
gift waits for the operator, and its person is told so.
"""

from accounts.gifts.giving import AlreadyDecided, give, of_launch, refuse, waiting_of, welcome

__all__ = ["AlreadyDecided", "give", "of_launch", "refuse", "waiting_of", "welcome"]
