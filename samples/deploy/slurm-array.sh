#!/bin/sh
#SBATCH --job-name=chime-bulk
#SBATCH --array=1-4
#SBATCH --requeue
#SBATCH --signal=B:TERM@60
#SBATCH --open-mode=append
#SBATCH --output=chime-bulk-%A_%a.log
# A shard of a job in this directory, which all nodes share. slurm-submit.sh submits the array.

# As in --array, which has to begin at 1. Slurm's own count is smaller if a part of the array is submitted again.
shards=4

# A minute before the time limit. `wait` returns at once then, although the program still works: wait again.
stopping=
trap 'stopping=yes; kill -TERM "$!"' TERM
chime-bulk run members.csv --config job.toml --shard "slurm/$shards" --run-dir onboarding --if-exists resume &
program=$!
wait "$program"
code=$?
while [ -n "$stopping" ]; do
    stopping=
    wait "$program"
    code=$?
done

# Stopped or interrupted: the same command resumes.
case $code in
3 | 130)
    if [ "${SLURM_RESTART_COUNT:-0}" -lt 10 ]; then
        scontrol requeue "${SLURM_ARRAY_JOB_ID}_$SLURM_ARRAY_TASK_ID"
    fi
    ;;
esac
exit "$code"
