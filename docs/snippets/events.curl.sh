# JOB_ID is the "id" of the job in a 202.
curl -sN "http://127.0.0.1:8000/v1/jobs/$JOB_ID/events" \
  -H "Authorization: Bearer $GIGAROUTER_API_KEY"
