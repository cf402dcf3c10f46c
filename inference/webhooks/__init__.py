"""Calls people's own servers when their jobs end, as Standard Webhooks describes it.

queueing          writes deliveries, in the transaction that ends the jobs
sending           claims and sends them, with retries for a day, in the queue `fetch`
posting           one signed request
auto_disable      switches a webhook off that has failed for days
endpoints         what the owner of a webhook does: add, rotate, switch, remove, replay
signing_secrets   made here, and kept encrypted
"""
