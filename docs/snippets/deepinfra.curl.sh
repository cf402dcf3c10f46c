curl -s "http://127.0.0.1:8000/v1/inference/openai/clip-vit-base-patch32" \
  -H "Authorization: Bearer $GIGAROUTER_API_KEY" \
  -F image=@photo.jpg \
  --form-string 'candidate_labels=["cat", "dog"]'
