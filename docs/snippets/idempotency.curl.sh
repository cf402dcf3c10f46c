# The same key and body within a day: the same answer, and it is paid for once.
curl -s "http://127.0.0.1:8000/v1/embeddings" \
  -H "Authorization: Bearer $GIGAROUTER_API_KEY" \
  -H "Content-Type: application/json" \
  -H "Idempotency-Key: album-7-photo-12" \
  --data-binary @- <<'JSON'
{"model": "openai/clip-vit-base-patch32", "input": "a photo of a cat"}
JSON
