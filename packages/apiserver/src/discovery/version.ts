import { methodNotAllowed } from '@kubets/api';
import { BUILD, platformName } from '@kubets/platform';
import type { PathHandler } from '../ports.ts';
import { prettyResponse, withoutSlash } from './document.ts';

/** Version of the API this server speaks, in the form stock clients read. */
export function versionInfo(o: { runtime: string; platform: string }): object {
  const { compiler, ...build } = BUILD;
  const [system = '', processor = ''] = o.platform.split('/');
  const platform = platformName(system, processor);
  return { ...build, goVersion: o.runtime, compiler, platform };
}

/** `/version`. */
export function versionPath(info: object): PathHandler {
  return {
    name: 'version',
    async handle({ info: { path }, method }) {
      if (withoutSlash(path) !== '/version') return undefined;
      if (method !== 'GET') throw methodNotAllowed();
      return prettyResponse(info);
    },
  };
}
