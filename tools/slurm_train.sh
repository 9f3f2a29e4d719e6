#!/usr/bin/env bash
# Train through Slurm: tools/slurm_train.sh PARTITION JOB_NAME CONFIG
# [ARGUMENTS]. GPUS, GPUS_PER_NODE, CPUS_PER_TASK and SRUN_ARGS are read from
# the environment; GPUS_PER_NODE=0 asks for no GPU.
#
# Preemption and time limits: SIGTERM and SIGUSR1 save a checkpoint and end
# this script with code 75. As a job that continues by itself:
#   sbatch -p gpu --ntasks=4 --gpus-per-node=4 --requeue --signal=USR1@120 \
#     --open-mode=append --wrap 'tools/slurm_train.sh gpu job CONFIG --resume
#       code=$?; [ $code = 75 ] && scontrol requeue $SLURM_JOB_ID; exit $code'
# SIGNAL=USR1@120 is what srun gets when it makes the allocation itself:
# 120 seconds before the time limit. docs/resume.md says more.
set -euo pipefail

USAGE='usage: slurm_train.sh PARTITION JOB_NAME CONFIG [ARGUMENTS of train.py]'
PARTITION=${1:?$USAGE}
JOB_NAME=${2:?$USAGE}
CONFIG=${3:?$USAGE}
TOOLS=$(CDPATH='' cd -- "$(dirname -- "$0")" && pwd)
GPUS=${GPUS:-4}
GPUS_PER_NODE=${GPUS_PER_NODE:-4}
read -r -d '' -a SRUN_ARGS <<< "${SRUN_ARGS:-}" || true
if [ "$GPUS_PER_NODE" -gt 0 ]; then
    SRUN_ARGS+=(--gres="gpu:$GPUS_PER_NODE" --ntasks-per-node="$GPUS_PER_NODE")
fi

PYTHONPATH="$TOOLS/..${PYTHONPATH:+:$PYTHONPATH}" \
exec srun -p "$PARTITION" \
    --job-name="$JOB_NAME" \
    --ntasks="$GPUS" \
    --cpus-per-task="${CPUS_PER_TASK:-5}" \
    --kill-on-bad-exit=1 \
    --signal="${SIGNAL:-USR1@120}" \
    "${SRUN_ARGS[@]}" \
    python -u "$TOOLS/train.py" "$CONFIG" --launcher slurm "${@:4}"
