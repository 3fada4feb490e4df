import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { builtinKind } from '../registry.ts';
import { fieldSelectorFor, selectableFields } from '../strategy/selectable.ts';
import { matchesFields, parseFieldSelector, requiredValue } from './fields.ts';

describe('field selectors', () => {
  const fields = { 'metadata.name': 'a', 'status.phase': 'Running', empty: '' };
  const cases: readonly [string, boolean][] = [
    ['', true],
    ['metadata.name=a', true],
    ['metadata.name==a', true],
    ['metadata.name!=a', false],
    ['metadata.name=a,status.phase!=Failed', true],
    ['metadata.name=a,metadata.name=b', false],
    ['empty=', true],
    ['missing=', true],
    ['missing=x', false],
  ];
  for (const [text, holds] of cases) {
    test(`${text || '(empty)'} → ${holds}`, () => {
      assert.equal(matchesFields(parseFieldSelector(text), fields), holds);
    });
  }

  test('escaped commas belong to the value', () => {
    assert.deepEqual(parseFieldSelector('a=b\\,c,d=e'), [
      { field: 'a', operator: '=', value: 'b,c' },
      { field: 'd', operator: '=', value: 'e' },
    ]);
  });

  test('what has no operator can not be understood', () => {
    const message = "invalid selector: 'metadata.name'; can't understand 'metadata.name'";
    assert.throws(() => parseFieldSelector('metadata.name'), { message });
  });

  test('the one value a field must have', () => {
    const selector = parseFieldSelector('spec.nodeName=n1,status.phase!=Failed');
    assert.equal(requiredValue(selector, 'spec.nodeName'), 'n1');
    assert.equal(requiredValue(selector, 'status.phase'), undefined);
  });
});

describe('the fields of a kind', () => {
  test('pods', () => {
    const pod = {
      metadata: { name: 'p', namespace: 'n' },
      spec: { nodeName: 'node', hostNetwork: true, restartPolicy: 'Always' },
      status: { phase: 'Running', podIP: '10.0.0.1' },
    };
    const fields = selectableFields(builtinKind('v1', 'Pod'), pod);
    assert.equal(fields['metadata.name'], 'p');
    assert.equal(fields['metadata.namespace'], 'n');
    assert.equal(fields['spec.nodeName'], 'node');
    assert.equal(fields['spec.hostNetwork'], 'true');
    assert.equal(fields['status.phase'], 'Running');
    assert.equal(fields['status.nominatedNodeName'], '');
  });

  test('booleans and counts have values when absent', () => {
    const node = selectableFields(builtinKind('v1', 'Node'), { metadata: { name: 'n' } });
    assert.equal(node['spec.unschedulable'], 'false');
    assert.equal('metadata.namespace' in node, false);
    const job = { metadata: { name: 'j' }, status: { succeeded: 2 } };
    assert.equal(selectableFields(builtinKind('batch/v1', 'Job'), job)['status.successful'], '2');
  });

  test('an event’s source falls back to the reporting component', () => {
    const def = builtinKind('v1', 'Event');
    const event = { metadata: { name: 'e' }, source: {}, reportingComponent: 'kubelet' };
    assert.equal(selectableFields(def, event).source, 'kubelet');
  });

  test('other fields are refused', () => {
    const pod = builtinKind('v1', 'Pod');
    const map = builtinKind('v1', 'ConfigMap');
    assert.throws(() => fieldSelectorFor(pod, 'spec.containers=x'), {
      message: 'field label not supported: spec.containers',
    });
    assert.throws(() => fieldSelectorFor(map, 'nope=x'), {
      message: '"nope" is not a known field selector: only "metadata.name", "metadata.namespace"',
    });
    assert.equal(fieldSelectorFor(pod, 'spec.nodeName=n').length, 1);
  });

  test('what a selector may name differs from kind to kind', () => {
    const cases = [
      ['v1', 'Node', 'metadata.namespace', 'field label not supported: metadata.namespace'],
      ['v1', 'Namespace', 'name', 'field label not supported: name'],
      ['v1', 'PersistentVolume', 'name', '"name" is not a known field selector'],
      ['apps/v1', 'ReplicaSet', 'status.replicas', '"status.replicas" is not a known field'],
      ['batch/v1', 'Job', 'spec.x', 'field label "spec.x" not supported for batchv1.Job'],
      ['certificates.k8s.io/v1', 'CertificateSigningRequest', 'metadata.namespace', 'field label'],
    ] as const;
    for (const [version, kind, field, message] of cases) {
      const found = { message: new RegExp(`^${message}`) };
      assert.throws(() => fieldSelectorFor(builtinKind(version, kind), `${field}=x`), found);
    }
    const cluster = builtinKind('rbac.authorization.k8s.io/v1', 'ClusterRole');
    assert.equal(fieldSelectorFor(cluster, 'metadata.namespace=').length, 1);
  });

  test('the older name of a pod’s node, and addresses that are never compared', () => {
    const def = builtinKind('v1', 'Pod');
    const [term] = fieldSelectorFor(def, 'spec.host=a');
    assert.deepEqual(term, { field: 'spec.nodeName', operator: '=', value: 'a' });
    const pod = { metadata: { name: 'p' }, status: { podIP: '1.2.3.4' } };
    const seen = selectableFields(def, pod);
    assert.deepEqual([seen['status.podIP'], seen['status.podIPs']], ['1.2.3.4', '']);
  });
});
