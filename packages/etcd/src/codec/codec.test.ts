import assert from 'node:assert/strict';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { protoRoot } from '@kubets/platform';
import fc from 'fast-check';
import protobuf from 'protobufjs';
import {
  CodecError,
  type Compare,
  type KeyValue,
  messageType,
  type PutRequest,
  serviceMethods,
  type TxnRequest,
  type WatchCreateRequest,
} from './index.ts';

const TXN = messageType<TxnRequest>('etcdserverpb.TxnRequest');
const PUT = messageType<PutRequest>('etcdserverpb.PutRequest');
const KV = messageType<KeyValue>('mvccpb.KeyValue');
const COMPARE = messageType<Compare>('etcdserverpb.Compare');
const CREATE = messageType<WatchCreateRequest>('etcdserverpb.WatchCreateRequest');

/** The same definitions through protobufjs: the independent opinion. */
const reference = new protobuf.Root();
reference.resolvePath = (_origin, target) => join(protoRoot, target);
reference.loadSync('etcd/rpc.proto');

describe('the codec', () => {
  it('gives back what was encoded, 64-bit integers exact', () => {
    const numbers = fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n });
    const bytes = fc.uint8Array({ maxLength: 40 }).map((b) => Buffer.from(b));
    const kv = fc.record({
      key: bytes,
      createRevision: numbers,
      modRevision: numbers,
      version: numbers,
      value: bytes,
      lease: numbers,
    });
    fc.assert(
      fc.property(kv, (value) => {
        assert.deepEqual(KV.decode(KV.encode(value)), { ...value });
      }),
    );
  });

  it('writes what protobufjs reads, and reads what it writes', () => {
    const type = reference.lookupType('etcdserverpb.TxnRequest');
    const txn = {
      compare: [
        {
          result: 3,
          target: 2,
          key: Buffer.from('a'),
          modRevision: 0n,
          rangeEnd: Buffer.from('b'),
        },
        { result: 1, target: 4, key: Buffer.from('c'), lease: -5n },
      ],
      success: [
        { requestPut: { key: Buffer.from('k'), value: Buffer.alloc(300, 7), lease: 2n ** 62n } },
        { requestRange: { key: Buffer.from('k'), limit: 128, serializable: true } },
        { requestTxn: { failure: [{ requestDeleteRange: { key: Buffer.from('z') } }] } },
      ],
      failure: [],
    };
    const ours = TXN.encode(txn);
    const theirs = type.encode(type.decode(ours)).finish();
    assert.deepEqual(TXN.decode(theirs), TXN.decode(ours));
    assert.deepEqual(Buffer.from(theirs), ours);
  });

  it('has the door between members as protobufjs has it, 64-bit integers of fixed size too', () => {
    const members = new protobuf.Root();
    members.resolvePath = (_origin, target) => join(protoRoot, target);
    members.loadSync('raft/raft.proto');
    const type = members.lookupType('kubets.raft.v1.Hello');
    const ours = messageType<object>('kubets.raft.v1.Hello');
    for (const from of [0n, 1n, 2n ** 32n, 2n ** 63n + 5n, 2n ** 64n - 1n]) {
      const hello = { version: 1, clusterId: 7n, from, to: 2n, peerUrls: ['http://a', 'b'] };
      const bytes = ours.encode(hello);
      const theirs = type.toObject(type.decode(bytes), { longs: String, defaults: true });
      assert.deepEqual(theirs, { ...hello, clusterId: '7', from: String(from), to: '2' });
      assert.deepEqual(Buffer.from(type.encode(type.fromObject(theirs)).finish()), bytes);
      assert.deepEqual(ours.decode(bytes), hello);
    }
    assert.throws(() => ours.decode(Buffer.from([0x11, 1, 2, 3])), CodecError);
  });

  it('keeps what is to be kept apart from other memory', () => {
    const put = { key: Buffer.from('k'), value: Buffer.from('v') };
    const [kept, sent] = [PUT.encodeToKeep(put), PUT.encode(put)];
    assert.deepEqual(kept, sent);
    assert.equal(kept.buffer.byteLength, kept.length);
  });

  it('writes 64-bit integers as the format has them, at every length', () => {
    for (let bits = 0n; bits <= 64n; bits++) {
      for (const value of [(1n << bits) - 1n, 1n << bits, (1n << bits) + 5n]) {
        if (value >= 1n << 63n) continue;
        for (const lease of [value, -value]) {
          const decoded = PUT.decode(PUT.encode({ lease }));
          assert.equal(decoded.lease, lease);
          // One byte of tag; seven bits a byte; negative ones as 64 bits.
          const size = BigInt.asUintN(64, lease).toString(2).length;
          const bytes = lease === 0n ? 0 : 1 + Math.ceil(size / 7);
          assert.equal(PUT.encode({ lease }).length, bytes);
        }
      }
    }
  });

  it('leaves zero values away, except in a oneof, where presence counts', () => {
    assert.equal(PUT.encode({ key: Buffer.alloc(0), lease: 0, prevKv: false }).length, 0);
    const compared = COMPARE.decode(COMPARE.encode({ modRevision: 0n }));
    assert.equal(compared.modRevision, 0n);
    assert.equal(compared.version, undefined);
  });

  it('fills absent fields with their zero', () => {
    assert.deepEqual(PUT.decode(Buffer.alloc(0)), {
      ...{ key: Buffer.alloc(0), value: Buffer.alloc(0), lease: 0n },
      ...{ prevKv: false, ignoreValue: false, ignoreLease: false },
    });
  });

  it('reads repeated numbers packed and one by one', () => {
    assert.deepEqual(CREATE.decode(CREATE.encode({ filters: [0, 1, 0] })).filters, [0, 1, 0]);
    assert.deepEqual(CREATE.decode(Buffer.of(0x28, 1, 0x28, 0)).filters, [1, 0]);
  });

  it('skips fields it does not know', () => {
    const unknown = Buffer.concat([
      Buffer.of(0xa0, 0x06, 0x96, 0x01), // field 100, varint
      Buffer.of(0xa1, 0x06, 1, 2, 3, 4, 5, 6, 7, 8), // 64 bits
      Buffer.of(0xa5, 0x06, 1, 2, 3, 4), // 32 bits
      Buffer.of(0xa2, 0x06, 2, 9, 9), // bytes
      PUT.encode({ key: Buffer.from('k') }),
    ]);
    assert.equal(PUT.decode(unknown).key.toString(), 'k');
  });

  it('takes a nested message that is already encoded', () => {
    const put = PUT.encode({ key: Buffer.from('k'), value: Buffer.alloc(1000) });
    const txn = TXN.decode(TXN.encode({ success: [{ requestPut: put }] }));
    assert.equal(txn.success[0]?.requestPut?.value.length, 1000);
  });

  it('leaves room in front when asked to', () => {
    const framed = PUT.encode({ key: Buffer.from('k') }, 5);
    assert.deepEqual(framed.subarray(5), PUT.encode({ key: Buffer.from('k') }));
  });

  it('writes messages larger than its buffer', () => {
    const value = Buffer.alloc(3_000_000, 1);
    assert.equal(PUT.decode(PUT.encode({ value, lease: -1n })).value.length, value.length);
  });

  const wrong: Readonly<Record<string, Buffer>> = {
    'a field that runs past the end': Buffer.from([0x0a, 5, 97, 98]),
    'a varint that does not end': Buffer.from([0xff, 0xff]),
    'a varint of eleven bytes': Buffer.from([0x18, ...new Array(10).fill(0xff), 1]),
    'field number zero': Buffer.from([0x00, 1]),
    'a group': Buffer.from([0x0b]),
    'another wire type than declared': Buffer.from([0x08, 1]),
  };
  for (const [what, bytes] of Object.entries(wrong)) {
    it(`refuses ${what}`, () => assert.throws(() => PUT.decode(bytes), CodecError));
  }

  it('refuses a field that runs past the end of a nested message, though not of the one around it', () => {
    const key = [0x1a, 5, 97, 98, 99, 100, 101];
    assert.equal(TXN.decode(Buffer.from([0x0a, 7, ...key])).compare[0]?.key.toString(), 'abcde');
    assert.throws(() => TXN.decode(Buffer.from([0x0a, 2, ...key])), CodecError);
  });

  it('refuses nesting without end', () => {
    let bytes: Buffer = Buffer.alloc(0);
    for (let i = 0; i < 200; i++) {
      bytes = TXN.encode({ success: [{ requestTxn: bytes }] });
    }
    assert.throws(() => TXN.decode(bytes), /nested too deeply/);
  });

  it('never throws anything but CodecError on random bytes', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 60 }), (bytes) => {
        try {
          TXN.decode(bytes);
        } catch (error) {
          assert.ok(error instanceof CodecError);
        }
      }),
    );
  });
});

describe('the services', () => {
  it('have the paths and streams of the wire contract', () => {
    const watch = serviceMethods('etcdserverpb.Watch').Watch;
    assert.equal(watch?.path, '/etcdserverpb.Watch/Watch');
    assert.ok(watch?.requestStream && watch.responseStream);
    assert.equal(Object.keys(serviceMethods('etcdserverpb.KV')).length, 5);
    assert.equal(Object.keys(serviceMethods('etcdserverpb.Auth')).length, 17);
  });
});
