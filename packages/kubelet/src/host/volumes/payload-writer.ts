/**
 * Writes a volume's files so that readers see all of one version or all of the next: files live in a dated folder, `..data` points
 * at it, and each visible name points through `..data`. Changing the one link changes everything at once.
 */
import {
  chmod,
  chown,
  mkdir,
  mkdtemp,
  readdir,
  readFile,
  readlink,
  rename,
  rm,
  stat,
  symlink,
  writeFile,
} from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { errorCode } from '@kubets/platform';
import type { Payload } from '../../core/payload.ts';

const DATA_LINK = '..data';
const ROOT = 0;
const GROUP_READ = 0o040;
const PERMISSIONS = 0o7777;

async function linkTarget(path: string): Promise<string | undefined> {
  try {
    return await readlink(path);
  } catch (error) {
    if (errorCode(error) === 'ENOENT') return undefined;
    throw error;
  }
}

const modeFor = (mode: number, gid: number | undefined): number =>
  gid === undefined ? mode : mode | GROUP_READ;

async function listFiles(dir: string): Promise<string[]> {
  const entries = await readdir(dir, { recursive: true, withFileTypes: true });
  return entries
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name).slice(dir.length + 1));
}

async function isCurrent(dir: string, payload: Payload, gid: number | undefined): Promise<boolean> {
  const present = await listFiles(dir);
  if (present.length !== payload.size) return false;
  for (const [path, { data, mode }] of payload) {
    if (!present.includes(path)) return false;
    const file = join(dir, path);
    const { mode: actual } = await stat(file);
    if ((actual & PERMISSIONS) !== modeFor(mode, gid)) return false;
    if (!data.equals(await readFile(file))) return false;
  }
  return true;
}

async function writeVersion(
  root: string,
  payload: Payload,
  gid: number | undefined,
): Promise<string> {
  const dir = await mkdtemp(join(root, '..version-'));
  await chmod(dir, 0o755);
  for (const [path, { data, mode, uid = ROOT }] of payload) {
    const file = join(dir, path);
    await mkdir(dirname(file), { recursive: true, mode: 0o755 });
    await writeFile(file, data);
    if (gid !== undefined || uid !== ROOT) await chown(file, uid, gid ?? ROOT);
    await chmod(file, modeFor(mode, gid));
  }
  return dir.slice(root.length + 1);
}

async function linkNames(root: string, payload: Payload): Promise<void> {
  const wanted = new Set([...payload.keys()].map((path) => path.split('/')[0] ?? path));
  for (const name of await readdir(root)) {
    if (!name.startsWith('..') && !wanted.has(name)) await rm(join(root, name), { force: true });
  }
  for (const name of wanted) {
    if ((await linkTarget(join(root, name))) === undefined) {
      await symlink(join(DATA_LINK, name), join(root, name));
    }
  }
}

/**
 * Makes the folder show exactly the payload.
 * @param gid files belong to this group and are readable for it, when given
 * @returns whether anything changed
 */
export async function writePayload(
  root: string,
  payload: Payload,
  gid: number | undefined,
): Promise<boolean> {
  await mkdir(root, { recursive: true, mode: 0o755 });
  const before = await linkTarget(join(root, DATA_LINK));
  if (before !== undefined && (await isCurrent(join(root, before), payload, gid))) return false;
  const version = await writeVersion(root, payload, gid);
  const draft = join(root, '..data_tmp');
  await rm(draft, { force: true });
  await symlink(version, draft);
  await rename(draft, join(root, DATA_LINK));
  await linkNames(root, payload);
  if (before !== undefined) await rm(join(root, before), { recursive: true, force: true });
  return true;
}
