#!/usr/bin/env bash
# What the published tables want from a GPU: coupled kernels of the published network (five cells
# per stage, statistics of the batch, 16 images). All 6,466 architectures in three draws, clean; then
# a random thousand in four draws, clean, robust and twice attacked at 8/255.
#
#     experiments/gpu_tables.sh [FOLDER]        default: runs/gpu
#
# Run it from the repository's root, with JAX for CUDA installed. Runs resume: a step that ran out
# of time goes on where it stopped. CLEAN and ATTACKED are the limits of the steps in seconds. Each
# ends with FOLDER/NAME.parquet, whose scores `ntknas correlate` and `experiments.published_tables`
# read from the run. TINY=1 tries it at a small size, on a CPU too.
set -uo pipefail
out=${1:-runs/gpu}
mkdir -p "$out"
python=${PYTHON:-python}
network="--preset published --batch-size 16" attack="--rho 8/255" all=all sample=random:1000
if [ -n "${TINY:-}" ]; then
    network="--preset published --batch-size 2 --channels 2 --cells 1" attack="--rho 8/255 --steps 1"
    all=random:3 sample=random:2
fi

step() { # step SECONDS NAME OPTIONS...
    local limit=$1 name=$2
    shift 2
    echo "== $name: ntknas score $*"
    timeout --signal=INT "$limit" "$python" -m ntknas score "$@" --out "$out/$name" >"$out/$name.log" 2>&1
    local status=$?
    [ $status -eq 0 ] || echo "   stopped with status $status: $(tail -n 1 "$out/$name.log")"
    "$python" -m ntknas export "$out/$name" --format parquet --out "$out/$name.parquet"
    return $status
}

step "${CLEAN:-900}" clean --archs "$all" $network --kernels clean --seeds 3 || exit 1
step "${ATTACKED:-3600}" attacked --archs "$sample" $network --kernels clean,robust,twice \
    $attack --seeds 4
