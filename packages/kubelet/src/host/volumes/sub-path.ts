import { mkdir, realpath } from 'node:fs/promises';
import { join, sep } from 'node:path';
import { errorCode } from '@kubets/platform';
import { VolumeFault } from '../../errors.ts';

async function realOrUndefined(path: string): Promise<string | undefined> {
  try {
    return await realpath(path);
  } catch (error) {
    if (errorCode(error) === 'ENOENT') return undefined;
    throw error;
  }
}

/**
 * The host path of a part of a volume; a missing part is made as a folder. Links inside the volume are followed now and may not
 * lead out of it: the mounted path holds no link the container could change later.
 */
export async function resolveSubPath(root: string, subPath: string): Promise<string> {
  const parts = subPath.split('/').filter((part) => part !== '' && part !== '.');
  if (subPath.startsWith('/') || parts.includes('..')) {
    throw new VolumeFault(`subPath "${subPath}" must be a relative path without ..`);
  }
  const realRoot = await realpath(root);
  let at = realRoot;
  for (const part of parts) {
    const wanted = join(at, part);
    const existing = await realOrUndefined(wanted);
    if (existing === undefined) await mkdir(wanted, { mode: 0o755 });
    at = existing ?? wanted;
    if (at !== realRoot && !at.startsWith(realRoot + sep)) {
      throw new VolumeFault(`subPath "${subPath}" leads out of its volume`);
    }
  }
  return at;
}
