#!/bin/bash
# One import by four tasks of a Slurm array: each adds the members of its share of the channels, and
# slurm-merge.sh joins their reports. RUN_DIR must be on a file system that all nodes share.
#
#   job=$(sbatch --parsable slurm.sh RUN_DIR) && sbatch --dependency=afterany:$job slurm-merge.sh RUN_DIR
#
# To start one task again, such as the third: sbatch --array=3 slurm.sh RUN_DIR
#SBATCH --job-name=chime-bulk
#SBATCH --array=1-4
#SBATCH --time=04:00:00
#SBATCH --signal=B:USR1@60
#SBATCH --requeue
#SBATCH --open-mode=append
#SBATCH --output=chime-bulk-%A-%a.log
set -u
run_dir=${1:?usage: sbatch slurm.sh RUN_DIR}
list=members.csv
bearer=arn:aws:chime:us-east-1:123456789012:app-instance/APP_INSTANCE_ID/user/BEARER_ID
shards=4 # as in --array=1-4: Slurm counts fewer if it starts only some of the tasks again
restarts=10 # at most

# A minute before the time limit, Slurm sends SIGUSR1 to this shell alone: stop the run, and go on later.
# scancel, scontrol requeue and preemption send SIGTERM to every process, the run included: only wait.
is_ours=yes
trap 'kill -TERM $!' USR1
trap 'is_ours=no' TERM

chime-bulk run "$list" --bearer "$bearer" --shard "slurm/$shards" --run-dir "$run_dir" --if-exists resume \
    --progress json &
run=$!
# A signal ends `wait`, but not the run.
while kill -0 "$run" 2>/dev/null; do wait "$run"; done
wait "$run"
code=$?

# After exits 3 (stopped) and 130 (interrupted), the same command resumes the run. The task is named by
# array and index: the last task has the same SLURM_JOB_ID as the array, so that would start all again.
case $code in
3 | 130)
    if [ "$is_ours" = yes ] && [ "${SLURM_RESTART_COUNT:-0}" -lt "$restarts" ]; then
        scontrol requeue "${SLURM_ARRAY_JOB_ID}_$SLURM_ARRAY_TASK_ID"
    fi
    ;;
esac
exit "$code"
