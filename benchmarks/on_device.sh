#!/usr/bin/env bash
# The suite on one accelerator, against PyTorch on the same one: at most 12 minutes, one file of numbers.
#
#   benchmarks/on_device.sh [FILE] [FLAGS OF python -m benchmarks]
#
# Needs jax for the accelerator, flax, optax and torch, and nothing else. Every technique's step in a chunk, then those
# races whose work is large enough for an accelerator, of two rounds.
set -euo pipefail
cd "$(dirname "$0")/.."
file=${1:-runs/on_device.json}
shift || true
export XLA_PYTHON_CLIENT_PREALLOCATE=false  # contenders are processes side by side, which share the memory
races=vae,autoencoder,boltzmann,gibbs,classifier,gan,imagery,optimizers,text_carried,text_sampling,text_transformer
timeout 720 python -m benchmarks --quick --peers --only="steps,$races" --out="$file" "$@"
