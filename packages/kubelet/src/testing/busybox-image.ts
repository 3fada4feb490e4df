/** A test image made of nothing but a static busybox. */
import { createHash } from 'node:crypto';
import { tarArchive, tarDirectory, tarFile } from '../pause/tar.ts';

export const TEST_IMAGE = 'kubets.test/busybox:1';

const sha256 = (data: Buffer): string => createHash('sha256').update(data).digest('hex');
const APPLETS = [
  'sh',
  'cat',
  'echo',
  'sleep',
  'true',
  'false',
  'ls',
  'id',
  'nc',
  'httpd',
  'stty',
  'wc',
  'env',
  'hostname',
  'touch',
  'test',
  'readlink',
  'head',
  'kill',
  'trap',
  'seq',
  'ps',
  'dd',
];

/** @param busybox the program, statically linked */
export function busyboxImageTar(busybox: Buffer): Buffer {
  const program = (name: string): Buffer => tarFile(`bin/${name}`, busybox, 0o755);
  const scripts = APPLETS.filter((name) => name !== 'sh').map((name) =>
    tarFile(
      `bin/${name}`,
      Buffer.from(`#!/bin/busybox sh\nexec /bin/busybox ${name} "$@"\n`),
      0o755,
    ),
  );
  const passwd = tarFile('etc/passwd', Buffer.from('root:x:0:0:root:/:/bin/sh\n'), 0o644);
  const folders = ['bin/', 'etc/', 'tmp/', 'proc/', 'sys/', 'dev/', 'www/'].map(tarDirectory);
  const layer = tarArchive([...folders, program('busybox'), program('sh'), ...scripts, passwd]);
  const config = Buffer.from(
    JSON.stringify({
      architecture: process.arch === 'arm64' ? 'arm64' : 'amd64',
      os: 'linux',
      config: { Env: ['PATH=/bin'], Cmd: ['sh'] },
      rootfs: { type: 'layers', diff_ids: [`sha256:${sha256(layer)}`] },
    }),
  );
  const name = `${sha256(config)}.json`;
  const manifest = [{ Config: name, RepoTags: [TEST_IMAGE], Layers: ['layer.tar'] }];
  return tarArchive([
    tarFile(name, config, 0o644),
    tarFile('layer.tar', layer, 0o644),
    tarFile('manifest.json', Buffer.from(JSON.stringify(manifest)), 0o644),
  ]);
}
