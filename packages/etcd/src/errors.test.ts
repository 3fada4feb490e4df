import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { AmbiguousError, CODE, EtcdError, etcdError, isEtcdError, statusError } from './errors.ts';

describe('errors', () => {
  it('are known by kind after a way over the wire', () => {
    for (const kind of [
      'compacted',
      'futureRevision',
      'noLeader',
      'noSpace',
      'leaseNotFound',
    ] as const) {
      const sent = etcdError(kind);
      const received = EtcdError.fromWire(sent.code, sent.message);
      assert.equal(received.kind, kind);
      assert.equal(received.code, sent.code);
    }
  });

  it('nobody knows are kept as they are', () => {
    const received = EtcdError.fromWire(CODE.unknown, 'something else');
    assert.equal(received.kind, 'other');
    assert.equal(received.message, 'something else');
    assert.equal(statusError(CODE.internal, 'x').code, CODE.internal);
  });

  it('are found along the chain of causes', () => {
    const inner = etcdError('timeout');
    const outer = new AmbiguousError('timeout', inner.code, 'unsure', { cause: inner });
    const wrapped = new Error('above', { cause: outer });
    assert.ok(isEtcdError(wrapped, 'timeout'));
    assert.ok(!isEtcdError(wrapped, 'noLeader'));
    assert.ok(!isEtcdError('text', 'timeout'));
  });
});
