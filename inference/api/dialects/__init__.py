"""Other services' APIs, spoken for their clients. This registry is the only place that lists them.

A dialect is a file: the body that its clients send, the answer as they read it, its routes, and
where their errors differ, how those are written. Only the way in between (`api.flow`) is shared.
"""

from inference.api.dialects import cohere, deepinfra, hugging_face, openrouter
from inference.api.dialects.dialect import Dialect

# In the order of the OpenAPI document.
DIALECTS: tuple[Dialect, ...] = (
    hugging_face.DIALECT,
    deepinfra.DIALECT,
    cohere.DIALECT,
    openrouter.DIALECT,
)
