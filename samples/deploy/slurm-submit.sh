#!/bin/sh
# Four shards as an array job of Slurm, then their merge, whatever the exit codes of the shards.
set -eu

shards=$(sbatch --parsable slurm-array.sh)
sbatch --job-name=chime-bulk-merge --dependency="afterany:${shards%%;*}" --output=chime-bulk-merge-%j.log \
    --wrap='exec chime-bulk merge onboarding'
