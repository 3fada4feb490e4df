import type { KubeObject } from '@kubets/api';
import { LIMITS } from '../../edge-limits.ts';

/** Policies by uid and generation, so that each is compiled once. */
export class CompiledPolicies<P extends KubeObject, C> {
  readonly #known = new Map<string, C>();
  readonly #compile: (policy: P) => C;

  constructor(compile: (policy: P) => C) {
    this.#compile = compile;
  }

  of(policy: P): C {
    const key = `${policy.metadata.uid} ${policy.metadata.generation}`;
    const known = this.#known.get(key);
    if (known !== undefined) return known;
    const made = this.#compile(policy);
    if (this.#known.size >= LIMITS.compiledPolicies) this.#known.clear();
    this.#known.set(key, made);
    return made;
  }
}
