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
});
