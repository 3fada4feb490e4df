/** Custom resources: see README of the package; `controller.ts` first. */
import { createRequire } from 'node:module';
import type { CustomResourceDefinition, KindDef } from '@kubets/api';
import type { ConversionDeps } from './conversion.ts';

export { Definitions } from './controller.ts';
export { DEFINITION_RULES } from './definition-rules.ts';

const load = createRequire(import.meta.url);
let kinds: typeof import('./kinds.ts') | undefined;

/** The kinds of a definition; what that takes is loaded with the first one. */
export function kindsOf(crd: CustomResourceDefinition, deps: ConversionDeps): KindDef[] {
  kinds ??= load('./kinds.ts') as typeof import('./kinds.ts');
  return kinds.kindsOf(crd, deps);
}
