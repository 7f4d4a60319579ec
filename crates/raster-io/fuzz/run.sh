#!/usr/bin/env bash
# Runs every target for so many seconds, from seeds that GDAL makes; ends non-zero on the first finding.
#   crates/raster-io/fuzz/run.sh [SECONDS]
# Needs no cargo-fuzz: coverage comes from the compiler, whose unstable flags RUSTC_BOOTSTRAP opens here alone.
set -euo pipefail
cd "$(dirname "$0")"
seconds=${1:-60}
corpus=target/corpus

export RUSTC_BOOTSTRAP=1
export RUSTFLAGS="--cfg fuzzing -Cpasses=sancov-module -Cllvm-args=-sanitizer-coverage-level=4 \
-Cllvm-args=-sanitizer-coverage-inline-8bit-counters -Cllvm-args=-sanitizer-coverage-pc-table \
-Cllvm-args=-sanitizer-coverage-trace-compares -Ccodegen-units=1"
# the flags hold for the targets, not for build scripts
cargo build --quiet --release --target "$(rustc -vV | sed -n 's/^host: //p')"
python3 seeds.py target/seeds
for target in tiff png jpeg jp2; do
    mkdir -p "$corpus/$target" target/findings
    echo "fuzzing $target for $seconds s"
    "target/$(rustc -vV | sed -n 's/^host: //p')/release/$target" -max_total_time="$seconds" -timeout=5 -rss_limit_mb=1024 \
        -max_len=8192 -print_final_stats=1 -artifact_prefix="target/findings/$target-" \
        "$corpus/$target" "target/seeds/$target" 2>&1 | tail -n 12
done
