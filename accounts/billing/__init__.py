"""Adding credit by card: Stripe Checkout, when its keys are set.

    checkout.begin(user, amount_cents)  -> the address at Stripe where the payer goes on
    webhook                             Stripe says what became of it (`events.handle`)
    purchases.fulfil | refund           what that does to the ledger; each may be repeated

A payment is credited once, whichever comes first: the event, the payer's way back to us
(`checkout.refresh`), or the hourly look at what was left open.
"""
