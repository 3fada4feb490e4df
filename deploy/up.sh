#!/bin/sh
# A cluster on this machine by one command: builds the images if they are missing, starts deploy/compose.yaml, waits until nodes are
# Ready, writes the kubeconfig. Arguments go to `docker compose up`, such as `--scale node=5`.
#
#   deploy/up.sh [ARGUMENTS OF docker compose up]
set -eu

here=$(cd "$(dirname "$0")" && pwd)
root=$(dirname "$here")
if docker compose version >/dev/null 2>&1; then compose='docker compose'; else compose=docker-compose; fi
export COMPOSE_PROJECT_NAME="${COMPOSE_PROJECT_NAME:-kubets}"
kubeconfig=${KUBETS_KUBECONFIG:-$root/.kubets/compose.kubeconfig}

has() { docker image inspect "$1" >/dev/null 2>&1; }

# A base made by deploy/local-base.sh is taken where there is one: such a machine has no registry.
if has kubets-base:local; then
  BASE=${BASE:-kubets-base:local}
  NODE_BASE=${NODE_BASE:-kubets-node-base:local}
fi
if has haproxy:local; then export HAPROXY_IMAGE="${HAPROXY_IMAGE:-haproxy:local}"; fi

build() {
  has "$2" && [ -z "${KUBETS_BUILD:-}" ] && return
  docker build -f "$here/Dockerfile" --target "$1" -t "$2" ${BASE:+--build-arg BASE="$BASE"} \
    ${NODE_BASE:+--build-arg NODE_BASE="$NODE_BASE"} "$root"
}

[ -x "$root/node_modules/.bin/node" ] || { echo 'up.sh: run "npm install" first' >&2; exit 1; }
build control "${KUBETS_IMAGE:-kubets:local}"
build node "${KUBETS_NODE_IMAGE:-kubets-node:local}"
cd "$here"
$compose up -d "$@"

mkdir -p "$(dirname "$kubeconfig")"
tries=0
until id=$($compose ps -q apiserver-1) && docker cp "$id:/etc/kubets/kubeconfig" "$kubeconfig" 2>/dev/null; do
  tries=$((tries + 1))
  [ "$tries" -lt 60 ] || { echo 'up.sh: no kubeconfig; see "docker compose logs setup"' >&2; exit 1; }
  sleep 1
done
chmod 600 "$kubeconfig"
wanted=$($compose ps -q node | wc -l)
# A node container is healthy once its kubelet has registered a node that is Ready.
ready() {
  for id in $($compose ps -q node); do docker inspect --format '{{.State.Health.Status}}' "$id"; done | grep -c '^healthy$' || true
}
tries=0
until [ "$(ready)" -ge "$wanted" ]; do
  tries=$((tries + 1))
  [ "$tries" -lt 120 ] || { echo "up.sh: nodes are not Ready; see \"$compose logs node\"" >&2; exit 1; }
  sleep 1
done
echo "The cluster is ready, $wanted nodes: export KUBECONFIG=$kubeconfig"
