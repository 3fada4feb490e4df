/** An image made of nothing but a static busybox: no registry is needed. */
import { createHash } from 'node:crypto';
import { readFileSync, writeFileSync } from 'node:fs';
import { tarArchive, tarDirectory, tarFile } from '../../packages/kubelet/src/pause/tar.ts';
import { needProgram } from './shell.ts';

export const BUSYBOX_IMAGE = 'docker.io/library/busybox:latest';

const EXECUTABLE = 0o755;
const PLAIN = 0o644;
const sha256 = (data: Buffer): string => createHash('sha256').update(data).digest('hex');

export interface ImageOptions {
  /** The image's name with its tag. */
  readonly tag?: string;
  /** Programs that have a name of their own besides `sh`. */
  readonly applets?: readonly string[];
}

/** Writes a docker-archive. Applets run as `busybox NAME …`; `sh` has a name of its own. */
export async function writeBusyboxImage(file: string, o: ImageOptions = {}): Promise<void> {
  await needProgram('busybox', 'busybox-static');
  const busybox = readFileSync('/bin/busybox');
  const directories = ['bin/', 'etc/', 'tmp/', 'var/', 'proc/', 'sys/', 'dev/', 'www/'];
  const layer = tarArchive([
    ...directories.map((name) => tarDirectory(name)),
    tarFile('bin/busybox', busybox, EXECUTABLE),
    ...['sh', ...(o.applets ?? [])].map((name) => tarFile(`bin/${name}`, busybox, EXECUTABLE)),
    tarFile('etc/passwd', Buffer.from('root:x:0:0:root:/:/bin/sh\n'), PLAIN),
  ]);
  const config = Buffer.from(
    JSON.stringify({
      architecture: process.arch === 'arm64' ? 'arm64' : 'amd64',
      os: 'linux',
      config: { Env: ['PATH=/bin'], Cmd: ['sh'] },
      rootfs: { type: 'layers', diff_ids: [`sha256:${sha256(layer)}`] },
    }),
  );
  const name = `${sha256(config)}.json`;
  const manifest = [
    { Config: name, RepoTags: [o.tag ?? BUSYBOX_IMAGE], Layers: ['layer/layer.tar'] },
  ];
  const archive = tarArchive([
    tarFile(name, config, PLAIN),
    tarDirectory('layer/'),
    tarFile('layer/layer.tar', layer, PLAIN),
    tarFile('manifest.json', Buffer.from(JSON.stringify(manifest)), PLAIN),
  ]);
  writeFileSync(file, archive);
}
