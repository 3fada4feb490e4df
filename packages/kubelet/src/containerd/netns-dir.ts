/** The folder network namespaces are named in, made ready before the first of them. */
import { execFileSync } from 'node:child_process';
import { mkdirSync, readdirSync, readFileSync } from 'node:fs';

export const NETNS_DIR = '/run/netns';

/** Whether `dir` is a mount point of its own, by the text of `/proc/self/mountinfo`. */
export function isMountPoint(dir: string, mountinfo: string): boolean {
  return mountinfo.split('\n').some((line) => line.split(' ')[4] === dir);
}

/**
 * Mounts the folder over itself and shares it, as `ip netns add` does when it is first used on a machine. Were that left to it,
 * the mounts of namespaces made before would be copied on top of themselves: undoing one then uncovers the other, its file
 * stays busy, and the sandbox it belongs to can be neither looked at nor removed.
 * Needs the right to mount. Does nothing where it has been done.
 */
export function shareNetnsDir(dir = NETNS_DIR): void {
  mkdirSync(dir, { recursive: true, mode: 0o755 });
  if (isMountPoint(dir, readFileSync('/proc/self/mountinfo', 'utf8'))) return;
  execFileSync('mount', ['--rbind', dir, dir], { stdio: 'ignore' });
  execFileSync('mount', ['--make-rshared', dir], { stdio: 'ignore' });
}

/** Takes {@link shareNetnsDir} back once no namespace is named there; whoever names the next one mounts it again. */
export function unshareNetnsDir(dir = NETNS_DIR): void {
  if (!isMountPoint(dir, readFileSync('/proc/self/mountinfo', 'utf8'))) return;
  if (readdirSync(dir).length > 0) return;
  execFileSync('umount', ['-l', dir], { stdio: 'ignore' });
}
