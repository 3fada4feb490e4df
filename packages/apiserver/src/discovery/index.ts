import type { Clock } from '@kubets/platform';
import type { PathHandler } from '../ports.ts';
import { discoveryPaths, openApiPaths, rootPath } from './api-paths.ts';
import { type HealthCheck, healthPathNames, healthPaths } from './health.ts';
import { HealthFigures } from './health-figures.ts';
import { type OpenIdOptions, openIdPaths } from './openid.ts';
import type { DiscoverySource } from './source.ts';
import { versionPath } from './version.ts';

/** What the paths outside the resource tree show. */
export interface PathsOptions {
  readonly clock: Clock;
  readonly source: DiscoverySource;
  readonly health: readonly HealthCheck[];
  /** Whether `/livez` does not mind yet what is not in place. */
  readonly isStarting?: () => boolean;
  /** See `versionInfo`. */
  readonly version: object;
  readonly openId?: OpenIdOptions | undefined;
  /** Further pages; `/` tells of them. */
  readonly pages?: readonly PathHandler[];
}

/** Health, version, discovery, OpenAPI and the token issuer's metadata. */
export function createPaths(o: PathsOptions): PathHandler[] {
  const figures = new HealthFigures();
  const { pages = [] } = o;
  return [
    healthPaths({ checks: o.health, figures, isStarting: o.isStarting }),
    figures.path(),
    versionPath(o.version),
    discoveryPaths(o.source),
    openApiPaths(o.source, o.clock),
    ...(o.openId ? [openIdPaths(o.openId)] : []),
    ...pages,
    rootPath(o.source, [...healthPathNames(o.health), ...pages.map(({ name }) => `/${name}`)]),
  ];
}
