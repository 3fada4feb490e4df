/** Which release this is, and which version of Kubernetes it speaks. */
import { type FamilyRegistry, readFamily } from './metric-table.ts';

export const RELEASE = '0.1.0';

/** As stock components tell it, in `/version` and in their figures. */
export const BUILD = {
  major: '1',
  minor: '32',
  gitVersion: `v1.32.6+kubets-${RELEASE}`,
  gitCommit: '',
  gitTreeState: 'clean',
  buildDate: '1970-01-01T00:00:00Z',
  compiler: 'node',
} as const;

/** What a program runs on, by the names that clients of Kubernetes know: `linux/amd64`. */
export const platformName = (system: string, processor: string): string =>
  `${system}/${processor === 'x64' ? 'amd64' : processor}`;

/** Shows the version among a process's figures: what tells that parts of a cluster differ. */
export function showBuildInfo(
  registry: FamilyRegistry,
  runtime: { readonly version: string; readonly platform: string },
): void {
  const { major, minor, gitVersion, gitCommit, gitTreeState, buildDate, compiler } = BUILD;
  readFamily({
    registry,
    name: 'kubernetes_build_info',
    help: 'The version, as labels of a constant 1.',
    labels: [
      ...(['major', 'minor', 'git_version', 'git_commit', 'git_tree_state'] as const),
      ...(['build_date', 'go_version', 'compiler', 'platform'] as const),
    ] as const,
    read: () => [
      {
        labels: [
          ...([major, minor, gitVersion, gitCommit, gitTreeState] as const),
          ...([buildDate, runtime.version, compiler, runtime.platform] as const),
        ] as const,
        value: 1,
      },
    ],
  });
}
