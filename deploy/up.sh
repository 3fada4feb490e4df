#!/bin/sh
# A cluster on this machine by one command: builds the images if they are missing or their sources have changed, starts
# deploy/compose.yaml, waits until nodes are Ready, writes the kubeconfig. Arguments go to `docker compose up`, such as `--scale node=5`.
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

# One number for everything an image is made of: the sources (no tests, no docs), the lock file, the base.
sources() {
  {
    find "$root/package-lock.json" "$root/proto" "$root/packages" "$here/Dockerfile" "$here/image" "$here/select-files.js" \
      -type f ! -name '*.test.ts' ! -name '*.md' ! -path '*/testdata/*' ! -path '*/node_modules/*' -print0 |
      LC_ALL=C sort -z | xargs -0 sha256sum | sed "s#$root/##"
    for base in "${BASE:-}" "${NODE_BASE:-}"; do docker image inspect --format '{{.Id}}' "$base" 2>/dev/null || echo "$base"; done
  } | sha256sum | cut -c 1-16
}
label=kubets.sources
made_of() { docker image inspect --format "{{index .Config.Labels \"$label\"}}" "$1"; }

# TARGET IMAGE NAMED-BY-THE-USER. An image of ours is made when it is missing or its sources have changed.
build() {
  if has "$2" && [ "${KUBETS_BUILD:-}" != 1 ]; then
    # An image from elsewhere is taken as it is.
    if [ -n "$3" ] || [ "$(made_of "$2")" = "$present" ]; then return; fi
    if [ "${KUBETS_BUILD:-}" = 0 ]; then
      echo "up.sh: $2 is older than the sources here; used all the same, because KUBETS_BUILD=0" >&2
      return
    fi
    echo "up.sh: $2 is not made of the sources here; making it anew (KUBETS_BUILD=0 uses it as it is)" >&2
  fi
  docker build -f "$here/Dockerfile" --target "$1" -t "$2" --label "$label=$present" ${BASE:+--build-arg BASE="$BASE"} \
    ${NODE_BASE:+--build-arg NODE_BASE="$NODE_BASE"} "$root"
}

[ -x "$root/node_modules/.bin/node" ] || { echo 'up.sh: run "npm install" first' >&2; exit 1; }
present=$(sources)
build control "${KUBETS_IMAGE:-kubets:local}" "${KUBETS_IMAGE:-}"
build node "${KUBETS_NODE_IMAGE:-kubets-node:local}" "${KUBETS_NODE_IMAGE:-}"
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
nodes() {
  docker ps -q --filter "label=com.docker.compose.project=$COMPOSE_PROJECT_NAME" --filter label=com.docker.compose.service=node "$@"
}
wanted=$(nodes | wc -l)
# A node container is healthy once its kubelet has registered a node that is Ready.
tries=0
until [ "$(nodes --filter health=healthy | wc -l)" -ge "$wanted" ]; do
  tries=$((tries + 1))
  [ "$tries" -lt 300 ] || { echo "up.sh: nodes are not Ready; see \"$compose logs node\"" >&2; exit 1; }
  sleep 1
done
echo "The cluster is ready, $wanted nodes: export KUBECONFIG=$kubeconfig"
