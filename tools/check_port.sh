#!/usr/bin/env bash
# Say that the port of a new run is taken: tools/check_port.sh ADDRESS PORT.
# For the first machine of a run, before its processes start.
set -euo pipefail

ADDRESS=${1:?usage: check_port.sh ADDRESS PORT}
PORT=${2:?usage: check_port.sh ADDRESS PORT}

if ! [[ $PORT =~ ^[0-9]+$ ]] || ((10#$PORT < 1 || 10#$PORT > 65535)); then
    echo "PORT=$PORT is no port: set it to a number from 1 to 65535" >&2
    exit 1
fi
# Who answers, has it.
answers='exec 3<> "/dev/tcp/$1/$2"'
if timeout 5 bash -c "$answers" _ "$ADDRESS" "$PORT" 2> /dev/null; then
    echo "PORT=$PORT of $ADDRESS is in use, perhaps by another run: choose" \
        "another port, such as PORT=$((PORT % 65535 + 1)), the same on all" \
        'machines of this run' >&2
    exit 1
fi
