import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { seededRandom } from '@kubets/platform';
import { isEtcdError } from '../errors.ts';
import { hashVersions } from './hash.ts';
import { MvccStore } from './store.ts';
import { intervalOf, keyName, type Version } from './types.ts';

const b = (text: string): Buffer => Buffer.from(text);
const ALL = intervalOf(Buffer.of(0), Buffer.of(0));
const NOW = { revision: 0, limit: 0, countOnly: false };

function put(store: MvccStore, key: string, value = 'v', lease = 0n): number {
  const txn = store.begin();
  txn.put(b(key), b(value), lease);
  store.end(txn);
  return txn.revision;
}

function remove(store: MvccStore, from: string, end = ''): number {
  const txn = store.begin();
  const gone = txn.deleteRange(intervalOf(b(from), b(end)));
  store.end(txn);
  return gone.length;
}

function shown(versions: Iterable<Version>): string {
  return [...versions].map((v) => `${v.key}=${v.value}@${v.modRevision}`).join(' ');
}

describe('revisions', () => {
  it('start at 1 and count write transactions, not writes', () => {
    const store = new MvccStore();
    assert.equal(store.revision, 1);
    assert.equal(put(store, 'a'), 2);
    const txn = store.begin();
    txn.put(b('b'), b('1'), 0n);
    txn.put(b('c'), b('1'), 0n);
    store.end(txn);
    assert.equal(store.revision, 3);
    assert.deepEqual(
      txn.changes.map((c) => [c.version.modRevision, c.version.sub]),
      [
        [3, 0],
        [3, 1],
      ],
    );
  });

  it('do not move for a transaction that changes nothing', () => {
    const store = new MvccStore();
    assert.equal(remove(store, 'a'), 0);
    assert.equal(store.revision, 1);
  });

  it('of a key tell its creation, last change and number of puts', () => {
    const store = new MvccStore();
    for (const value of ['1', '2', '3']) put(store, 'a', value);
    const v = store.latest(keyName(b('a')));
    assert.deepEqual([v?.createRevision, v?.modRevision, v?.version], [2, 4, 3]);
    remove(store, 'a');
    put(store, 'a', 'again');
    const again = store.latest(keyName(b('a')));
    assert.deepEqual([again?.createRevision, again?.modRevision, again?.version], [6, 6, 1]);
  });
});

describe('scanning', () => {
  it('reads the past', () => {
    const store = new MvccStore();
    put(store, 'a', '1');
    put(store, 'b', '1');
    put(store, 'a', '2');
    remove(store, 'b');
    const at = (revision: number) => shown(store.scan(ALL, { ...NOW, revision }).versions);
    assert.equal(at(2), 'a=1@2');
    assert.equal(at(3), 'a=1@2 b=1@3');
    assert.equal(at(4), 'a=2@4 b=1@3');
    assert.equal(at(5), 'a=2@4');
    assert.equal(at(0), 'a=2@4');
  });

  it('counts all keys whatever the limit', () => {
    const store = new MvccStore();
    for (let i = 0; i < 3000; i++) put(store, `k${String(i).padStart(5, '0')}`);
    for (let i = 0; i < 3000; i += 3) remove(store, `k${String(i).padStart(5, '0')}`);
    assert.equal(store.scan(ALL, { ...NOW, limit: 10 }).count, 2000);
    assert.equal(store.scan(ALL, { ...NOW, limit: 10 }).versions.length, 10);
    assert.equal(store.scan(ALL, { ...NOW, countOnly: true }).count, 2000);
    const some = intervalOf(b('k00010'), b('k01500'));
    const counted = store.scan(some, { ...NOW, countOnly: true });
    assert.equal(counted.count, store.scan(some, NOW).versions.length);
    assert.deepEqual(counted.versions, []);
    assert.equal(store.scan(ALL, { ...NOW, revision: 3001, limit: 1 }).count, 3000);
  });

  it('orders by bytes', () => {
    const store = new MvccStore();
    const keys = [[0xff], [0], [0x7f], [0x80], [0, 0], [0xff, 0], [0x80, 1]];
    for (const key of keys) {
      const txn = store.begin();
      txn.put(Buffer.from(key), b(''), 0n);
      store.end(txn);
    }
    const sorted = keys.map((k) => Buffer.from(k)).sort(Buffer.compare);
    assert.deepEqual(
      store.scan(ALL, NOW).versions.map((v) => v.key),
      sorted,
    );
  });

  it('refuses revisions to come and revisions compacted away', () => {
    const store = new MvccStore();
    put(store, 'a');
    put(store, 'a');
    store.compact(3);
    assert.throws(
      () => store.scan(ALL, { ...NOW, revision: 4 }),
      (e) => isEtcdError(e, 'futureRevision'),
    );
    assert.throws(
      () => store.scan(ALL, { ...NOW, revision: 2 }),
      (e) => isEtcdError(e, 'compacted'),
    );
    assert.equal(store.scan(ALL, { ...NOW, revision: 3 }).count, 1);
  });

  it('within a transaction sees its own writes', () => {
    const store = new MvccStore();
    put(store, 'a', '1');
    const txn = store.begin();
    txn.put(b('a'), b('2'), 0n);
    txn.put(b('b'), b('1'), 0n);
    assert.equal(shown(store.scan(ALL, NOW).versions), 'a=2@3 b=1@3');
    txn.deleteRange(intervalOf(b('a'), b('')));
    assert.equal(shown(store.scan(ALL, NOW).versions), 'b=1@3');
    store.end(txn);
    assert.equal(shown(store.scan(ALL, NOW).versions), 'b=1@3');
  });
});

describe('revisions that are left out', () => {
  it('have no history: what comes next is nothing anybody has seen', () => {
    const store = new MvccStore();
    put(store, 'a', '1');
    put(store, 'a', '2');
    put(store, 'b', '1');
    remove(store, 'b');
    store.skip(1_000);
    assert.deepEqual([store.revision, store.compactRevision], [1_005, 1_005]);
    assert.equal(shown(store.scan(ALL, NOW).versions), 'a=2@3');
    for (const revision of [4, 6, 1_004]) {
      assert.throws(
        () => store.scan(ALL, { ...NOW, revision }),
        (e) => isEtcdError(e, 'compacted'),
      );
    }
    store.sweep();
    assert.equal(store.versionCount, 1);
    assert.equal(put(store, 'a', '3'), 1_006);
    const next = store.changesFrom(1_006, 1_000).map((one) => one.version);
    assert.equal(shown(next), 'a=3@1006');
  });
});

describe('compaction', () => {
  it('keeps what can be read at its revision and later, nothing else', () => {
    const store = new MvccStore();
    put(store, 'a', '1');
    put(store, 'a', '2');
    put(store, 'b', '1');
    remove(store, 'b');
    put(store, 'a', '3');
    put(store, 'c', '1');
    const size = store.sizeBytes;
    store.compact(6);
    assert.equal(shown(store.allVersions()), 'a=3@6 c=1@7');
    assert.equal(store.sweep(), true);
    assert.ok(store.sizeBytes < size);
    assert.equal(store.versionCount, 2);
    assert.equal(store.keyCount, 2);
    assert.equal(shown(store.scan(ALL, { ...NOW, revision: 6 }).versions), 'a=3@6');
  });

  it('keeps a deletion made at its very revision for those who watch from there', () => {
    const store = new MvccStore();
    put(store, 'a');
    remove(store, 'a');
    store.compact(3);
    assert.deepEqual(
      store.changesFrom(3, 1e6).map((c) => c.version.tombstone),
      [true],
    );
    put(store, 'b');
    store.compact(4);
    assert.equal(store.sweep(), true);
    assert.equal(store.keyCount, 1);
  });

  it('is swept up a few keys at a time, and reads do not see what is left', () => {
    const store = new MvccStore();
    for (let i = 0; i < 100; i++) put(store, `k${i % 10}`, `${i}`);
    const at = store.revision - 5;
    const before = shown(store.scan(ALL, { ...NOW, revision: at }).versions);
    store.compact(at);
    let rounds = 0;
    while (!store.sweep(3)) rounds++;
    assert.equal(rounds, 3);
    assert.equal(store.versionCount, 15);
    assert.equal(shown(store.scan(ALL, { ...NOW, revision: at }).versions), before);
  });

  it('goes forward only', () => {
    const store = new MvccStore();
    for (let i = 0; i < 5; i++) put(store, 'a');
    store.compact(4);
    assert.throws(
      () => store.compact(4),
      (e) => isEtcdError(e, 'compacted'),
    );
    assert.throws(
      () => store.compact(7),
      (e) => isEtcdError(e, 'futureRevision'),
    );
  });
});

describe('changes', () => {
  it('come whole revisions at a time, however small the budget', () => {
    const store = new MvccStore();
    for (let i = 0; i < 3; i++) {
      const txn = store.begin();
      for (const key of ['a', 'b', 'c']) txn.put(b(key), Buffer.alloc(100), 0n);
      store.end(txn);
    }
    assert.equal(store.changesFrom(2, 1).length, 3);
    assert.equal(store.changesFrom(2, 600).length, 6);
    assert.equal(store.changesFrom(4, 1e9).length, 3);
    assert.deepEqual(store.changesFrom(5, 1e9), []);
  });

  it('know what was before', () => {
    const store = new MvccStore();
    put(store, 'a', '1');
    put(store, 'a', '2');
    remove(store, 'a');
    const before = store.changesFrom(2, 1e9).map((c) => c.previous?.value.toString());
    assert.deepEqual(before, [undefined, '1', '2']);
  });
});

describe('a restored store', () => {
  it('is the one it was made from', () => {
    const store = new MvccStore();
    const random = seededRandom(7);
    for (let i = 0; i < 500; i++) {
      const key = `k${random.int(40)}`;
      if (random.next() < 0.3) remove(store, key, random.next() < 0.2 ? 'k9' : '');
      else put(store, key, `${i}`);
      if (i === 250) store.compact(store.revision - 20);
    }
    const { revision, compactRevision } = store;
    const other = new MvccStore();
    put(other, 'gone');
    const byRevision = [...store.allVersions()].sort(
      (x, y) => x.modRevision - y.modRevision || x.sub - y.sub,
    );
    other.restore(byRevision, { revision, compactRevision });
    assert.deepEqual([...other.allVersions()], [...store.allVersions()]);
    assert.equal(other.sizeBytes, store.sizeBytes);
    assert.equal(other.versionCount, store.versionCount);
    assert.deepEqual(
      other.changesFrom(compactRevision, 1e9),
      store.changesFrom(compactRevision, 1e9),
    );
    assert.equal(
      hashVersions(other.allVersions(), revision),
      hashVersions(store.allVersions(), revision),
    );
  });
});

describe('all versions', () => {
  it('stay what they were while the store moves on', () => {
    const store = new MvccStore();
    const random = seededRandom(9);
    const work = (): void => {
      for (let i = 0; i < 12_000; i++) put(store, `k${random.int(50)}`, `${i}`);
      remove(store, `k${random.int(50)}`);
    };
    work();
    const versions = store.allVersions();
    const before = shown(versions);
    assert.equal([...versions].length, versions.length);
    assert.equal(versions.length, store.versionCount);
    work();
    store.compact(store.revision);
    store.sweep();
    work();
    assert.equal(shown(versions), before);
    assert.ok(store.versionCount > versions.length / 2);
  });

  it('of a key changed twice in the revision compacted to are both kept for who watches from there', () => {
    const store = new MvccStore();
    put(store, 'a', '1');
    const txn = store.begin();
    txn.put(b('a'), b('2'), 0n);
    txn.deleteRange(intervalOf(b('a'), b('')));
    store.end(txn);
    store.compact(3);
    store.sweep();
    const changes = store.changesFrom(3, 1e9).map((c) => c.version);
    assert.equal(shown(changes), 'a=2@3 a=@3');
    put(store, 'b');
    store.compact(4);
    store.sweep();
    assert.deepEqual([store.keyCount, store.versionCount], [1, 1]);
  });
});

describe('the hash', () => {
  it('of a revision stays as it was when more is written, and differs when anything does', () => {
    const store = new MvccStore();
    put(store, 'a', '1');
    const first = hashVersions(store.allVersions(), store.revision);
    put(store, 'a', '2');
    assert.equal(hashVersions(store.allVersions(), 2), first);
    assert.notEqual(hashVersions(store.allVersions(), 3), first);
    const other = new MvccStore();
    put(other, 'a', '1', 5n);
    assert.notEqual(hashVersions(other.allVersions(), 2), first);
  });
});
