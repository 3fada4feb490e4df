import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { ManagedFieldsEntry } from '../generated/types.ts';
import type { JsonObject, KubeObject } from '../meta.ts';
import { builtinKind } from '../registry.ts';
import { defaulted } from '../testing/make.ts';
import { MAX_UPDATE_MANAGERS, managerOfUserAgent } from './entries.ts';
import { membersOf, pathText } from './field-set.ts';
import { trackUpdate, type WriteBy } from './update.ts';

const CONFIG_MAP = builtinKind('v1', 'ConfigMap');
const DEPLOYMENT = builtinKind('apps/v1', 'Deployment');
const at = (second: number): string => new Date(second * 1_000).toISOString().replace('.000', '');

const by = (manager: string, o: Partial<WriteBy> = {}): WriteBy => ({
  def: CONFIG_MAP,
  subresource: '',
  manager,
  now: at(1),
  ...o,
});

function create(write: WriteBy, body: JsonObject): KubeObject {
  const object = defaulted<KubeObject>(write.def, body);
  trackUpdate(write, undefined, object);
  object.metadata.uid = '11111111-1111-4111-8111-111111111111';
  return object;
}

function update(write: WriteBy, live: KubeObject, change: (object: KubeObject) => void) {
  const object = structuredClone(live);
  change(object);
  trackUpdate(write, live, object);
  return object;
}

const entries = (object: KubeObject): ManagedFieldsEntry[] => object.metadata.managedFields ?? [];

/** `manager time: .path .path`. */
function owners(object: KubeObject): string[] {
  return entries(object).map((entry) => {
    const paths = membersOf(entry.fieldsV1 as never).map(pathText);
    return `${entry.manager} ${entry.time?.slice(17, 19)}: ${paths.join(' ')}`;
  });
}

const setData = (data: Record<string, string>) => (object: KubeObject) => {
  Object.assign(object, { data });
};

describe('creating', () => {
  test('its author owns what is set, and nothing the server keeps', () => {
    const object = create(by('me'), {
      metadata: { name: 'x', labels: { l: '1' } },
      data: { a: '1' },
    });
    assert.deepEqual(entries(object), [
      {
        manager: 'me',
        operation: 'Update',
        apiVersion: 'v1',
        time: at(1),
        fieldsType: 'FieldsV1',
        fieldsV1: {
          'f:data': { '.': {}, 'f:a': {} },
          'f:metadata': { 'f:labels': { '.': {}, 'f:l': {} } },
        },
      },
    ]);
  });

  test('nothing set is nothing owned', () => {
    assert.equal(create(by('me'), {}).metadata.managedFields, undefined);
  });

  test('nobody has a name too', () => {
    assert.equal(entries(create(by(''), { data: { a: '1' } }))[0]?.manager, 'unknown');
  });

  test('a status is not the creator’s', () => {
    const spec = { selector: { matchLabels: { a: 'b' } }, template: {} };
    const body = { spec, status: { replicas: 3 } };
    const [entry] = entries(create(by('me', { def: DEPLOYMENT }), body));
    assert.deepEqual(Object.keys(entry?.fieldsV1 ?? {}), ['f:spec']);
  });
});

describe('updating', () => {
  const made = create(by('a'), { data: { x: '1', y: '1' } });

  test('a change changes hands, the rest stays', () => {
    const object = update(by('b', { now: at(2) }), made, setData({ x: '2', y: '1', z: '1' }));
    assert.deepEqual(owners(object), ['a 01: .data .data.y', 'b 02: .data.x .data.z']);
  });

  test('what is gone has no owner; who owns nothing is forgotten', () => {
    const object = update(by('b', { now: at(2) }), made, (o) => Reflect.deleteProperty(o, 'data'));
    assert.deepEqual(owners(object), []);
  });

  test('no change is no ownership, and no new time', () => {
    const object = update(by('a', { now: at(2) }), made, () => undefined);
    assert.deepEqual(entries(object), entries(made));
  });

  test('the same manager in another way is another owner', () => {
    const object = update(
      by('a', { now: at(2), subresource: 'status' }),
      made,
      setData({ x: '2' }),
    );
    assert.deepEqual(
      entries(object).map((entry) => entry.subresource),
      [undefined, 'status'],
    );
  });

  test('entries sent along are the base of the account', () => {
    const object = update(by('b', { now: at(2) }), made, (o) => {
      setData({ x: '2', y: '1' })(o);
      const [entry] = entries(o);
      if (entry) entry.manager = 'renamed';
    });
    assert.deepEqual(owners(object), ['renamed 01: .data .data.y', 'b 02: .data.x']);
  });

  test('entries nobody can read are ignored', () => {
    const object = update(by('b', { now: at(2) }), made, (o) => {
      o.metadata.managedFields = [{ manager: 'x', operation: 'Nope' }];
    });
    assert.deepEqual(entries(object), entries(made));
  });

  test('an empty list is no wish; one empty entry forgets everybody until the next apply', () => {
    const kept = update(by('b'), made, (o) => {
      o.metadata.managedFields = [];
    });
    assert.deepEqual(entries(kept), entries(made));
    const reset = update(by('b'), made, (o) => {
      o.metadata.managedFields = [{}];
    });
    assert.equal(reset.metadata.managedFields, undefined);
    const later = update(by('b'), reset, setData({ x: '9' }));
    assert.equal(later.metadata.managedFields, undefined);
  });

  test('a subresource cannot rewrite the account', () => {
    const object = update(by('b', { subresource: 'status' }), made, (o) => {
      o.metadata.managedFields = [{}];
    });
    assert.deepEqual(entries(object), entries(made));
  });
});

describe('many managers', () => {
  test('the oldest updaters are merged into one', () => {
    let object = create(by('m00'), { data: { k00: '1' } });
    const data: Record<string, string> = { k00: '1' };
    for (let n = 1; n <= MAX_UPDATE_MANAGERS + 2; n += 1) {
      const name = String(n).padStart(2, '0');
      data[`k${name}`] = '1';
      object = update(by(`m${name}`, { now: at(n + 1) }), object, setData({ ...data }));
    }
    const names = entries(object).map((entry) => entry.manager);
    assert.equal(names.length, MAX_UPDATE_MANAGERS);
    assert.equal(names[0], 'ancient-changes');
    assert.equal(
      owners(object)[0],
      'ancient-changes 04: .data .data.k00 .data.k01 .data.k02 .data.k03',
    );
  });
});

describe('versions', () => {
  const v1 = builtinKind('autoscaling/v1', 'HorizontalPodAutoscaler');
  const v2 = builtinKind('autoscaling/v2', 'HorizontalPodAutoscaler');

  test('owners keep the version they wrote; a change is seen in each', () => {
    const spec = { maxReplicas: 3, scaleTargetRef: { kind: 'Deployment', name: 'd' } };
    const made = create(by('old', { def: v1 }), { spec });
    const live = { ...made, apiVersion: 'autoscaling/v2' };
    const object = update(by('new', { def: v2, now: at(2) }), live, (o) => {
      Object.assign(o.spec as object, { maxReplicas: 5 });
    });
    const [old, fresh] = entries(object);
    assert.equal(old?.apiVersion, 'autoscaling/v1');
    assert.ok(!owners(object)[0]?.includes('maxReplicas'));
    assert.equal(fresh?.apiVersion, 'autoscaling/v2');
    assert.equal(owners(object)[1], 'new 02: .spec.maxReplicas');
  });

  test('owners in a version nobody knows are dropped', () => {
    const made = create(by('a'), { data: { x: '1' } });
    const object = update(by('b', { now: at(2) }), made, (o) => {
      setData({ x: '1', y: '1' })(o);
      const [entry] = entries(o);
      if (entry) entry.apiVersion = 'v0';
    });
    assert.deepEqual(owners(object), ['b 02: .data.y']);
  });
});

describe('the manager of a user agent', () => {
  const agents: readonly [string, string][] = [
    ['kubectl/v1.32.6 (linux/amd64) kubernetes/abc', 'kubectl'],
    ['noversion', 'noversion'],
    ['', ''],
    ['a\u0001b/1', 'ab'],
    ['ä'.repeat(100), 'ä'.repeat(64)],
  ];
  for (const [agent, manager] of agents) {
    test(JSON.stringify(agent.slice(0, 20)), () =>
      assert.equal(managerOfUserAgent(agent), manager),
    );
  }
});
