import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { EndpointSlice } from '@kubets/api';
import { MISSING_NODE_GRACE_MS } from '../limits.ts';
import { at, NOW_MS } from '../testing/builders.ts';
import { lostServers, type NodeState } from './servers.ts';

const slice = (node: string | undefined, ready = true): EndpointSlice => ({
  metadata: {
    name: `kube-dns-${node}`,
    namespace: 'kube-system',
    creationTimestamp: at(0),
  },
  addressType: 'IPv4',
  endpoints: [
    {
      addresses: ['10.0.0.5'],
      conditions: { ready },
      ...(node === undefined ? {} : { nodeName: node }),
    },
  ],
});

interface Case {
  slices: EndpointSlice[];
  states: Record<string, NodeState>;
  marked?: string[];
  afterMs?: number;
}

function marks({ slices, states, marked = [], afterMs = 0 }: Case): (string | undefined)[] {
  const facts = { nowMs: NOW_MS + afterMs, marked: new Set(marked) };
  const found = lostServers(slices, (name) => states[name] ?? 'missing', facts);
  return found.toMark.map(({ metadata }) => metadata.name);
}

describe('name servers', () => {
  const states: Record<string, NodeState> = { a: 'True', b: 'Unknown', c: 'False' };

  it('of silent nodes are marked, others are left alone', () => {
    const slices = [slice('a'), slice('b'), slice('c'), slice(undefined)];
    assert.deepEqual(marks({ slices, states }), ['kube-dns-b']);
  });

  it('are marked once: one that writes again lives', () => {
    const slices = [slice('a'), slice('b')];
    assert.deepEqual(marks({ slices, states, marked: ['kube-system/kube-dns-b'] }), []);
    assert.deepEqual(marks({ slices: [slice('a'), slice('b', false)], states }), []);
  });

  it('of nodes that were removed are marked, those of nodes to come are not', () => {
    const slices = [slice('a'), slice('gone')];
    assert.deepEqual(marks({ slices, states, afterMs: MISSING_NODE_GRACE_MS }), []);
    const afterMs = MISSING_NODE_GRACE_MS + 1;
    assert.deepEqual(marks({ slices, states, afterMs }), ['kube-dns-gone']);
  });

  it('stay when no other would be left', () => {
    assert.deepEqual(marks({ slices: [slice('a', false), slice('b')], states }), []);
    const all = [slice('b'), slice('d')];
    assert.deepEqual(marks({ slices: all, states: { b: 'Unknown', d: 'Unknown' } }), []);
  });
});
