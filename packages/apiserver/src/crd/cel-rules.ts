/** The rules of a schema (`x-kubernetes-validations`); the engine is loaded when a schema has any. */
import { createRequire } from 'node:module';
import type { KubeObject } from '@kubets/api';
import type { RuleFindings } from './compiled-rules.ts';
import { hasRules, type Schema } from './structural.ts';

const load = createRequire(import.meta.url);
type Compiled = typeof import('./compiled-rules.ts');

export class RulesOfSchema {
  /** Whether there are any. */
  readonly any: boolean;
  readonly #schema: Schema;
  #tree: InstanceType<Compiled['RuleTree']> | undefined;

  constructor(schema: Schema) {
    this.#schema = schema;
    this.any = hasRules(schema);
  }

  /** Everything the rules say against an object, or against its change from `old`. */
  findings(object: KubeObject, old?: KubeObject): RuleFindings {
    const { RuleTree } = load('./compiled-rules.ts') as Compiled;
    this.#tree ??= new RuleTree(this.#schema);
    return this.#tree.findings(object, old);
  }
}
