/** Databases written and read back, and what the reader makes of damage. */

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { crc32c } from './crc32c.ts';
import { DatabaseError } from './errors.ts';
import { decodeMeta, encodeMeta, fnv64a, PAGE_BYTES } from './format.ts';
import { type ByteSource, Database } from './reader.ts';
import { type BucketSource, writeDatabase } from './writer.ts';

type Content = Readonly<Record<string, readonly (readonly [Buffer, Buffer])[]>>;

function sourceOf(bytes: Buffer): ByteSource {
  return {
    size: bytes.length,
    read(position, length) {
      assert.ok(position >= 0 && position + length <= bytes.length, 'read within the file');
      return Buffer.from(bytes.subarray(position, position + length));
    },
  };
}

async function written(content: Content): Promise<Buffer> {
  const names = Object.keys(content).sort();
  const sources = names.map((name): BucketSource => ({ name, entries: () => content[name] ?? [] }));
  const { totalBytes, chunks } = await writeDatabase(sources);
  const parts: Buffer[] = [];
  for await (const chunk of chunks) parts.push(chunk);
  const bytes = Buffer.concat(parts);
  assert.equal(bytes.length, totalBytes);
  return bytes;
}

function readAll(bytes: Buffer): Content {
  const database = new Database(sourceOf(bytes));
  const read = (name: string) =>
    [...database.entries(name)].map(([k, v]) => [Buffer.from(k), Buffer.from(v)] as const);
  return Object.fromEntries(database.bucketNames.map((name) => [name, read(name)]));
}

function numbered(count: number, valueBytes: number): [Buffer, Buffer][] {
  return Array.from({ length: count }, (_none, i) => {
    const key = Buffer.alloc(17);
    key.writeUInt32BE(i, 4);
    return [key, Buffer.alloc(valueBytes, i)];
  });
}

describe('a database', () => {
  it('is read back as it was written, whatever the sizes', async () => {
    const bytes = (maxLength: number) => fc.uint8Array({ minLength: 1, maxLength });
    const pairs = fc
      .array(fc.tuple(bytes(30), bytes(9_000)), { maxLength: 60 })
      .map((all) => all.map(([k, v]) => [Buffer.from(k), Buffer.from(v)] as const))
      .map((all) => new Map(all.map((pair) => [pair[0].toString('hex'), pair])))
      .map((all) => [...all.values()].sort(([a], [b]) => Buffer.compare(a, b)));
    await fc.assert(
      fc.asyncProperty(pairs, pairs, async (a, b) => {
        const content = { a, b, none: [] };
        assert.deepEqual(readAll(await written(content)), content);
      }),
      { numRuns: 40 },
    );
  });

  it('may have branches over branches', async () => {
    const content = { key: numbered(30_000, 40) };
    const bytes = await written(content);
    assert.deepEqual(readAll(bytes), content);
  });

  it('without buckets is one all the same', async () => {
    assert.deepEqual(readAll(await written({})), {});
  });

  it('is read by its second meta when the first is damaged, and not at all when both are', async () => {
    const bytes = await written({ a: numbered(3, 3) });
    bytes.fill(0xff, 20, 40);
    assert.equal(readAll(bytes).a?.length, 3);
    bytes.fill(0xff, PAGE_BYTES + 20, PAGE_BYTES + 40);
    assert.throws(() => readAll(bytes), DatabaseError);
  });

  it('cut short is refused before anything is read', async () => {
    const bytes = await written({ a: numbered(500, 50) });
    assert.throws(() => readAll(bytes.subarray(0, -PAGE_BYTES)), /cut short/);
  });
});

describe('damage', () => {
  const content = { key: numbered(2_000, 20), meta: numbered(2, 1), big: numbered(3, 20_000) };

  it('to any bytes is either told or without effect on the structure', async () => {
    const whole = await written(content);
    const change = fc.record({ at: fc.nat(whole.length - 1), to: fc.nat(255) });
    fc.assert(
      fc.property(fc.array(change, { minLength: 1, maxLength: 20 }), (changes) => {
        const bytes = Buffer.from(whole);
        for (const { at, to } of changes) bytes[at] = to;
        try {
          readAll(bytes);
        } catch (error) {
          assert.ok(error instanceof DatabaseError, String(error));
        }
      }),
      { numRuns: 500 },
    );
  });

  it('to what pages say of themselves is told', async () => {
    const whole = await written(content);
    const header = fc.record({
      page: fc.integer({ min: 2, max: whole.length / PAGE_BYTES - 1 }),
      at: fc.nat(31),
      to: fc.nat(255),
    });
    fc.assert(
      fc.property(fc.array(header, { minLength: 1, maxLength: 4 }), (changes) => {
        const bytes = Buffer.from(whole);
        for (const { page, at, to } of changes) bytes[page * PAGE_BYTES + at] = to;
        try {
          readAll(bytes);
        } catch (error) {
          assert.ok(error instanceof DatabaseError, String(error));
        }
      }),
      { numRuns: 500 },
    );
  });

  it('that makes pages a loop does not go on for ever', async () => {
    const bytes = await written({ key: numbered(30_000, 40) });
    const { meta } = new Database(sourceOf(bytes));
    const root = meta.root * PAGE_BYTES;
    const keyRoot = Number(bytes.readBigUInt64LE(root + 32 + 3));
    // The first child of the bucket's root is the root itself.
    bytes.writeBigUInt64LE(BigInt(keyRoot), keyRoot * PAGE_BYTES + 24);
    assert.throws(() => readAll(bytes), /reached twice/);
  });

  it('to a file of anything is told', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 20_000 }), (bytes) => {
        assert.throws(() => readAll(Buffer.from(bytes)), DatabaseError);
      }),
      { numRuns: 50 },
    );
  });
});

describe('checksums', () => {
  it('are those of the standards', () => {
    assert.equal(fnv64a(Buffer.from('foobar')), 0x85944171f73967e8n);
    assert.equal(crc32c(Buffer.from('123456789')), 0xe3069283);
    assert.equal(crc32c(Buffer.from('6789'), crc32c(Buffer.from('12345'))), 0xe3069283);
  });

  it('guard the meta', () => {
    const meta = { pageBytes: 4096, root: 3, freelist: 2, pageCount: 4, transaction: 7 };
    const page = encodeMeta(1, meta);
    assert.deepEqual(decodeMeta(page), meta);
    page[20 + 16] = 1;
    assert.equal(decodeMeta(page), undefined);
  });
});
