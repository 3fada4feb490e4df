/** Locks and elections over real connections. */

import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import {
  Client,
  type ClientUnaryCall,
  credentials,
  Metadata,
  type ServiceError,
} from '@grpc/grpc-js';
import { delay } from '@kubets/platform';
import { EtcdClient, prefixEnd } from '../client/index.ts';
import {
  type CampaignResponse,
  type LeaderResponse,
  type LockResponse,
  serviceMethods,
} from '../codec/index.ts';
import { type Etcd, startEtcd } from './solo.ts';

const LOCK = serviceMethods('v3lockpb.Lock');
const ELECTION = serviceMethods('v3electionpb.Election');
const b = (text: string): Buffer => Buffer.from(text);

let etcd: Etcd;
let client: EtcdClient;
let grpc: Client;
before(async () => {
  etcd = await startEtcd({ memory: true });
  client = new EtcdClient({ endpoints: [etcd.endpoint] });
  grpc = new Client(etcd.endpoint.replace('http://', ''), credentials.createInsecure());
});
after(async () => {
  client.close();
  grpc.close();
  await etcd.stop();
});

interface Call<T> {
  readonly answer: Promise<T>;
  readonly call: ClientUnaryCall;
}

function start<T>(method: (typeof LOCK)[string] | undefined, request: object): Call<T> {
  assert.ok(method);
  let call: ClientUnaryCall | undefined;
  const answer = new Promise<T>((resolve, reject) => {
    call = grpc.makeUnaryRequest(
      method.path,
      (value: object) => method.request.encode(value),
      (bytes: Buffer) => method.response.decode(bytes) as T,
      request,
      new Metadata(),
      (error: ServiceError | null, value?: T) => {
        if (error || value === undefined) reject(error);
        else resolve(value);
      },
    );
  });
  assert.ok(call);
  return { answer, call };
}

const lock = (name: string, lease: bigint) =>
  start<LockResponse>(LOCK.Lock, { name: b(name), lease });

async function keysOf(name: string): Promise<number> {
  const prefix = b(`${name}/`);
  return (await client.range(prefix, prefixEnd(prefix))).kvs.length;
}

/** Waits until a queue has so many claimants. */
async function queued(name: string, count: number): Promise<void> {
  while ((await keysOf(name)) !== count) await delay(5);
}

describe('a lock', () => {
  it('is held by one at a time, in the order they came', async () => {
    const leases = await Promise.all([1, 2, 3].map(() => client.leaseGrant(60)));
    const [first, second, third] = leases.map((lease) => lease.id);
    const held = await lock('/l1', first ?? 0n).answer;
    const order: string[] = [];
    const waitSecond = lock('/l1', second ?? 0n).answer.then((r) => {
      order.push('second');
      return r;
    });
    await queued('/l1', 2);
    const waitThird = lock('/l1', third ?? 0n).answer.then((r) => {
      order.push('third');
      return r;
    });
    await queued('/l1', 3);
    assert.deepEqual(order, []);
    await start(LOCK.Unlock, { key: held.key }).answer;
    await start(LOCK.Unlock, { key: (await waitSecond).key }).answer;
    await start(LOCK.Unlock, { key: (await waitThird).key }).answer;
    assert.deepEqual(order, ['second', 'third']);
    assert.equal(await keysOf('/l1'), 0);
  });

  it('goes on when its holder’s lease ends', async () => {
    const [first, second] = await Promise.all([client.leaseGrant(60), client.leaseGrant(60)]);
    await lock('/l2', first.id).answer;
    const waiting = lock('/l2', second.id);
    await queued('/l2', 2);
    await client.leaseRevoke(first.id);
    await waiting.answer;
  });

  it('is not left waiting for one who gave up', async () => {
    const [first, second] = await Promise.all([client.leaseGrant(60), client.leaseGrant(60)]);
    await lock('/l3', first.id).answer;
    const waiting = lock('/l3', second.id);
    await queued('/l3', 2);
    waiting.call.cancel();
    await assert.rejects(waiting.answer);
    await queued('/l3', 1);
  });

  it('is lost by one whose lease ends while waiting', async () => {
    const [first, second] = await Promise.all([client.leaseGrant(60), client.leaseGrant(60)]);
    const held = await lock('/l4', first.id).answer;
    const waiting = lock('/l4', second.id);
    await queued('/l4', 2);
    const lost = assert.rejects(waiting.answer, /lease of the claim has ended/);
    await client.leaseRevoke(second.id);
    await start(LOCK.Unlock, { key: held.key }).answer;
    await lost;
  });

  it('comes with a lease of its own when none is given', async () => {
    const { key } = await lock('/l5', 0n).answer;
    const { kv } = await client.get(key);
    assert.ok(kv && kv.lease !== 0n);
  });
});

describe('an election', () => {
  it('has one leader, whose changes and successor are observed', async () => {
    const [first, second] = await Promise.all([client.leaseGrant(60), client.leaseGrant(60)]);
    const campaign = (lease: bigint, value: string) =>
      start<CampaignResponse>(ELECTION.Campaign, { name: b('/e'), lease, value: b(value) });
    const won = await campaign(first.id, 'one').answer;
    const { Observe } = ELECTION;
    assert.ok(Observe);
    const seen: string[] = [];
    const observing = grpc.makeServerStreamRequest(
      Observe.path,
      (value: object) => Observe.request.encode(value),
      (bytes: Buffer) => Observe.response.decode(bytes) as LeaderResponse,
      { name: b('/e') },
      new Metadata(),
    );
    observing.on('error', () => undefined);
    observing.on('data', (r: LeaderResponse) => seen.push(r.kv?.value.toString() ?? ''));
    while (seen.length < 1) await delay(5);
    await start(ELECTION.Proclaim, { leader: won.leader, value: b('one, still') }).answer;
    const next = campaign(second.id, 'two');
    await queued('/e', 2);
    while (seen.length < 2) await delay(5);
    await start(ELECTION.Resign, { leader: won.leader }).answer;
    await next.answer;
    while (seen.length < 3) await delay(5);
    assert.deepEqual(seen, ['one', 'one, still', 'two']);
    observing.cancel();
    const { kv } = await start<LeaderResponse>(ELECTION.Leader, { name: b('/e') }).answer;
    assert.equal(kv?.value.toString(), 'two');
    const late = start(ELECTION.Proclaim, { leader: won.leader, value: b('late') });
    await assert.rejects(late.answer, /election: not leader/);
  });

  it('cannot be spoken for without a key', async () => {
    const asked = [
      start(ELECTION.Proclaim, { leader: { name: b('/e') }, value: b('x') }),
      start(ELECTION.Resign, { leader: { name: b('/e') } }),
    ];
    for (const { answer } of asked) await assert.rejects(answer, /UNKNOWN.*key is not provided/);
  });

  it('that nobody stands for has no leader', async () => {
    const asked = start(ELECTION.Leader, { name: b('/nobody') });
    await assert.rejects(asked.answer, /election: no leader/);
  });
});
