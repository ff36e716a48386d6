# shellcheck shell=bash
# The builds whose results are compared by tests/determinism/run and tests/identity/run. To be
# sourced after .ci/lib.sh.

declare -A compilers=([gcc]=g++ [clang]=clang++-16)
# What a variable holds that nobody has set must not matter either.
declare -A levels=(
  [O0]='-O0 -ftrivial-auto-var-init=pattern'
  [O2]='-O2 -ftrivial-auto-var-init=zero'
  [O3-native]='-O3 -march=native'
)

# build_variant COMPILER LEVEL TARGET: in build/determinism/COMPILER-LEVEL.
build_variant() {
  local variant=determinism/$1-$2
  if ! preset=release configure "$variant" -DCMAKE_CXX_COMPILER="${compilers[$1]}" \
    -DCMAKE_CXX_FLAGS_RELEASE="${levels[$2]}" -DPREDRILL_TESTS=ON -DPREDRILL_BENCH=OFF ||
    ! build "$variant" "$3"; then
    give_up "$variant does not build (see above)"
  fi
}
