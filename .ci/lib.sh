# shellcheck shell=bash
# What the scripts of this tree share: packages, configuring, building. To be sourced, with $root
# set to the top of the tree and $me to the name that messages start with, on standard error.
: "${root:?}" "${me:?}"

# The status of an internal error (see the program's help): one of these scripts could not do its
# work. Never 1, which says that an objective was missed.
broken=70

# A copy of this tree, a fresh clone for one, takes what ccache keeps of another.
export CCACHE_BASEDIR=$root CCACHE_NOHASHDIR=1

say() { printf '%s: %s\n' "$me" "$*" >&2; }
give_up() { progress_end; say "$@"; exit "$broken"; }

# A line that overwrites itself, on a terminal only.
progress() { if [[ -t 2 ]]; then printf '\r\e[K%s: %.*s' "$me" 70 "$*" >&2; fi; }
progress_end() { if [[ -t 2 ]]; then printf '\r\e[K' >&2; fi; }

# How many things to do at a time.
at_a_time() { printf '%s\n' "${CMAKE_BUILD_PARALLEL_LEVEL:-$(nproc)}"; }

# The names of the packages of some groups of .ci/packages.
packages() {
  local line name wanted=0
  while IFS= read -r line; do
    line=${line%%#*}
    name=${line%%[[:space:]]*}
    case $name in
      '') ;;
      '['*']')
        wanted=0
        if [[ " $* " == *" ${name:1:-1} "* ]]; then wanted=1; fi ;;
      *) if ((wanted)); then printf '%s\n' "$name"; fi ;;
    esac
  done <"$root/.ci/packages"
}

# Installs what is missing of some groups. Without the rights for that, says what to install. Where
# there is no dpkg, it is for CMake to find out what is missing.
install_packages() {
  command -v dpkg-query >/dev/null || return 0
  local name installed missing=() as_root=()
  # shellcheck disable=SC2016  # the format is dpkg's
  installed=$(packages "$@" |
    xargs dpkg-query -W -f '${db:Status-Status} ${Package}\n' 2>/dev/null) ||
    true  # some are unknown to it
  while IFS= read -r name; do
    if ! grep -qxF "installed $name" <<<"$installed"; then missing+=("$name"); fi
  done < <(packages "$@")
  ((${#missing[@]})) || return 0

  if ((EUID != 0)); then
    if command -v sudo >/dev/null && { sudo -n true 2>/dev/null || [[ -t 0 && -t 2 ]]; }; then
      as_root=(sudo)
    else
      say "these Debian packages are missing: ${missing[*]}"
      say "install them as root with: apt-get install --no-install-recommends ${missing[*]}"
      exit "$broken"
    fi
  fi
  say "installing ${missing[*]}"
  local log
  log=$(mktemp)
  local apt=("${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get -q -o Dpkg::Use-Pty=0
    -o Acquire::Retries=3 -o DPkg::Lock::Timeout=600)
  # A failed update is not the end: the lists may be there already.
  "${apt[@]}" update </dev/null >"$log" 2>&1 || say "apt-get update failed, trying without it"
  if [[ " $* " == *' live '* ]]; then forbid_services; fi
  if ! "${apt[@]}" install -y --no-install-recommends "${missing[@]}" </dev/null >>"$log" 2>&1; then
    cat "$log" >&2
    rm -f "$log"
    allow_services
    give_up "the packages could not be installed (see above): ${missing[*]}"
  fi
  allow_services
  rm -f "$log"
}

# Packages of servers start them, now and at each boot; a lab has processes of its own. Whatever is
# put in place for that is gone afterwards. Both use $as_root and $missing of install_packages.
policy=/usr/sbin/policy-rc.d no_main=/etc/postgresql-common/createcluster.d/predrill.conf
forbidden=()
forbid_services() {
  if [[ ! -e $policy ]]; then
    printf '#!/bin/sh\nexit 101\n' | "${as_root[@]}" tee "$policy" >/dev/null
    "${as_root[@]}" chmod 755 "$policy"
    forbidden+=("$policy")
  fi
  "${as_root[@]}" mkdir -p "${no_main%/*}"
  printf 'create_main_cluster = false\n' | "${as_root[@]}" tee "$no_main" >/dev/null
  forbidden+=("$no_main")
}
allow_services() {
  ((${#forbidden[@]})) || return 0
  "${as_root[@]}" rm -f "${forbidden[@]}"
  forbidden=()
  local name
  command -v systemctl >/dev/null || return 0
  for name in "${missing[@]}"; do
    case $name in
      etcd-server | haproxy | pgbouncer | patroni)
        "${as_root[@]}" systemctl disable -q "${name%-server}" 2>/dev/null || true ;;
    esac
  done
}

# Lets one process at a time configure and build; the others wait. The lock goes with the process.
lock_build() {
  if ! { mkdir -p "$root/build" && : >>"$root/build/.lock"; } 2>/dev/null; then
    give_up "cannot write to $root/build, where the program is built"
  fi
  exec 9>>"$root/build/.lock"
  if ! flock -n 9; then
    say "waiting for another build of this tree"
    flock 9
  fi
}
unlock_build() { exec 9>&-; }

# configure NAME [CMAKE ARGUMENT...]: build/NAME, after the preset of that name or $preset.
configure() {
  local dir=$root/build/$1 home='' command=(cmake --preset "${preset:-$1}" -B "$root/build/$1"
    -DPREDRILL_UNITY=ON)
  shift
  # A tree that was moved or copied with its build folder cannot use it.
  if [[ -f $dir/CMakeCache.txt ]]; then
    home=$(sed -n 's/^CMAKE_HOME_DIRECTORY:INTERNAL=//p' "$dir/CMakeCache.txt")
    if [[ $home != "$root" ]]; then rm -rf "$dir"; fi
  fi
  mkdir -p "$dir"
  progress "configuring ${dir#"$root/"}"
  # Half a configuration, left by an interruption, is the reason for the second attempt.
  (cd "$root" && "${command[@]}" "$@") >"$dir/configure.log" 2>&1 ||
    (cd "$root" && "${command[@]}" --fresh "$@") >"$dir/configure.log" 2>&1 || {
      progress_end
      cat "$dir/configure.log" >&2
      return 1
    }
}

# build NAME TARGET: shows the output of the compilers only if they fail, all of them.
build() {
  local dir=$root/build/$1 status=0 line
  cmake --build "$dir" --target "$2" -j "$(at_a_time)" -- -k 0 2>&1 </dev/null |
    while IFS= read -r line; do
      printf '%s\n' "$line"
      progress "${line/#\[/building [}"
    done >"$dir/build.log" || status=1
  progress_end
  if ((status)); then grep -vE '^\[[0-9]+/[0-9]+\] [BGL]' "$dir/build.log" >&2; fi
  return $status
}

# Fetches the chart library of the HTML report into build/npm, in the versions and with the sums
# of harness/report/web/package-lock.json; with --include=dev also what its test needs, with
# --omit=dev that alone. Once is enough. False without npm.
charts=$root/build/npm/node_modules/echarts/dist/echarts.min.js
fetch_charts() {
  local web=$root/harness/report/web npm=$root/build/npm
  if [[ -f $charts ]] && cmp -s "$web/package-lock.json" "$npm/package-lock.json" &&
    [[ $1 == --omit=dev || -d $npm/node_modules/axe-core ]]; then return 0; fi
  command -v npm >/dev/null || return 1
  mkdir -p "$npm"
  cp "$web"/package{,-lock}.json "$npm/"
  (cd "$npm" && npm ci "$1" --ignore-scripts --no-audit --no-fund) \
    >"$root/build/npm.log" 2>&1 </dev/null
}
