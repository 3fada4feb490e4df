/** What the expressions of mutations may call and make besides: `Object{…}`, `JSONPatch{…}`, `jsonpatch.escapeKey`. */
import { EvaluationFailure } from '../errors.ts';
import { Library, type StructType } from '../signature.ts';
import { DYN, objectType, STRING, type Type } from '../types.ts';
import { ObjectValue } from '../values.ts';
import { addAll } from './index.ts';

/** Fields of objects whose kind is not known when the expression is compiled: any, of any type. */
class AnyFields extends Map<string, Type> {
  override get(): Type {
    return DYN;
  }
}

/** An object, or a part of one, as an expression makes it; fields keep their order. */
export class MadeObject extends ObjectValue {
  readonly type: Type;
  readonly #fields: ReadonlyMap<string, unknown>;

  constructor(type: Type, fields: ReadonlyMap<string, unknown>) {
    super();
    this.type = type;
    this.#fields = fields;
  }

  override get(field: string): unknown {
    return this.#fields.get(field);
  }

  override members(): ReadonlyMap<string, unknown> {
    return this.#fields;
  }
}

export const PATCH_TYPE = objectType(
  'JSONPatch',
  () =>
    new Map([
      ...(['op', 'path', 'from'] as const).map((name): [string, Type] => [name, STRING]),
      ['value', DYN],
    ]),
);

/** Objects are named by where they stand: `Object.spec.template` is what is at `spec.template`. */
export const OBJECT = 'Object';

class PatchLibrary extends Library {
  override struct(name: string): StructType | undefined {
    if (name === PATCH_TYPE.name) return { type: PATCH_TYPE, make: madePatch };
    if (name !== OBJECT && !name.startsWith(`${OBJECT}.`)) return undefined;
    const type = objectType(name, () => new AnyFields());
    return { type, make: (fields) => new MadeObject(type, fields) };
  }
}

function madePatch(fields: ReadonlyMap<string, unknown>): MadeObject {
  for (const name of ['op', 'path', 'from']) {
    const value = fields.get(name);
    if (value === undefined || typeof value === 'string') continue;
    const type = typeof value;
    throw new EvaluationFailure(`unexpected type ${type} for JSONPatchType '${name}' field`);
  }
  return new MadeObject(PATCH_TYPE, fields);
}

let made: Library | undefined;

/** The library; made when it is first asked for. */
export function patchLibrary(): Library {
  if (made !== undefined) return made;
  made = new PatchLibrary();
  addAll(made);
  made.add('jsonpatch.escapeKey', '(string) string', (key) =>
    String(key).replaceAll('~', '~0').replaceAll('/', '~1'),
  );
  return made;
}
