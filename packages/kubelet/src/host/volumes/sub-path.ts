import { chmod, mkdir, realpath, stat } from 'node:fs/promises';
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

const PERMISSIONS = 0o7777;

/**
 * The host path of a part of a volume; a missing part is made as a folder with the volume's own permissions: who may write to the
 * one may write to the other. Links inside the volume are followed now and may not
 * lead out of it: the mounted path holds no link the container could change later.
 */
export async function resolveSubPath(root: string, subPath: string): Promise<string> {
  const parts = subPath.split('/').filter((part) => part !== '' && part !== '.');
  if (subPath.startsWith('/')) {
    throw new VolumeFault(`error SubPath \`${subPath}\` must not be an absolute path`);
  }
  if (parts.includes('..')) {
    throw new VolumeFault(`unable to provision SubPath \`${subPath}\`: must not contain '..'`);
  }
  const realRoot = await realpath(root);
  let at = realRoot;
  for (const part of parts) {
    const wanted = join(at, part);
    const existing = await realOrUndefined(wanted);
    if (existing === undefined) await makeLike(realRoot, wanted);
    at = existing ?? wanted;
    if (at !== realRoot && !at.startsWith(realRoot + sep)) {
      throw new VolumeFault(`subPath "${subPath}" leads out of its volume`);
    }
  }
  return at;
}

async function makeLike(root: string, dir: string): Promise<void> {
  const { mode } = await stat(root);
  await mkdir(dir);
  await chmod(dir, mode & PERMISSIONS); // The umask does not count.
}
