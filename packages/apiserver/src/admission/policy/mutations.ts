/** Policies that change objects, compiled, and what they want changed. Loaded with the first of them. */
import { isJsonObject, type JsonObject, type MutatingAdmissionPolicySpec } from '@kubets/api';
import { jsonValue } from '../../cel/json-values.ts';
import { MadeObject, OBJECT } from '../../cel/library/patches.ts';
import { isList, itemsOf, MapValue } from '../../cel/values.ts';
import {
  Budget,
  Conditions,
  ExpressionError,
  type Facts,
  POLICY_BUDGET,
  PolicyVariables,
  Source,
  VariableTypes,
} from './expressions.ts';

/** What one mutation wants: a configuration to apply, without its kind, or operations of a JSON patch. */
export type Change =
  | { readonly type: 'ApplyConfiguration'; readonly config: JsonObject }
  | { readonly type: 'JSONPatch'; readonly operations: readonly JsonObject[] };

interface Compiled {
  readonly type: Change['type'];
  readonly source: Source;
}

export class CompiledMutations {
  readonly #conditions: Conditions;
  readonly #variables: PolicyVariables;
  readonly #mutations: readonly Compiled[];

  constructor(spec: MutatingAdmissionPolicySpec) {
    const variables = new VariableTypes();
    const around = { hasParams: spec.paramKind !== undefined, variables };
    this.#conditions = new Conditions(spec.matchConditions ?? [], around);
    this.#variables = new PolicyVariables(spec.variables ?? [], around);
    this.#mutations = (spec.mutations ?? []).map(({ patchType, applyConfiguration, jsonPatch }) =>
      patchType === 'JSONPatch'
        ? { type: patchType, source: new Source(jsonPatch?.expression ?? '', 'jsonPatch', around) }
        : {
            type: 'ApplyConfiguration',
            source: new Source(applyConfiguration?.expression ?? '', 'applyConfiguration', around),
          },
    );
  }

  get size(): number {
    return this.#mutations.length;
  }

  /** Whether the policy is about the write at all. @throws ExpressionError */
  hold(facts: Facts): boolean {
    return this.#conditions.hold(facts);
  }

  /** What a mutation wants of the object as it is now. @throws ExpressionError */
  changeBy(index: number, given: Facts): Change {
    const mutation = this.#mutations[index];
    if (mutation === undefined) throw new RangeError(`there is no mutation ${index}`);
    const budget = new Budget(POLICY_BUDGET);
    const facts = { ...given, variables: this.#variables.valuesFor(given, budget) };
    const value = mutation.source.evaluate(facts, budget);
    return mutation.type === 'JSONPatch' ? patchOf(value) : configurationOf(value);
  }
}

function configurationOf(value: unknown): Change {
  checkNames(value, OBJECT);
  const config = inJson(value);
  if (!isJsonObject(config)) throw new ExpressionError('invalid return type');
  return { type: 'ApplyConfiguration', config };
}

function patchOf(value: unknown): Change {
  const all = isList(value) ? itemsOf(value) : [];
  const operations = all.map((one) => {
    if (!(one instanceof MadeObject)) {
      throw new ExpressionError('type mismatch: JSONPatchType.expression should evaluate to array');
    }
    const own = one.get('value');
    if (own instanceof MadeObject) checkNames(own, own.type.name);
    return inJson(one) as JsonObject;
  });
  return { type: 'JSONPatch', operations };
}

/** @throws ExpressionError for what JSON has no form for */
function inJson(value: unknown): unknown {
  try {
    return jsonValue(value);
  } catch (error) {
    if (!(error instanceof TypeError)) throw error;
    throw new ExpressionError(`the value cannot be written as JSON: ${error.message}`);
  }
}

/** Objects have to be made under the name of the place where they stand. @throws ExpressionError */
function checkNames(value: unknown, path: string): void {
  const faults = [...misnamed(value, path)];
  if (faults.length > 0) throw new ExpressionError(`type mismatch: ${faults.join('\n')}`);
}

function* misnamed(value: unknown, path: string): Generator<string> {
  if (value instanceof MadeObject) {
    const { name } = value.type;
    if (name !== path) {
      const wanted = `expected ${JSON.stringify(path)}, which matches field name path from root Object type`;
      yield `unexpected type name ${JSON.stringify(name)}, ${wanted}`;
    }
    for (const [field, held] of value.members()) yield* misnamed(held, `${path}.${field}`);
  } else if (isList(value)) {
    for (const item of itemsOf(value)) yield* misnamed(item, path);
  } else if (value instanceof MapValue) {
    for (const key of value.keys()) yield* misnamed(value.get(key), path);
  }
}
