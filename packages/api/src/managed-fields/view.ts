/** An object as the version a manager wrote it in. */
import { convertObject } from '../convert.ts';
import { type JsonObject, type KubeObject, parseApiVersion } from '../meta.ts';
import { builtinKinds, type KindDef } from '../registry.ts';
import { decodeType } from '../schema/decode.ts';
import { type Shape, shapeOfType } from './shape.ts';
import { type Comparison, compareObjects } from './typed.ts';

const zeros = new Map<string, JsonObject>();

/** What an object of the kind is before anything is set. */
export function zeroObject(def: KindDef): JsonObject {
  const known = zeros.get(def.typeName);
  if (known !== undefined) return known;
  const { object } = decodeType(def.typeName, {});
  const isLoose = def.typeName.includes('/');
  if (!isLoose) zeros.set(def.typeName, object);
  return object;
}

/** The object without its own managed fields: those have no owner. */
export function withoutManaged(object: JsonObject): JsonObject {
  const { managedFields: _managed, ...metadata } = (object.metadata ?? {}) as JsonObject;
  return { ...object, metadata };
}

/** Compares two objects of a kind, in that or in another version of it. */
export class VersionedComparison {
  readonly shape: Shape;
  readonly own: Comparison;
  readonly #def: KindDef;
  readonly #before: JsonObject;
  readonly #after: JsonObject;
  readonly #others = new Map<string, Comparison | undefined>();

  constructor(def: KindDef, before: JsonObject, after: JsonObject) {
    this.#def = def;
    this.#before = before;
    this.#after = after;
    this.shape = shapeOfType(def.typeName);
    this.own = compareObjects(this.shape, before, after);
  }

  /** The differences as a version of the kind shows them; undefined when it is not served (any more). */
  at(apiVersion: string): Comparison | undefined {
    if (apiVersion === this.#def.apiVersion) return this.own;
    if (!this.#others.has(apiVersion)) this.#others.set(apiVersion, this.#compareAt(apiVersion));
    return this.#others.get(apiVersion);
  }

  #compareAt(apiVersion: string): Comparison | undefined {
    const def = this.#def;
    const gv = parseApiVersion(apiVersion);
    const to = builtinKinds.forKind({ ...gv, kind: def.kind });
    if (to === undefined) return def.typeName.includes('/') ? this.own : undefined;
    const [before, after] = [this.#before, this.#after].map((object) =>
      convertObject(def, to, object as unknown as KubeObject),
    );
    return compareObjects(shapeOfType(to.typeName), before, after);
  }
}
