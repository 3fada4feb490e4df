/** What this machine allows: decides how the private containerd is configured. */
import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';

const CAP_SYS_RESOURCE = 24n;

/** Whether this process may lower OOM scores; false also where it cannot be told. */
export function hasSysResource(statusFile = '/proc/self/status'): boolean {
  if (!existsSync(statusFile)) return false;
  const found = /^CapEff:\s*([0-9a-f]+)$/m.exec(readFileSync(statusFile, 'utf8'));
  return found?.[1] !== undefined && (BigInt(`0x${found[1]}`) & (1n << CAP_SYS_RESOURCE)) !== 0n;
}

/**
 * Tries an overlay mount below `dir`: it fails on file systems that cannot carry one, such as another overlay.
 * @param dir made if needed; nothing stays in it
 */
export function detectSnapshotter(dir: string): 'overlayfs' | 'native' {
  mkdirSync(dir, { recursive: true });
  const probe = mkdtempSync(join(dir, '.overlay-probe-'));
  const part = (name: string): string => {
    mkdirSync(join(probe, name));
    return join(probe, name);
  };
  const [lower, upper, work, merged] = [part('lower'), part('upper'), part('work'), part('merged')];
  try {
    const layers = `lowerdir=${lower},upperdir=${upper},workdir=${work}`;
    execFileSync('mount', ['-t', 'overlay', 'overlay', '-o', layers, merged], { stdio: 'ignore' });
    execFileSync('umount', [merged], { stdio: 'ignore' });
    return 'overlayfs';
  } catch {
    return 'native'; // No right or no support: copies work everywhere.
  } finally {
    rmSync(probe, { recursive: true, force: true });
  }
}
