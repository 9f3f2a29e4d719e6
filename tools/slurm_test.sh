#!/usr/bin/env bash
# Test through Slurm: tools/slurm_test.sh PARTITION JOB_NAME CONFIG CHECKPOINT
# [ARGUMENTS]. The environment is read as in slurm_train.sh.
set -euo pipefail

USAGE='usage: slurm_test.sh PARTITION JOB_NAME CONFIG CHECKPOINT [ARGUMENTS]'
PARTITION=${1:?$USAGE}
JOB_NAME=${2:?$USAGE}
CONFIG=${3:?$USAGE}
CHECKPOINT=${4:?$USAGE}
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
    "${SRUN_ARGS[@]}" \
    python -u "$TOOLS/test.py" "$CONFIG" "$CHECKPOINT" \
    --launcher slurm "${@:5}"
