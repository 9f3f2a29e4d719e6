#!/usr/bin/env bash
# Guess: mmseg's tools/train.py and tools/test.py both build the runner that
#   `runner_type` of a config names (mmengine's RUNNERS registry).
# Fact: only tools/train.py does; tools/test.py always builds mmengine's
#   Runner, without a word.
# Hurts: whoever ships a Runner subclass (hooks, checks, loading of weights):
#   its trainings have them, its tests with mmseg's own tool have not.
# Version: onedl-mmsegmentation 1.4.2, onedl-mmengine 0.10.12, onedl-mmcv 2.3.6.
# Date: 2026-11-28
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
python3 -m venv venv
source venv/bin/activate
pip install -q torch==2.13.0 onedl-mmengine==0.10.12 onedl-mmcv==2.3.6 \
    onedl-mmsegmentation==1.4.2 opencv-python==5.0.0.93
pip list 2>/dev/null | grep -E '^(torch|onedl-mm)'

cat > probe.py <<'P'
from mmengine.registry import RUNNERS
from mmengine.runner import Runner


@RUNNERS.register_module()
class ProbeRunner(Runner):
    @classmethod
    def from_cfg(cls, cfg):
        print('ProbeRunner is asked', flush=True)
        raise SystemExit(0)
P
cat > config.py <<'P'
custom_imports = dict(imports=['probe'], allow_failed_imports=False)
runner_type = 'ProbeRunner'
work_dir = 'work'
P
export PYTHONPATH=$folder
tools=$(python -c 'import mmseg; print(mmseg.__path__[0])' 2>/dev/null | tail -1)/.mim/tools
touch some.pth
for tool in train test; do
    more=$([ "$tool" = test ] && echo some.pth || true)
    python "$tools/$tool.py" config.py $more > "$tool.log" 2>&1 || true
    echo "$tool.py: $(grep -c 'ProbeRunner is asked' "$tool.log" || true) time(s) asked; last line: $(tail -1 "$tool.log")"
done
grep -q 'ProbeRunner is asked' train.log
if grep -q 'ProbeRunner is asked' test.log; then
    echo 'tools/test.py honors runner_type now'
    exit 1
fi
