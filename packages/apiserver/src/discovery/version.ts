import { methodNotAllowed } from '@kubets/api';
import type { PathHandler } from '../ports.ts';
import { prettyResponse, withoutSlash } from './document.ts';

/** Version of the API this server speaks, in the form stock clients read. */
export function versionInfo(o: { release: string; runtime: string; platform: string }): object {
  return {
    major: '1',
    minor: '32',
    gitVersion: `v1.32.6+kubets-${o.release}`,
    gitCommit: '',
    gitTreeState: 'clean',
    buildDate: '1970-01-01T00:00:00Z',
    goVersion: o.runtime,
    compiler: 'node',
    // Clients know processors by Go's names.
    platform: o.platform.replace(/\/x64$/, '/amd64'),
  };
}

/** `/version`. */
export function versionPath(info: object): PathHandler {
  return {
    name: 'version',
    async handle({ info: { path }, method }) {
      if (withoutSlash(path) !== '/version') return undefined;
      if (method !== 'GET' && method !== 'HEAD') throw methodNotAllowed();
      return prettyResponse(info);
    },
  };
}
