/** Authorisation as the flags or a file describe it; a file's changes are taken over while the server runs. */
import type { Clock, Logger, Metrics } from '@kubets/platform';
import type { BackgroundTask, ResourceStore } from '../../ports.ts';
import { ReloadFigures, WatchedFile } from '../../settings/watched-file.ts';
import {
  type AuthorizationFlags,
  authorizationModes,
  modesOfFile,
} from '../authorization-config.ts';
import { type Authorization, createAuthorizer, type Mode } from '../authorizer.ts';
import { AuthorizationFigures } from './figures.ts';

export interface ConfiguredAuthorizationParts {
  readonly store: ResourceStore;
  readonly metrics?: Metrics | undefined;
  /** How this server is named among the apiservers. */
  readonly serverId: string;
  readonly clock: Clock;
  readonly log: Logger;
}

export interface ConfiguredAuthorization {
  readonly authorization: Authorization;
  /** Those of the start. */
  readonly modes: readonly Mode[];
  readonly tasks: readonly BackgroundTask[];
}

/** @throws ConfigError */
export function configuredAuthorization(
  flags: AuthorizationFlags,
  { store, metrics, serverId, clock, log }: ConfiguredAuthorizationParts,
): ConfiguredAuthorization {
  const figures = metrics && new AuthorizationFigures(metrics);
  const parts = { figures, clock, log };
  if (flags.authorizationConfig === '') {
    const modes = authorizationModes(flags, parts);
    return { authorization: createAuthorizer(store, modes, figures), modes, tasks: [] };
  }
  const { modes, file, text, reread } = modesOfFile(flags, parts);
  const authorization = createAuthorizer(store, modes, figures);
  const reloads =
    metrics && new ReloadFigures(metrics, { subject: 'authorization', serverId, clock });
  const watch = new WatchedFile({
    ...{ name: 'authorization-config', file, text, figures: reloads, clock, log },
    take: (now) => authorization.useModes(reread(now)),
  });
  return { authorization, modes, tasks: [watch] };
}
