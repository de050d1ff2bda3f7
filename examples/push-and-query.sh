#!/bin/sh
# Pushes one line with curl, then queries it. SKALD_URL must point to a store:
#   sh examples/push-and-query.sh
set -eu
url=${SKALD_URL:-http://127.0.0.1:3100}
now=$(date +%s)

curl -fsS -X POST "$url/loki/api/v1/push" -H 'Content-Type: application/json' \
  -d '{"streams": [{"stream": {"job": "example"}, "values": [["'"$now"'000000000", "hello from curl"]]}]}'

curl -fsS -G "$url/loki/api/v1/query_range" \
  --data-urlencode 'query={job="example"} |= "hello"' \
  --data-urlencode 'limit=1'
