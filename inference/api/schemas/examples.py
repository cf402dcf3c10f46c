"""An example of each answer, with the values of one job on the stand-in. All but the numbers are as
the API writes them; `tests/inference/api/openapi` compares them with the schemas.
"""

from typing import Any

from inference import kinds

# What JSON is made of.
Json = dict[str, Any]
MODEL_ID = "gigarouter/conse-demo"
PAGE = "https://example.com/models/gigarouter/conse-demo/"
JOB_ID = "9380598d-f1c9-4ec7-8983-ba36990ac19e"
CREATED = 1796038205
COST: Json = {"cost": 0.000094, "cost_usd": "0.000094"}

PRICING: Json = {
    "currency": "USD",
    "image": "0.000094",
    "text_token": "0.000000104",
    "text": "0",
    "estimated": False,
    "batch_discount_percent": 50,
}
MODEL: Json = {
    "id": MODEL_ID,
    "object": "model",
    "created": CREATED,
    "owned_by": "gigarouter",
    "shutdown_date": None,
    "name": "ConSE demo",
    "canonical_slug": MODEL_ID,
    "hugging_face_id": None,
    "description": "A small stand-in that runs anywhere.",
    "context_length": 77,
    "architecture": {
        "modality": "text+image->embeddings",
        "input_modalities": ["text", "image"],
        "output_modalities": ["embeddings", "rerank"],
    },
    "pricing": {"prompt": "0.0000001", "completion": "0", "image": "0.000094"},
    "top_provider": {"context_length": 77, "max_completion_tokens": None, "is_moderated": False},
    "per_request_limits": None,
    "supported_parameters": [],
    "supported_voices": None,
    "default_parameters": None,
    "links": {"details": PAGE},
    "gigarouter": {
        "status": "live",
        "callable": True,
        "task": "zero-shot-image-classification",
        "input_modalities": ["text", "image"],
        "output_modalities": ["embeddings", "classification", "rerank"],
        "embedding_dim": 384,
        "activation": "softmax",
        "revision": "local:cd649bf2acf64134f64e746b545fb3d7886268467a383387c0ccedb5873fb6ce",
        "page": PAGE,
        "deprecation_date": None,
        "shutdown_date": None,
        "successor": None,
        "pricing": PRICING,
        "next_pricing": None,
    },
}
MODEL_LIST: Json = {"object": "list", "data": [MODEL], "links": {"next": None}, "total_count": 1}

JOB_IN_SHORT: Json = {
    "id": JOB_ID,
    "object": "job",
    "kind": kinds.EXAMPLE,
    "model": MODEL_ID,
    "status": "succeeded",
    "created_at": CREATED,
    "started_at": CREATED,
    "finished_at": CREATED + 1,
    **COST,
    "error": None,
    "urls": {
        "get": f"/v1/jobs/{JOB_ID}",
        "cancel": f"/v1/jobs/{JOB_ID}/cancel",
        "events": f"/v1/jobs/{JOB_ID}/events",
    },
}
WAITING_JOB: Json = {
    **JOB_IN_SHORT,
    "status": "queued",
    "started_at": None,
    "finished_at": None,
    "cost": 0.0,
    "cost_usd": "0",
    "queue_position": 2,
    "eta_s": [1, 4],
    "result": None,
}
JOB_LIST: Json = {
    "object": "list",
    "data": [JOB_IN_SHORT],
    "has_more": False,
    "first_id": JOB_ID,
    "last_id": JOB_ID,
}
DELETED_JOB: Json = {"id": JOB_ID, "object": "job", "deleted": True}

ACCOUNT: Json = {
    "object": "account",
    "available": "0.999906",
    "held": "0",
    "keys": [
        {
            "id": 7,
            "name": "laptop",
            "begins_with": "gr_live_4fJ2",
            "ends_with": "9xQd",
            "spent": "0.000094",
            "held": "0",
            "limit": None,
            "left": None,
            "expires_at": None,
        }
    ],
}

QUOTE: Json = {
    "object": "quote",
    "endpoint": "/v1/classify",
    "model": MODEL_ID,
    "callable": True,
    "currency": "USD",
    "images": 1,
    "texts": 2,
    "max_text_tokens": 18,
    "unit_prices": {"image": "0.000094", "text_token": "0.000000104", "text": "0"},
    "estimated": False,
    "min_cost": "0.000094",
    "max_cost": "0.000096",
    "max_cost_in_batch": "0.000048",
    "available": "0.999906",
    "covered": True,
}
