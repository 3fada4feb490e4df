import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { builtinKind, type KubeObject } from '@kubets/api';
import { refusal } from '../testing/scene.ts';
import {
  checkPreconditions,
  type DeleteOptions,
  deletedStatus,
  deleteOptionsFrom,
  finalizersFor,
  graceSeconds,
} from './delete-options.ts';

const configMaps = builtinKind('v1', 'ConfigMap');
const deployments = builtinKind('apps/v1', 'Deployment');
const jobs = builtinKind('batch/v1', 'Job');
const pods = builtinKind('v1', 'Pod');

const object = (metadata: object, rest: object = {}): KubeObject => ({ metadata, ...rest });

describe('preconditions', () => {
  const present = object({ name: 'x', uid: 'u1', resourceVersion: '7' });

  it('hold when they name the object there is', () => {
    for (const preconditions of [undefined, {}, { uid: 'u1' }, { resourceVersion: '7' }]) {
      checkPreconditions(configMaps, present, { preconditions });
    }
  });

  it('are a conflict that names the kind', () => {
    assert.throws(
      () => checkPreconditions(deployments, present, { preconditions: { uid: 'u2' } }),
      refusal(409, 'Conflict', /on Deployment\.apps "x": the UID in the precondition \(u2\)/),
    );
    assert.throws(
      () => checkPreconditions(configMaps, present, { preconditions: { resourceVersion: '6' } }),
      refusal(409, 'Conflict', /on ConfigMap "x": the ResourceVersion in the precondition \(6\)/),
    );
  });
});

describe('the garbage collector’s finalizers', () => {
  const cases: readonly [string, typeof configMaps, string[], DeleteOptions, string[]][] = [
    ['none by default', configMaps, [], {}, []],
    [
      'foreground on demand',
      configMaps,
      [],
      { propagationPolicy: 'Foreground' },
      ['foregroundDeletion'],
    ],
    ['orphan on demand', configMaps, [], { propagationPolicy: 'Orphan' }, ['orphan']],
    ['orphan as older clients say it', configMaps, [], { orphanDependents: true }, ['orphan']],
    ['the object’s own stay', configMaps, ['x/y'], {}, ['x/y']],
    ['what the object asks for holds', configMaps, ['orphan'], {}, ['orphan']],
    ['… for both', configMaps, ['foregroundDeletion'], {}, ['foregroundDeletion']],
    [
      'the options win over the object',
      configMaps,
      ['orphan'],
      { propagationPolicy: 'Background' },
      [],
    ],
    [
      '… and replace one by the other',
      configMaps,
      ['orphan'],
      { propagationPolicy: 'Foreground' },
      ['foregroundDeletion'],
    ],
    ['jobs keep their pods by default', jobs, [], {}, ['orphan']],
    ['… unless told otherwise', jobs, [], { propagationPolicy: 'Background' }, []],
  ];
  for (const [what, def, finalizers, options, expected] of cases) {
    it(what, () => {
      assert.deepEqual(finalizersFor(def, object({ finalizers }), options), expected);
    });
  }
});

describe('the time a pod gets to end', () => {
  const running = { spec: { nodeName: 'n' } };
  const cases: readonly [string, typeof pods, object, DeleteOptions, number][] = [
    ['30 s by default', pods, running, {}, 30],
    ['its own wish', pods, { spec: { nodeName: 'n', terminationGracePeriodSeconds: 5 } }, {}, 5],
    ['the caller’s wish', pods, running, { gracePeriodSeconds: 7 }, 7],
    ['none when forced', pods, running, { gracePeriodSeconds: 0 }, 0],
    ['one second for less than none', pods, running, { gracePeriodSeconds: -1 }, 1],
    ['none without a node', pods, { spec: {} }, { gracePeriodSeconds: 9 }, 0],
    ['none once it has succeeded', pods, { ...running, status: { phase: 'Succeeded' } }, {}, 0],
    ['none once it has failed', pods, { ...running, status: { phase: 'Failed' } }, {}, 0],
    ['none for other kinds', configMaps, running, { gracePeriodSeconds: 9 }, 0],
  ];
  for (const [what, def, rest, options, seconds] of cases) {
    it(`${what}: ${seconds}`, () =>
      assert.equal(graceSeconds(def, object({}, rest), options), seconds));
  }
});

describe('bodies and answers', () => {
  it('a body that is no object is refused', () => {
    for (const [body, seen] of [
      ['x', 'string'],
      [5, 'number'],
      [[], 'array'],
    ] as const) {
      const text = new RegExp(
        `^couldn't get version/kind; json parse error: .*${seen} into Go value`,
      );
      assert.throws(() => deleteOptionsFrom(body), refusal(500, '', text));
    }
    assert.deepEqual(deleteOptionsFrom(null), {});
    assert.deepEqual(deleteOptionsFrom({ gracePeriodSeconds: 1 }), { gracePeriodSeconds: 1 });
  });

  it('a body of another kind, or with something else in a field, is not taken for none', () => {
    for (const body of [{ kind: 'Pod' }, { gracePeriodSeconds: '5' }, { dryRun: 'All' }]) {
      assert.throws(() => deleteOptionsFrom(body), refusal(500, ''));
    }
    const named = { kind: 'DeleteOptions', apiVersion: 'apps/v1', orphanDependents: false };
    assert.deepEqual(deleteOptionsFrom(named), { orphanDependents: false });
  });

  it('a success names what is gone, and its group if it has one', () => {
    const gone = object({ name: 'x', uid: 'u' });
    const details = (def: typeof pods): unknown =>
      (deletedStatus(def, gone) as { details?: unknown }).details;
    assert.deepEqual(details(configMaps), { name: 'x', kind: 'configmaps', uid: 'u' });
    assert.deepEqual(details(deployments), {
      name: 'x',
      group: 'apps',
      kind: 'deployments',
      uid: 'u',
    });
  });
});
