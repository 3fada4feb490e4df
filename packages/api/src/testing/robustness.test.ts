import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ApiError } from '../errors.ts';
import type { KubeObject } from '../meta.ts';
import { applyMergePatch, applyStrategicMergePatch } from '../patch/index.ts';
import { builtinKinds, type KindDef } from '../registry.ts';
import { decodeStrict } from '../schema/decode.ts';
import { selectableFields } from '../strategy/selectable.ts';
import { prepareForCreate, prepareForUpdate } from '../strategy/strategy.ts';
import { tableFor } from '../tables/index.ts';
import { validateCreate, validateUpdate } from '../validation/index.ts';
import { arbitraryObject, type Next, numbers } from './arbitrary.ts';
import { defaulted } from './make.ts';

const SAMPLES = 25;
const NOW = Date.parse('2024-01-02T03:10:00Z');

function sample(def: KindDef, next: Next): KubeObject {
  const body = arbitraryObject(def.typeName, next);
  const metadata = { name: 'x', namespace: 'n', ...(body.metadata as object | undefined) };
  return defaulted(def, { ...body, metadata });
}

/** Runs a check on random objects of every kind; a failure names the seed. */
function forEverySample(check: (def: KindDef, next: Next) => void): void {
  const failures: string[] = [];
  for (const def of builtinKinds.all()) {
    for (let seed = 1; seed <= SAMPLES; seed += 1) {
      try {
        check(def, numbers(seed * 7919));
      } catch (err) {
        const why = err instanceof Error ? (err.stack ?? err.message) : String(err);
        failures.push(`${def.apiVersion} ${def.kind}, seed ${seed}: ${why.slice(0, 700)}`);
        break;
      }
    }
  }
  assert.equal(failures.join('\n'), '');
}

test('any decodable object can be created or is refused with errors', () => {
  forEverySample((def, next) => {
    const object = sample(def, next);
    prepareForCreate(def, object);
    for (const error of validateCreate(def, object)) assert.ok(String(error).length > 0);
  });
});

test('any object can be turned into any other or is refused with errors', () => {
  forEverySample((def, next) => {
    const old = sample(def, next);
    for (const subresource of [undefined, 'status']) {
      const object = sample(def, next);
      prepareForUpdate(def, object, old, subresource);
      for (const error of validateUpdate(def, object, old, { subresource })) {
        assert.ok(error.field.length > 0);
      }
    }
  });
});

test('any object has a row and selectable fields', () => {
  forEverySample((def, next) => {
    const object = sample(def, next);
    const table = tableFor(def, [object], { nowMs: NOW });
    assert.equal(table.rows?.[0]?.cells.length, table.columnDefinitions.length);
    for (const value of Object.values(selectableFields(def, object))) {
      assert.equal(typeof value, 'string');
    }
  });
});

test('what was decoded and defaulted stays as it is when read again', () => {
  forEverySample((def, next) => {
    const object = sample(def, next);
    const again = decodeStrict(def, JSON.stringify(object));
    assert.deepEqual(again.typeErrors, []);
    assert.deepEqual(again.unknownFields, []);
    assert.deepEqual(again.object, JSON.parse(JSON.stringify(object)));
  });
});

test('patching an object with itself changes nothing', () => {
  forEverySample((def, next) => {
    const object = JSON.parse(JSON.stringify(sample(def, next))) as KubeObject;
    const decoded = (o: object) => decodeStrict(def, JSON.stringify(o)).object;
    assert.deepEqual(decoded(applyMergePatch(object, object)), decoded(object));
    try {
      const merged = decoded(applyStrategicMergePatch(def.typeName, object, object));
      assert.deepEqual(Object.keys(merged).sort(), Object.keys(decoded(object)).sort());
    } catch (err) {
      // Entries without their merge key can not be matched: that is what the patch has to say.
      assert.ok(err instanceof ApiError, String(err));
    }
  });
});
