#!/bin/sh
# Base images for machines that reach a Debian mirror but no image registry: makes them with debootstrap and loads them into
# Docker as kubets-base:local, kubets-node-base:local and haproxy:local. Needs root, debootstrap and a running dockerd.
#
#   deploy/local-base.sh [MIRROR]
set -eu

SUITE=bookworm
MIRROR=${1:-${DEBIAN_MIRROR:-http://deb.debian.org/debian}}
NODE_PACKAGES=containerd,runc,containernetworking-plugins,iptables,nftables,iproute2,iputils-arping,kmod,conntrack,mount
WORK=$(mktemp -d "${TMPDIR:-/tmp}/kubets-base.XXXXXX")
trap 'rm -rf "$WORK"' EXIT

# What no container of ours reads.
trim() {
  rm -rf "$1"/usr/share/doc/* "$1"/usr/share/man/* "$1"/usr/share/locale/* "$1"/usr/share/info/* \
    "$1"/usr/share/zoneinfo/* "$1"/var/cache/apt/* "$1"/var/lib/apt/lists/* "$1"/var/log/* "$1"/var/cache/debconf/*
}

# NAME PACKAGES: one tree, one image.
make() {
  tree="$WORK/$(echo "$1" | tr ':' '-')"
  echo "making $1 …" >&2
  debootstrap --variant=minbase ${2:+--include="$2"} "$SUITE" "$tree" "$MIRROR" >"$WORK/log" 2>&1 ||
    { tail -5 "$WORK/log" >&2; exit 1; }
  trim "$tree"
  tar -C "$tree" --numeric-owner --exclude=./dev/* --exclude=./proc/* --exclude=./sys/* -c . |
    docker import --change 'CMD ["/bin/bash"]' - "$1" >/dev/null
  rm -rf "$tree"
}

make kubets-base:local ''
make kubets-node-base:local "$NODE_PACKAGES"
make haproxy:local haproxy
docker images --format '{{.Repository}}:{{.Tag}} {{.Size}}' | grep -E '^(kubets-(node-)?base|haproxy):local' >&2
