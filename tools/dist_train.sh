#!/usr/bin/env bash
# Train with several processes: tools/dist_train.sh CONFIG GPUS [ARGUMENTS].
# NNODES, NODE_RANK, MASTER_ADDR and PORT are read from the environment.
# SIGTERM or SIGUSR1 to this script: all processes stop after the same
# iteration, a checkpoint is saved, exit code 75; run it again with --resume.
set -euo pipefail

CONFIG=${1:?usage: dist_train.sh CONFIG GPUS [ARGUMENTS of train.py]}
GPUS=${2:?usage: dist_train.sh CONFIG GPUS [ARGUMENTS of train.py]}
TOOLS=$(CDPATH='' cd -- "$(dirname -- "$0")" && pwd)

[ "${NODE_RANK:-0}" != 0 ] ||
    "$TOOLS/check_port.sh" "${MASTER_ADDR:-127.0.0.1}" "${PORT:-29500}"

PYTHONPATH="$TOOLS/..${PYTHONPATH:+:$PYTHONPATH}" \
exec python "$TOOLS/launch.py" \
    --nnodes="${NNODES:-1}" \
    --node_rank="${NODE_RANK:-0}" \
    --master_addr="${MASTER_ADDR:-127.0.0.1}" \
    --master_port="${PORT:-29500}" \
    --nproc_per_node="$GPUS" \
    "$TOOLS/train.py" "$CONFIG" --launcher pytorch "${@:3}"
