"""Tells people's own servers that their jobs have ended, as Standard Webhooks describes it.

queueing    what is to be told: rows of the transaction that ends the job
sending     tells it: signed, with retries for a day, in the queue `fetch`
endpoints   the verbs of a webhook's owner: add, rotate, switch, remove, replay
sealing     how secrets are kept
"""
