#!/bin/sh
# Cargo's wrapper around the compiler for our own crates (RUSTC_WORKSPACE_WRAPPER): counters for libFuzzer, and code
# that is fast enough to be fuzzed, for what is fuzzed. The flags are stable ones. Dependencies are left as they are,
# so that nothing of what is built already is built again.
case " $* " in
*" --crate-name sentinel_proto "* | *" --crate-name sovereign_gate "* | *" --crate-name sovereign_fuzz "*) ;;
*) exec "$@" ;;
esac
exec "$@" \
  -Cpasses=sancov-module \
  -Cllvm-args=-sanitizer-coverage-level=4 \
  -Cllvm-args=-sanitizer-coverage-inline-8bit-counters \
  -Cllvm-args=-sanitizer-coverage-pc-table \
  -Cllvm-args=-sanitizer-coverage-trace-compares \
  -Ccodegen-units=1 \
  -Copt-level=2
