/** Configuration of a private containerd: nothing of the host's own instance is read or touched. Pure. */
import { join } from 'node:path';
import { PAUSE_IMAGE } from '../pause/image.ts';

export interface ContainerdOptions {
  /** Data that survives a reboot: images, container file systems. */
  readonly rootDir: string;
  /** Sockets and state of the running instance; under /run, and short: socket paths end at 107 bytes. */
  readonly runDir: string;
  readonly cniConfDir: string;
  readonly cniBinDir: string;
  readonly snapshotter: 'overlayfs' | 'native';
  /** Needed where CAP_SYS_RESOURCE is missing: without it no sandbox starts there. */
  readonly restrictOomScoreAdj: boolean;
}

export interface ContainerdPaths {
  readonly root: string;
  readonly state: string;
  readonly socket: string;
  readonly configFile: string;
}

/** Where a private instance keeps its things. */
export function containerdPaths(
  options: Pick<ContainerdOptions, 'rootDir' | 'runDir'>,
): ContainerdPaths {
  return {
    root: join(options.rootDir, 'containerd'),
    state: join(options.runDir, 'state'),
    socket: join(options.runDir, 'containerd.sock'),
    configFile: join(options.rootDir, 'containerd.toml'),
  };
}

/** A TOML basic string. */
const quote = (text: string): string => JSON.stringify(text);

/** The text of `config.toml` (format 2: understood by containerd 1.5 to 2.x). */
export function containerdConfig(options: ContainerdOptions): string {
  const { root, state, socket } = containerdPaths(options);
  return `# Written by kubets for its private containerd; changes are overwritten at the next start.
version = 2
root = ${quote(root)}
state = ${quote(state)}

[grpc]
  address = ${quote(socket)}

[plugins."io.containerd.internal.v1.opt"]
  path = ${quote(join(options.rootDir, 'opt'))}

[plugins."io.containerd.grpc.v1.cri"]
  sandbox_image = ${quote(PAUSE_IMAGE)}
  restrict_oom_score_adj = ${options.restrictOomScoreAdj}
  stream_server_address = "127.0.0.1"
  stream_server_port = "0"
  enable_selinux = false

  [plugins."io.containerd.grpc.v1.cri".cni]
    bin_dir = ${quote(options.cniBinDir)}
    conf_dir = ${quote(options.cniConfDir)}
    max_conf_num = 1

  [plugins."io.containerd.grpc.v1.cri".containerd]
    snapshotter = ${quote(options.snapshotter)}
    default_runtime_name = "runc"

    [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc]
      runtime_type = "io.containerd.runc.v2"

      [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc.options]
        SystemdCgroup = false
`;
}

/** Arguments of the containerd binary. */
export function containerdArgs(options: Pick<ContainerdOptions, 'rootDir' | 'runDir'>): string[] {
  return ['--config', containerdPaths(options).configFile, '--log-level', 'warn'];
}
