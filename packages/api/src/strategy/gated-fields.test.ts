import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { PersistentVolumeClaim, StatefulSet } from '../generated/types.ts';
import { builtinKind } from '../registry.ts';
import { created, pod, SELECTOR, specOf, TEMPLATE } from '../testing/make.ts';
import { dropGatedFields } from './gated-fields.ts';

const image = { name: 'i', image: { reference: 'r' } };

test('fields of features that are off are dropped from new pods', () => {
  const spec = specOf(
    pod(
      { hostUsers: false, volumes: [image, { name: 'v' }], securityContext: { fsGroup: 1 } },
      {
        resizePolicy: [{ resourceName: 'cpu', restartPolicy: 'NotRequired' }],
        securityContext: { procMount: 'Unmasked' },
        volumeMounts: [
          { name: 'i', mountPath: '/i' },
          { name: 'v', mountPath: '/v' },
        ],
      },
    ),
  );
  assert.equal(spec.hostUsers, undefined);
  assert.deepEqual(
    spec.volumes?.map((v) => v.name),
    ['v'],
  );
  const [c] = spec.containers;
  assert.equal(c?.resizePolicy, undefined);
  assert.equal(c?.securityContext?.procMount, 'Default');
  assert.deepEqual(
    c?.volumeMounts?.map((m) => m.name),
    ['v'],
  );
});

test('nothing is left of a list that only had such fields', () => {
  const mounts = { volumeMounts: [{ name: 'i', mountPath: '/i' }] };
  const spec = specOf(pod({ volumes: [image] }, mounts));
  assert.equal('volumes' in spec, false);
  assert.equal('volumeMounts' in (spec.containers[0] ?? {}), false);
});

test('what the stored object has stays', () => {
  const old = pod();
  specOf(old).hostUsers = false;
  const next = structuredClone(old);
  dropGatedFields(builtinKind('v1', 'Pod'), next, old);
  assert.equal(specOf(next).hostUsers, false);
});

test('stateful sets and claims', () => {
  const set = created<StatefulSet>(builtinKind('apps/v1', 'StatefulSet'), {
    spec: {
      selector: SELECTOR,
      template: TEMPLATE,
      updateStrategy: { type: 'RollingUpdate', rollingUpdate: { maxUnavailable: 2 } },
    },
  });
  assert.deepEqual(set.spec?.updateStrategy?.rollingUpdate, { partition: 0 });
  const claim = created<PersistentVolumeClaim>(builtinKind('v1', 'PersistentVolumeClaim'), {
    spec: {
      volumeAttributesClassName: 'c',
      dataSourceRef: { kind: 'A', name: 'a', namespace: 'n' },
    },
  });
  assert.equal(claim.spec?.volumeAttributesClassName, undefined);
  assert.equal(claim.spec?.dataSourceRef?.namespace, undefined);
});
