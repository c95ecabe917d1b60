#!/bin/sh
# Writes the two lists that an installation is held to: every package of the program with its version and the SHA-256 of
# every file that PyPI has of it, for every platform. Versions are those of constraints.txt. Needs uv (pip install uv).
set -eu
cd "$(dirname "$0")/.."
cuda="$(echo torch | uv pip compile --quiet --no-header --no-annotate --universal --python-version 3.11 \
    --constraint constraints.txt - | sed 's/[ =].*//' | grep -E '^(torch|triton|nvidia-|cuda-)')"
compile() {
    uv pip compile --quiet --no-header --no-annotate --universal --python-version 3.11 --generate-hashes \
        --constraint constraints.txt "$@"
}
{
    echo "# PyTorch as PyPI has it, with CUDA for NVIDIA GPUs on Linux. Written by deploy/lock.sh."
    echo torch | compile -
} > deploy/requirements-torch.txt
{
    echo "# Everything but PyTorch, with postgres, train and fhir. Written by deploy/lock.sh."
    # shellcheck disable=SC2046
    compile --extra postgres --extra train --extra fhir $(printf ' --no-emit-package %s' $cuda) setup.cfg
} > deploy/requirements.txt
