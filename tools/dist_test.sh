#!/usr/bin/env bash
# Test with several processes: tools/dist_test.sh CONFIG CHECKPOINT GPUS
# [ARGUMENTS]. NNODES, NODE_RANK, MASTER_ADDR and PORT as in dist_train.sh.
set -euo pipefail

USAGE='usage: dist_test.sh CONFIG CHECKPOINT GPUS [ARGUMENTS of test.py]'
CONFIG=${1:?$USAGE}
CHECKPOINT=${2:?$USAGE}
GPUS=${3:?$USAGE}
TOOLS=$(CDPATH='' cd -- "$(dirname -- "$0")" && pwd)

[ "${NODE_RANK:-0}" != 0 ] ||
    "$TOOLS/check_port.sh" "${MASTER_ADDR:-127.0.0.1}" "${PORT:-29500}"

PYTHONPATH="$TOOLS/..${PYTHONPATH:+:$PYTHONPATH}" \
exec python -m torch.distributed.run \
    --nnodes="${NNODES:-1}" \
    --node_rank="${NODE_RANK:-0}" \
    --master_addr="${MASTER_ADDR:-127.0.0.1}" \
    --master_port="${PORT:-29500}" \
    --nproc_per_node="$GPUS" \
    "$TOOLS/test.py" "$CONFIG" "$CHECKPOINT" --launcher pytorch "${@:4}"
