#!/bin/bash
# Joins the reports of the tasks of slurm.sh, which has the command that submits both. Exits with the
# worst exit code of the tasks, or with an error that names the shard which is missing or not read.
#SBATCH --job-name=chime-bulk-merge
#SBATCH --time=01:00:00
#SBATCH --output=chime-bulk-merge-%j.log
exec chime-bulk merge "${1:?usage: sbatch slurm-merge.sh RUN_DIR}"
