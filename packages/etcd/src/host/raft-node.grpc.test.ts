/** Three members over real connections and a real disk. */
import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { silentLogger, systemClock, systemRandom } from '@kubets/platform';
import { encodeWrite, newCell, Registers } from '../testing/sim/state-machine.ts';
import { nodeDisk } from '../wal/runtime/node-disk.ts';
import { DataDirLockedError } from './errors.ts';
import { openConsensus } from './open.ts';
import type { RaftNode } from './raft-node.ts';

async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  await new Promise((resolve) => server.close(resolve));
  assert.ok(typeof address === 'object' && address !== null);
  return address.port;
}

class TestCluster {
  readonly root: string;
  readonly plan: { name: string; peerUrls: string[] }[];
  readonly cells = new Map<string, ReturnType<typeof newCell>>();
  readonly nodes = new Map<string, RaftNode>();
  readonly machines = new Map<string, Registers>();

  constructor(root: string, plan: { name: string; peerUrls: string[] }[]) {
    this.root = root;
    this.plan = plan;
  }

  async open(name: string, state: 'new' | 'existing' = 'new'): Promise<RaftNode> {
    const cell = this.cells.get(name) ?? newCell();
    this.cells.set(name, cell);
    const stateMachine = new Registers({ cell, onApplied: () => undefined });
    const peerUrls = this.plan.find((member) => member.name === name)?.peerUrls ?? [];
    const node = await openConsensus({
      dataDir: join(this.root, name),
      name,
      peerUrls,
      clientUrls: [],
      listenPeerUrls: peerUrls,
      initialCluster: this.plan,
      initialClusterState: state,
      initialClusterToken: 'test',
      stateMachine,
      disk: nodeDisk,
      clock: systemClock,
      random: systemRandom,
      log: silentLogger,
      onFatal: (err) => {
        throw err;
      },
    });
    this.nodes.set(name, node);
    this.machines.set(name, stateMachine);
    return node;
  }

  /** Writes through a member and waits until it has applied the write: that is what "acknowledged" means. */
  async write(name: string, key: string, value: number): Promise<void> {
    const applied = new Promise((resolve) => {
      this.machines.get(name)?.whenApplied(value, resolve);
    });
    await this.nodes.get(name)?.propose(encodeWrite({ key, value }));
    await applied;
  }

  async close(): Promise<void> {
    for (const node of this.nodes.values()) await node.stop();
    await rm(this.root, { recursive: true, force: true });
  }
}

function ledBy(node: RaftNode, holds: (leader: bigint) => boolean): Promise<void> {
  return new Promise((resolve) => {
    const look = (): void => {
      if (holds(node.status().leader)) {
        undo();
        resolve();
      }
    };
    const undo = node.onLeadership(look);
    queueMicrotask(look);
  });
}

async function plan(names: string[]): Promise<{ name: string; peerUrls: string[] }[]> {
  const out: { name: string; peerUrls: string[] }[] = [];
  for (const name of names) {
    out.push({ name, peerUrls: [`http://127.0.0.1:${await freePort()}`] });
  }
  return out;
}

test('three members replicate, fail over, restart and take a fourth one in', async () => {
  const root = await mkdtemp(join(tmpdir(), 'kubets-raft-'));
  const cluster = new TestCluster(root, await plan(['a', 'b', 'c']));
  after(() => cluster.close());
  await Promise.all(['a', 'b', 'c'].map((name) => cluster.open(name)));
  const [a, b, c] = ['a', 'b', 'c'].map((name) => cluster.nodes.get(name));
  assert.ok(a && b && c);
  await Promise.all([a, b, c].map((node) => ledBy(node, (leader) => leader !== 0n)));
  assert.equal(new Set([a, b, c].map((node) => node.status().leader)).size, 1);

  // Through every member, and readable everywhere after a read point.
  for (const [at, name] of ['a', 'b', 'c'].entries()) await cluster.write(name, `k${at}`, at);
  for (const [name, node] of cluster.nodes) {
    await node.waitApplied(await node.readIndex());
    for (const at of [0, 1, 2]) {
      assert.equal(cluster.machines.get(name)?.read(`k${at}`)?.value, at);
    }
  }

  // The leader goes: another one leads, without losing anything.
  const leaderName = [...cluster.nodes].find(([, node]) => node.status().role === 'leader')?.[0];
  assert.ok(leaderName);
  const former = cluster.nodes.get(leaderName)?.status().id;
  const others = [...cluster.nodes].filter(([name]) => name !== leaderName);
  await cluster.nodes.get(leaderName)?.stop();
  for (const [, node] of others) {
    await ledBy(node, (leader) => leader !== 0n && leader !== former);
  }
  const survivor = others[0]?.[0];
  assert.ok(survivor);
  await cluster.write(survivor, 'later', 9);

  // It comes back and catches up.
  const back = await cluster.open(leaderName);
  await back.waitApplied(await back.readIndex());
  assert.equal(cluster.machines.get(leaderName)?.read('later')?.value, 9);

  // A second process on its directory is refused.
  await assert.rejects(cluster.open(leaderName), DataDirLockedError);
  cluster.nodes.set(leaderName, back);

  // A fourth member: told to the cluster first, then started.
  const [fourth] = await plan(['d']);
  assert.ok(fourth);
  const member = { ...fourth, id: 4444n, clientUrls: [], isLearner: true };
  await back.changeMembers({ type: 'add', member });
  cluster.plan.push(fourth);
  const d = await cluster.open('d', 'existing');
  assert.equal(d.status().id, 4444n);
  await ledBy(d, (leader) => leader !== 0n);
  await d.waitApplied(await d.readIndex());
  assert.equal(cluster.machines.get('d')?.read('later')?.value, 9);
  const members = await back.changeMembers({ type: 'promote', id: 4444n });
  assert.equal(members.filter((one) => !one.isLearner).length, 4);
});
