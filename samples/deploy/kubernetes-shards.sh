#!/bin/sh
# Starts the shards of kubernetes-shards.yaml, waits until all have ended, then starts their merge: also if
# some have failed, because some rows are not in.
set -eu

kubectl apply --filename kubernetes-shards.yaml --selector part=shards
until kubectl get job chime-bulk --output 'jsonpath={.status.conditions[*].type}' | grep -Eq 'Complete|Failed'; do
    sleep 10
done
kubectl apply --filename kubernetes-shards.yaml --selector part=merge
