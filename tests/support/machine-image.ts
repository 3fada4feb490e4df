/**
 * An image without a registry: the folders of a Debian with nothing in them. Whoever runs it mounts the machine's own `/usr` into it.
 */
import { mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { must } from './shell.ts';

const BUILD_MS = 120_000;
const FOLDERS = [
  ...[
    'usr',
    'etc/alternatives',
    'etc/kubets',
    'etc/ssl',
    'opt/kubets',
    'tmp',
    'run',
    'dev',
    'proc',
  ],
  // Docker puts its init into /sbin; programs are found in /usr/sbin.
  ...['sbin', 'sys', 'root', 'var/lib/kubets', 'var/lib/cni'],
];
const FILES: Readonly<Record<string, string>> = {
  'etc/os-release': 'ID=debian\n',
  'etc/passwd': 'root:x:0:0:root:/root:/bin/sh\n',
  'etc/nsswitch.conf': 'hosts: files dns\n',
};

export interface MachineImageOptions {
  /** A folder of its own for what it is made of. */
  readonly dir: string;
  readonly name: string;
  readonly dockerHost: string;
  /** Further files, by path; those of {@link FILES} may be others. */
  readonly files?: Readonly<Record<string, string>>;
}

/** Makes the image and loads it into the daemon. */
export async function importMachineImage(o: MachineImageOptions): Promise<void> {
  const tree = join(o.dir, 'tree');
  for (const folder of FOLDERS) mkdirSync(join(tree, folder), { recursive: true, mode: 0o755 });
  for (const name of ['bin', 'lib', 'lib64']) symlinkSync(`usr/${name}`, join(tree, name));
  symlinkSync('../run', join(tree, 'var/run'));
  for (const [path, content] of Object.entries({ ...FILES, ...o.files })) {
    mkdirSync(join(tree, path, '..'), { recursive: true, mode: 0o755 });
    writeFileSync(join(tree, path), content);
  }
  const tar = join(o.dir, 'image.tar');
  await must('tar', ['-C', tree, '--owner=0', '--group=0', '-cf', tar, '.']);
  const env = { DOCKER_HOST: o.dockerHost };
  await must('docker', ['import', tar, o.name], { env, timeoutMs: BUILD_MS });
}
