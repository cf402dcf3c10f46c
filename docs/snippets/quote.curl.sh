curl -s "http://127.0.0.1:8000/v1/quote" \
  -H "Authorization: Bearer $GIGAROUTER_API_KEY" \
  -H "Content-Type: application/json" \
  -d '{"endpoint": "/v1/classify", "model": "openai/clip-vit-base-patch32",
       "input": [{"image": "https://example.com/cat.jpg"}], "labels": ["a cat", "a dog"]}'
