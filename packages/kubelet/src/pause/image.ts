/** The pause image as a docker archive, made at run time from {@link pauseElf}; the same bytes every time. */
import { createHash } from 'node:crypto';
import { type PauseArch, pauseElf } from './elf.ts';
import { tarArchive, tarDirectory, tarFile } from './tar.ts';

/** The sandbox image's name; the trailing number grows when its content changes. */
export const PAUSE_IMAGE = 'kubets.local/pause:1';

const EPOCH = '2020-01-01T00:00:00Z';
const EXECUTABLE = 0o755;
const PLAIN = 0o644;

const sha256 = (data: Buffer): string => createHash('sha256').update(data).digest('hex');

/** Node's name of an architecture → an image's. Undefined: there is no pause program for it. */
export function pauseArch(nodeArch: string): PauseArch | undefined {
  if (nodeArch === 'x64') return 'amd64';
  return nodeArch === 'arm64' ? 'arm64' : undefined;
}

/** A tar that `docker load` and `ctr images import` accept. */
export function pauseImageTar(arch: PauseArch): Buffer {
  const layer = tarArchive([tarFile('pause', pauseElf(arch), EXECUTABLE)]);
  const config = Buffer.from(
    JSON.stringify({
      architecture: arch,
      os: 'linux',
      created: EPOCH,
      config: { Entrypoint: ['/pause'], User: '65535:65535' },
      rootfs: { type: 'layers', diff_ids: [`sha256:${sha256(layer)}`] },
      history: [{ created: EPOCH, comment: 'kubets pause' }],
    }),
  );
  const configName = `${sha256(config)}.json`;
  const manifest = [{ Config: configName, RepoTags: [PAUSE_IMAGE], Layers: ['layer/layer.tar'] }];
  return tarArchive([
    tarFile(configName, config, PLAIN),
    tarDirectory('layer/'),
    tarFile('layer/layer.tar', layer, PLAIN),
    tarFile('manifest.json', Buffer.from(JSON.stringify(manifest)), PLAIN),
  ]);
}
