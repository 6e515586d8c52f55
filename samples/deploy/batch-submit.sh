#!/bin/sh
# Four shards as an array job of AWS Batch, then their merge. Before the first time:
#   aws batch register-job-definition --cli-input-json file://batch-job.json
# A shard that finished with some rows not in succeeds, as the merge begins only after shards that do.
set -eu
queue=${1:?usage: batch-submit.sh QUEUE}

shards=$(aws batch submit-job --job-name chime-bulk --job-queue "$queue" --job-definition chime-bulk \
    --array-properties size=4 --query jobId --output text)
aws batch submit-job --job-name chime-bulk-merge --job-queue "$queue" --job-definition chime-bulk \
    --depends-on "jobId=$shards" \
    --container-overrides '{"command": ["sh", "-c", "cd /job && exec chime-bulk merge onboarding"]}'
