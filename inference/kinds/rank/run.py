"""Vectors to scores: the cosine of the query and each document, in the documents' order."""

import numpy as np

from inference.kinds.kind import Outcome, Work

# What float32 carries. Further digits are noise of the batch, and would put equal documents into
# an order that changes from call to call.
DIGITS = 6


def run(work: Work) -> Outcome:
    query, *documents = work.input_vectors().astype(np.float64)
    # Rows are normalized. Not a matrix product: its sums depend on how many rows there are.
    cosines = [float(np.sum(query * document)) for document in documents]
    return Outcome({"scores": [round(min(max(cosine, -1.0), 1.0), DIGITS) for cosine in cosines]})
