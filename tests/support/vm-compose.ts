/**
 * `deploy/vm/compose.yaml` on container hosts, each with a Docker daemon of its own. In place of the built image there is an empty one
 * with the host's `/usr` and the sources mounted into it, by a second compose file.
 */
import { join } from 'node:path';
import type { ContainerHosts, HostOptions } from './container-hosts.ts';
import { needProgram } from './shell.ts';

const IMAGE = 'kubets-node:local';
const OVERRIDE = {
  version: '3.8',
  services: {
    kubets: {
      environment: { KUBETS_DATA_DIR: '/var/lib/kubets' },
      volumes: [
        ...['/usr:/usr:ro', '/etc/alternatives:/etc/alternatives:ro'],
        ...['/opt/kubets:/opt/kubets:ro', '/opt/kubets/deploy/image:/opt/kubets/bin:ro'],
      ],
    },
  },
};

/** `docker compose` by Debian's docker-compose, with the second file, and without a terminal. */
const PLUGIN = `#!/bin/bash
if [ "$1" = docker-cli-plugin-metadata ]; then
  echo '{"SchemaVersion":"0.1.0","Vendor":"test","Version":"1.29"}'
  exit
fi
[ "$1" = compose ] && shift
words=("$1" "$2" -f /root/override.json "$3")
[ "$3" = exec ] && words+=(-T)
exec docker-compose "\${words[@]}" "\${@:4}"
`;

/** A fresh host with Docker and the image, as the guide wants it. */
export async function addComposeHost(
  hosts: ContainerHosts,
  name: string,
  options: HostOptions,
): Promise<void> {
  await needProgram('docker-compose', 'docker-compose');
  await hosts.add(name, options);
  await hosts.must(name, 'git clone -q /source.git /opt/kubets && systemctl enable --now docker');
  await hosts.copyTree(name, '/opt/kubets/node_modules');
  // As the Dockerfile does; it leads somewhere within the container only.
  await hosts.must(name, 'ln -sf /opt/kubets/bin/kubets /usr/local/bin/kubets');
  const override = hosts.file('override.json', JSON.stringify(OVERRIDE));
  const plugin = hosts.file('plugin', PLUGIN);
  await hosts.copy(override, name, '/root/override.json');
  await hosts.must(name, 'mkdir -p /root/.docker/cli-plugins');
  await hosts.copy(plugin, name, '/root/.docker/cli-plugins/docker-compose');
  await hosts.must(name, 'chmod +x /root/.docker/cli-plugins/docker-compose');
  await hosts.copy(join(hosts.dir, 'image.tar'), name, '/root/image.tar');
  await hosts.must(name, `docker import /root/image.tar ${IMAGE}`);
}
