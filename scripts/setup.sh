#!/usr/bin/env bash
# Installs the Debian packages this project uses beyond Node.js, each only where it is missing.
#
#   scripts/setup.sh [--best-effort] [PACKAGE…]
#
# Without names: every package in the table below. It fails, naming the line that would help, when something is
# missing and cannot be installed here. With --best-effort it says so and succeeds, and never asks for a password.
set -euo pipefail

# What counts is that the thing itself is there, so each package is probed by what we use of it: a system that is not
# Debian but has all of them passes. /usr/bin/python3 is named in full because a `python3` earlier on the PATH (pyenv,
# conda) does not see Debian's modules.
is_there() {
  case "$1" in
    socat) command -v socat ;;
    u-boot-qemu) [ -s /usr/lib/u-boot/qemu_arm/u-boot.bin ] && [ -s /usr/lib/u-boot/qemu_arm64/u-boot.bin ] ;;
    python3) [ -x /usr/bin/python3 ] ;;
    spin) command -v spin ;;
    nats-server) command -v nats-server ;;
    # The report page is laid out and read back in it.
    chromium) [ -x /usr/bin/chromium ] ;;
    # The model checker writes a search in C, which is then compiled.
    gcc) command -v gcc ;;
    libc6-dev) [ -e /usr/include/stdio.h ] ;;
    python3-cryptography) /usr/bin/python3 -c 'import cryptography.hazmat.primitives.asymmetric.ec' ;;
    *)
      echo "setup: no such package in this project's list: $1" >&2
      exit 2
      ;;
  esac >/dev/null 2>&1 </dev/null
}

best_effort=no
if [ "${1:-}" = --best-effort ]; then
  best_effort=yes
  shift
fi
wanted=("$@")
[ ${#wanted[@]} -gt 0 ] || wanted=(socat u-boot-qemu python3 python3-cryptography spin gcc libc6-dev nats-server chromium)

find_missing() {
  missing=()
  local package
  for package in "${wanted[@]}"; do is_there "$package" || missing+=("$package"); done
}

# The way out, in the words a person can paste.
give_up() {
  local line="apt-get update && apt-get install -y --no-install-recommends ${missing[*]}"
  echo "setup: $1" >&2
  if [ "$best_effort" = yes ]; then
    echo "setup: going on without ${missing[*]}; to have it: sudo sh -c '$line'" >&2
    exit 0
  fi
  echo "setup: missing: ${missing[*]}. Install with: sudo sh -c '$line'" >&2
  exit 1
}

find_missing
if [ ${#missing[@]} -eq 0 ]; then
  echo "setup: nothing to install (${wanted[*]})"
  exit 0
fi

command -v apt-get >/dev/null || give_up 'apt-get is not here'
as_root=()
if [ "$(id -u)" -ne 0 ]; then
  command -v sudo >/dev/null || give_up 'not root, and sudo is not here'
  # Without a terminal nobody could answer a password prompt.
  if [ "$best_effort" = yes ] || [ ! -t 0 ]; then as_root=(sudo -n); else as_root=(sudo); fi
  "${as_root[@]}" true || give_up 'sudo refused'
fi

apt=("${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get -qq
  -o Dpkg::Use-Pty=0 -o DPkg::Lock::Timeout=120 -o Acquire::Retries=2 -o Acquire::http::Timeout=20)
echo "setup: installing ${missing[*]}"
# A package list that is absent or old names files that are gone from the mirror; only then is it fetched.
"${apt[@]}" install -y --no-install-recommends "${missing[@]}" </dev/null ||
  { "${apt[@]}" update </dev/null && "${apt[@]}" install -y --no-install-recommends "${missing[@]}" </dev/null; } ||
  give_up 'apt-get failed'

find_missing
[ ${#missing[@]} -eq 0 ] || give_up 'installed, and still not usable'
echo 'setup: done'
