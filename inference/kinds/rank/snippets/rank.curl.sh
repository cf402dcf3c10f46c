# the JPEGs of this folder
documents=$(for file in *.jpg; do printf '{"image": "%s"},' "$(base64 < "$file" | tr -d '\n')"; done)

curl -s "http://127.0.0.1:8000/v1/rank" \
  -H "Authorization: Bearer $GIGAROUTER_API_KEY" \
  -H "Content-Type: application/json" \
  --data-binary @- <<JSON
{
  "model": "openai/clip-vit-base-patch32",
  "query": "a sleeping cat",
  "documents": [${documents%,}],
  "top_n": 5
}
JSON
