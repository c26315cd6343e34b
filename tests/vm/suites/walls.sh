#!/usr/bin/env bash
# Walls between machines, and between them and what the kernel shares out, on a stock kernel.
# shellcheck source=tests/vm/lib.sh
. "$(dirname "$0")/../lib.sh"

run_integration neighbours exhaust devices
