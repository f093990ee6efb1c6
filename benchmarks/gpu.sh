#!/usr/bin/env bash
# What a GPU shows: the whole space by bundles, bundles of several sizes and with both ways to weight
# gradients, branches, PyTorch on the same card, attacked kernels on a sample, PGD and adversarial
# training, and the error of the smallest eigenvalue. The steps in order of importance; each has a time limit, and writes a JSON file.
# LIMIT=480 ends the script 480 seconds after its start. ONLY="batch_16 precision" runs these steps alone.
#
#     benchmarks/gpu.sh [FOLDER]        default: build/gpu
#
# Run it from the repository's root, with JAX for CUDA installed. A step that fails or
# runs out of time is named, and the others go on. TINY=1 tries every step at a small size, on a CPU
# too, with ten times the limits.
set -uo pipefail
out=${1:-build/gpu}
mkdir -p "$out"
python=${PYTHON:-python}
export JAX_COMPILATION_CACHE_DIR=${JAX_COMPILATION_CACHE_DIR:-$out/compiled}
export XLA_PYTHON_CLIENT_PREALLOCATE=false
sample=random:200 peers=random:32 few=random:4 all=all size="" trained="--batch-size 256"
if [ -n "${TINY:-}" ]; then
    sample=random:3 peers=random:3 few=random:2 all=random:3
    size="--channels 2 --cells 1 --batch-size 2" trained="$size --repeats 1"
fi
failed=0

step() { # step SECONDS NAME MODULE OPTIONS...
    local limit=$((${TINY:+10*} $1)) name=$2
    shift 2
    if [ -n "${ONLY:-}" ] && [[ " $ONLY " != *" $name "* ]]; then
        return
    fi
    if [ -n "${LIMIT:-}" ] && [ $((SECONDS + limit)) -gt "$LIMIT" ]; then
        limit=$((LIMIT - SECONDS))
        if [ $limit -lt 30 ]; then
            echo "== $name: left out, $SECONDS of $LIMIT s are over"
            return
        fi
    fi
    echo "== $name (at $SECONDS s): python -m $*"
    if timeout "$limit" "$python" -m "$@" --out "$out/$name.json" >"$out/$name.log" 2>&1; then
        grep -E '"(seconds|seconds_per_architecture|peak_device_mb|first_launch_seconds|architectures_per_second)"' "$out/$name.log" || true
    else
        echo "   failed or out of time (limit $limit s); last line: $(tail -n 1 "$out/$name.log")"
        failed=1
    fi
}

space=benchmarks.whole_space
step 150 batch_16 "$space" --program bundles --archs "$all" --batch-size 16 --norm batch $size
step 100 image_16 "$space" --program bundles --archs "$all" --batch-size 16 --norm image $size
step 100 image_32 "$space" --program bundles --archs "$all" --batch-size 32 --norm image $size
step 45 torch_batch_16 benchmarks.torch_device --archs "$peers" --batch-size 16 --norm batch $size
step 30 torch_image_16 benchmarks.torch_device --archs "$peers" --batch-size 16 --norm image $size
step 45 image_16_again "$space" --program bundles --archs "$all" --batch-size 16 --norm image $size
step 40 profile_batch_16 "$space" --program bundles --archs "$sample" --batch-size 16 --norm batch \
    --profile 40 $size
step 40 profile_image_16 "$space" --program bundles --archs "$sample" --batch-size 16 --norm image \
    --profile 40 $size
step 300 full_image_32 "$space" --program bundles --archs "$sample" --batch-size 32 --norm image \
    --kernels clean,robust,twice --rho 3,8 --steps 10 $size
step 90 batch_16_by_image "$space" --program bundles --variants image --archs "$sample" \
    --batch-size 16 --norm batch $size
step 300 full_batch_32 "$space" --program bundles --archs "$peers" --batch-size 32 --norm batch \
    --kernels clean,robust,twice --rho 3,8 --steps 10 $size
for k in 16 32; do
    step 90 "batch_16_of_$k" "$space" --program bundles --per-launch $k --archs "$sample" \
        --batch-size 16 --norm batch $size
done
step 60 branches_16 "$space" --program branches --archs "$sample" --batch-size 16 --norm batch $size
step 90 training benchmarks.training --archs "$few" $trained
step 60 precision benchmarks.precision --archs "$peers" --batch-size 16 --norm batch $size
exit $failed
