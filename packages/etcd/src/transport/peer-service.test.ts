import assert from 'node:assert/strict';
import { test } from 'node:test';
import { crc32 } from 'node:zlib';
import { SnapshotStreamError } from '../host/errors.ts';
import type { Hello, SnapshotPart } from './messages.ts';
import { helloProblem } from './peer-service.ts';
import { headerFromWire, receivedChunks } from './snapshot-stream.ts';

const own = { clusterId: 0xffffffffffffffffn, memberId: 2n };
const hello: Hello = {
  version: 1,
  clusterId: 0xffffffffffffffffn,
  from: 1n,
  to: 2n,
  peerUrls: [],
};

test('who is let in', () => {
  const cases: [Partial<Hello> | undefined, RegExp | undefined][] = [
    [{}, undefined],
    [undefined, /hello/],
    [{ version: 2 }, /version 2.*same release/],
    [{ clusterId: 7n }, /another cluster/],
    [{ to: 3n }, /another member listens here/],
  ];
  for (const [change, expected] of cases) {
    const problem = helloProblem(change === undefined ? undefined : { ...hello, ...change }, own);
    if (expected === undefined) assert.equal(problem, undefined);
    else assert.match(problem ?? '', expected);
  }
});

async function* partsOf(list: readonly SnapshotPart[]): AsyncGenerator<SnapshotPart> {
  yield* list;
}

async function receive(list: readonly SnapshotPart[]): Promise<string> {
  let text = '';
  for await (const chunk of receivedChunks(partsOf(list))) text += Buffer.from(chunk).toString();
  return text;
}

const chunk = (text: string): SnapshotPart => ({ chunk: Buffer.from(text) });
const end = (text: string, change = 0): SnapshotPart => ({
  end: { totalBytes: BigInt(text.length), crc32: crc32(text) ^ change },
});

test('chunks are passed on and checked as a whole', async () => {
  assert.equal(await receive([chunk('ab'), chunk('c'), end('abc')]), 'abc');
  assert.equal(await receive([end('')]), '');
});

test('a snapshot that is not whole fails', async () => {
  const cases: [string, SnapshotPart[]][] = [
    ['no end', [chunk('ab')]],
    ['nothing', []],
    ['a chunk is missing', [chunk('ab'), end('abc')]],
    ['a bit is wrong', [chunk('abc'), end('abc', 1)]],
    ['another part', [chunk('abc'), {}]],
  ];
  for (const [name, list] of cases) await assert.rejects(receive(list), SnapshotStreamError, name);
});

test('a header says who, and where the snapshot stands', () => {
  const wire = {
    hello,
    term: 9007199254740991n,
    index: 12n,
    indexTerm: 3n,
    membership: Buffer.from('m'),
  };
  assert.deepEqual(headerFromWire(wire), {
    from: 1n,
    to: 2n,
    term: Number.MAX_SAFE_INTEGER,
    point: { index: 12, term: 3 },
    conf: Buffer.from('m'),
  });
  assert.throws(() => headerFromWire({ ...wire, hello: undefined }), SnapshotStreamError);
});
