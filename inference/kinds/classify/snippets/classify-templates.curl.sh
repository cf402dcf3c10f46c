curl -s "http://127.0.0.1:8000/v1/classify" \
  -H "Authorization: Bearer $GIGAROUTER_API_KEY" \
  -H "Content-Type: application/json" \
  --data-binary @- <<JSON
{
  "model": "openai/clip-vit-base-patch32",
  "input": [{"image": "$(base64 < photo.jpg | tr -d '\n')"}],
  "labels": ["a cat", "a dog"],
  "hypothesis_templates": ["a photo of {}", "a drawing of {}"]
}
JSON
