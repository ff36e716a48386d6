# shellcheck shell=bash
# What the tests against real processes share. To be sourced, with $root set to the top of the tree.
: "${root:?}"
predrill=$root/build/release/harness/predrill
lab=ci-$$
failures=0 successes=0

pass() { successes=$((successes + 1)) && printf 'passed  %s\n' "$*"; }
fail() { failures=$((failures + 1)) && printf 'FAILED  %s\n' "$*"; }
check() { if "${@:2}"; then pass "$1"; else fail "$1"; fi; }

# Says why and ends well where there can be no lab: that is no failure of the program.
need_lab() {
  local trial=predrill-ci-trial-$$
  if ((EUID != 0)); then
    why='network namespaces need root'
  elif ! ip netns add "$trial" 2>/dev/null; then
    why='this machine cannot make network namespaces'
  else
    ip netns del "$trial"
    install_packages live
    return
  fi
  printf 'not run: %s\n0 passed, 0 failed\n' "$why"
  exit 0
}

# No namespace, no process and no file of the lab.
nothing_left() {
  ! ip netns list | grep -q "^predrill-$lab-" &&
    [[ ! -e ${PREDRILL_LAB_DIR:-/var/tmp/predrill-labs}/$lab ]] &&
    ! grep -lsz "/[c]${lab#c}/" /proc/[0-9]*/cmdline | grep -q .  # not grep itself
}

finish() {
  "$predrill" lab down --name "$lab" >/dev/null 2>&1
  printf '%d passed, %d failed\n' "$successes" "$failures"
  ((failures == 0))
}
