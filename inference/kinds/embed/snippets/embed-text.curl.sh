curl -s "http://127.0.0.1:8000/v1/embeddings" \
  -H "Authorization: Bearer $GIGAROUTER_API_KEY" \
  -H "Content-Type: application/json" \
  --data-binary @- <<'JSON'
{
  "model": "openai/clip-vit-base-patch32",
  "input": ["a photo of a cat", "a photo of a dog"]
}
JSON
