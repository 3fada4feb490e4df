/** How full the volumes behind claims are, under the stock names; looked at when somebody asks. */
import { statfsSync } from 'node:fs';
import { type FamilyRegistry, type Reading, readFamily } from '@kubets/platform';
import type { ClaimPlace } from '../../ports.ts';

/** What a file system says of itself. */
export interface Space {
  readonly bsize: number;
  readonly blocks: number;
  readonly bfree: number;
  readonly bavail: number;
  readonly files: number;
  readonly ffree: number;
}

const LABELS = ['namespace', 'persistentvolumeclaim'] as const;

const FAMILIES: readonly (readonly [name: string, help: string, (space: Space) => number])[] = [
  ['capacity_bytes', 'Size of a volume', ({ bsize, blocks }) => bsize * blocks],
  ['available_bytes', 'What is free for pods', ({ bsize, bavail }) => bsize * bavail],
  ['used_bytes', 'What is used', ({ bsize, blocks, bfree }) => bsize * (blocks - bfree)],
  ['inodes', 'Files a volume may have', ({ files }) => files],
  ['inodes_free', 'Files it may still get', ({ ffree }) => ffree],
  ['inodes_used', 'Files it has', ({ files, ffree }) => files - ffree],
];

export interface VolumeFiguresOptions {
  readonly registry: FamilyRegistry;
  readonly claims: () => Iterable<ClaimPlace>;
  /** @throws Error for a path that is not there any more */
  readonly spaceOf?: (path: string) => Space;
}

export function showVolumes({
  registry,
  claims,
  spaceOf = statfsSync,
}: VolumeFiguresOptions): void {
  for (const [name, help, value] of FAMILIES) {
    const read = () => readings(claims(), spaceOf, value);
    readFamily({ registry, name: `kubelet_volume_stats_${name}`, help, labels: LABELS, read });
  }
}

/** A claim that several pods use is one series. */
function* readings(
  claims: Iterable<ClaimPlace>,
  spaceOf: (path: string) => Space,
  value: (space: Space) => number,
): Iterable<Reading<typeof LABELS>> {
  const seen = new Set<string>();
  for (const { namespace, claim, path } of claims) {
    const key = `${namespace}/${claim}`;
    if (seen.has(key)) continue;
    seen.add(key);
    const space = spaceAt(path, spaceOf);
    if (space !== undefined) yield { labels: [namespace, claim], value: value(space) };
  }
}

function spaceAt(path: string, spaceOf: (path: string) => Space): Space | undefined {
  try {
    return spaceOf(path);
  } catch {
    return undefined; // Gone between two looks: there is nothing to tell of it.
  }
}
