"""Files and batches: what they are kept in, how they go on, what they cost, how they end.

    files.store -> lifecycle.create -> parts.take_up -> parts.begin -> parts.settle
                -> lifecycle.finish

The API above reads lines and writes answers (inference.api.batches); here is all that touches rows,
credit and storage. Each step may be repeated, and may be broken off anywhere: what it changes is
one transaction, which says in its filters what must still be true.
"""
