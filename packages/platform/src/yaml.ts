import { createRequire } from 'node:module';

const load = createRequire(import.meta.url);

/** The YAML library, loaded when it is first needed: most processes never read a line of YAML. */
export function yamlLibrary(): typeof import('yaml') {
  return load('yaml');
}
