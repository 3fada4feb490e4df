import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { ApiError, isExpired } from '@kubets/api';
import { type Etcd, startEtcd } from '@kubets/etcd';
import { AmbiguousError, EtcdError, NotTakenError } from '@kubets/etcd/client';
import { silentLogger, systemClock, systemRandom } from '@kubets/platform';
import { storeError } from './errors.ts';
import { EtcdStore } from './etcd-store.ts';
import type { StoreEvent } from './store.ts';

const common = { clock: systemClock, random: systemRandom, log: silentLogger };
const text = (bytes: Buffer | undefined): string | undefined => bytes?.toString();

let etcd: Etcd;
let store: EtcdStore;
before(async () => {
  etcd = await startEtcd({ memory: true });
  store = new EtcdStore({ ...common, endpoints: [etcd.endpoint] });
});
after(async () => {
  store.close();
  await etcd.stop();
});

const put = async (key: string, value: string, expected = 0n): Promise<bigint> => {
  const written = await store.swap(key, Buffer.from(value), expected);
  assert.ok(written.ok);
  return written.revision;
};

describe('the store over etcd', () => {
  it('creates once, replaces and removes only at the revision expected', async () => {
    const first = await put('/a/x', '1');
    const again = await store.swap('/a/x', Buffer.from('2'), 0n);
    assert.ok(!again.ok);
    assert.deepEqual([text(again.current?.value), again.current?.revision], ['1', first]);
    const second = await put('/a/x', '2', first);
    assert.equal((await store.swap('/a/x', Buffer.from('3'), first)).ok, false);
    assert.equal((await store.remove('/a/x', first)).ok, false);
    assert.equal(text((await store.get('/a/x')).value?.value), '2');
    assert.equal(text((await store.get('/a/x', { revision: first })).value?.value), '1');
    assert.ok((await store.remove('/a/x', second)).ok);
    assert.equal((await store.get('/a/x')).value, undefined);
    const absent = await store.remove('/a/x', second);
    assert.ok(!absent.ok && absent.current === undefined);
  });

  it('pages a prefix in key order, as of one revision', async () => {
    for (const key of ['/p/b', '/p/a', '/p/c', '/q/x']) await put(key, key);
    const first = await store.page('/p/', { limit: 2 });
    assert.deepEqual(
      [first.values.map((v) => v.key), first.more, first.count],
      [['/p/a', '/p/b'], true, 3],
    );
    await put('/p/bb', 'later');
    const from = `${first.values.at(-1)?.key}\0`;
    const rest = await store.page('/p/', { limit: 5, from, revision: first.revision });
    assert.deepEqual([rest.values.map((v) => v.key), rest.more, rest.count], [['/p/c'], false, 1]);
  });

  it('watches a prefix from a revision on, and tells how far it is', async () => {
    const from = (await store.currentRevision()) + 1n;
    const first = await put('/w/a', '1');
    const seen: StoreEvent[] = [];
    const { promise: progressed, resolve } = Promise.withResolvers<bigint>();
    const { promise: both, resolve: gotBoth } = Promise.withResolvers<void>();
    const fail = (): void => assert.fail('the watch ended');
    const watch = store.watch('/w/', from, {
      onEvents: (events) => {
        seen.push(...events);
        if (seen.length === 2) gotBoth();
      },
      onProgress: resolve,
      onCompacted: fail,
      onError: fail,
    });
    await store.remove('/w/a', first);
    await both;
    assert.deepEqual(
      seen.map((e) => [e.type, e.key]),
      [
        ['put', '/w/a'],
        ['delete', '/w/a'],
      ],
    );
    await put('/other', 'x');
    watch.requestProgress();
    assert.ok((await progressed) >= (seen.at(-1)?.revision ?? 0n));
    watch.cancel();
  });

  it('says Expired for history that is gone, and forgets it only once', async () => {
    const old = await put('/c/a', '1');
    const newer = await put('/c/a', '2', old);
    await store.compact(newer);
    await store.compact(newer);
    await assert.rejects(store.get('/c/a', { revision: old }), isExpired);
    const { promise, resolve } = Promise.withResolvers<void>();
    store.watch('/c/', old, {
      onEvents: () => undefined,
      onProgress: () => undefined,
      onCompacted: resolve,
      onError: () => undefined,
    });
    await promise;
  });

  it('keeps keys with a life of their own under shared leases', async () => {
    const one = await store.swap('/l/a', Buffer.from('1'), 0n, { ttlSeconds: 60 });
    const two = await store.swap('/l/b', Buffer.from('1'), 0n, { ttlSeconds: 60 });
    assert.ok(one.ok && two.ok);
  });
});

describe('failures of the store', () => {
  const code = (error: unknown): string => {
    const mapped = storeError(error);
    assert.ok(mapped instanceof ApiError);
    const retry = mapped.status.details?.retryAfterSeconds;
    return `${mapped.code} ${mapped.reason}${retry ? ' retry' : ''}`;
  };
  const cases: readonly [string, unknown, string][] = [
    [
      'no leader',
      new EtcdError('noLeader', 14, 'etcdserver: no leader'),
      '503 ServiceUnavailable retry',
    ],
    [
      'no member took it in all of its time',
      new NotTakenError('noLeader', 14, 'a:1: no leader; no connection to etcd at b:1'),
      '503 ServiceUnavailable',
    ],
    ['time is up', new EtcdError('other', 4, 'deadline'), '504 Timeout'],
    [
      'too many requests',
      new EtcdError('tooManyRequests', 8, 'many'),
      '503 ServiceUnavailable retry',
    ],
    ['a write of unknown fate', new AmbiguousError('other', 14, 'lost'), '504 Timeout'],
    ['compacted', new EtcdError('compacted', 11, 'gone'), '410 Expired'],
    ['anything else', new EtcdError('other', 13, 'broken'), '500 InternalError'],
  ];
  for (const [what, error, expected] of cases) {
    it(`${what} → ${expected}`, () => assert.equal(code(error), expected));
  }

  it('say what is likely when no member answered in time', () => {
    const text = (error: unknown): string => String(storeError(error));
    const majority = /a majority of its members may be away/;
    assert.match(text(new EtcdError('other', 4, 'the time of the call is over')), majority);
    assert.match(text(new AmbiguousError('other', 4, 'not known')), majority);
    assert.doesNotMatch(text(new AmbiguousError('other', 14, 'lost')), majority);
    const each = 'a:1: no leader; no connection to etcd at b:1';
    const lost =
      /no leader: a majority of its members is away \(a:1: no leader; no connection to etcd at b:1\)/;
    assert.match(text(new NotTakenError('noLeader', 14, each)), lost);
    assert.match(text(new NotTakenError('other', 14, each)), majority);
  });

  it('errors of our own pass through', () => {
    const error = new Error('mine');
    assert.equal(storeError(error), error);
  });
});
