import assert from 'node:assert/strict';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { ConfigError, silentLogger, systemClock, systemRandom } from '@kubets/platform';
import { encodeWrite, newCell, Registers } from '../testing/sim/state-machine.ts';
import { nodeDisk } from '../wal/runtime/node-disk.ts';
import { CorruptLogError } from './errors.ts';
import { type ConsensusOptions, openConsensus } from './open.ts';

let root = '';
before(async () => {
  root = await mkdtemp(join(tmpdir(), 'kubets-open-'));
});
after(() => rm(root, { recursive: true, force: true }));

function alone(dir: string, change: Partial<ConsensusOptions> = {}): ConsensusOptions {
  const peerUrls = ['http://127.0.0.1:1'];
  return {
    dataDir: join(root, dir),
    name: 'solo',
    peerUrls,
    clientUrls: [],
    listenPeerUrls: ['http://127.0.0.1:0'],
    initialCluster: [{ name: 'solo', peerUrls }],
    initialClusterState: 'new',
    initialClusterToken: 'token',
    stateMachine: new Registers({ cell: newCell(), onApplied: () => undefined }),
    disk: nodeDisk,
    clock: systemClock,
    random: systemRandom,
    log: silentLogger,
    onFatal: (err) => {
      throw err;
    },
    ...change,
  };
}

test('a lone member leads at once, and is the same one after a restart', async () => {
  const cell = newCell();
  const machine = () => new Registers({ cell, onApplied: () => undefined });
  const first = machine();
  const node = await openConsensus(alone('lone', { stateMachine: first }));
  const { id } = node.status();
  const written = new Promise((resolve) => first.whenApplied(7, resolve));
  await node.propose(encodeWrite({ key: 'k', value: 7 }));
  await written;
  assert.equal(node.status().leader, id);
  await node.stop();
  // Nothing of the state was durable: it comes back from the log, whatever the flags say now.
  const second = machine();
  const again = await openConsensus(
    alone('lone', { stateMachine: second, initialCluster: [], name: 'renamed' }),
  );
  assert.equal(again.status().id, id);
  await again.waitApplied(await again.readIndex());
  assert.equal(second.read('k')?.value, 7);
  await again.stop();
});

test('wrong flags are one clear error, and nothing is left behind', async () => {
  const other = ['http://127.0.0.1:2'];
  const peerUrls = ['http://127.0.0.1:1'];
  const cases: [string, Partial<ConsensusOptions>, RegExp][] = [
    ['not named', { name: 'nobody' }, /does not name this member/],
    ['disagreeing', { peerUrls: other }, /disagree about solo/],
    ['not a URL', { peerUrls: ['localhost'] }, /not a peer URL/],
    ['no certificate', { listenPeerUrls: ['https://127.0.0.1:0'] }, /--peer-cert-file/],
    [
      'twice the same address',
      {
        initialCluster: [
          { name: 'solo', peerUrls },
          { name: 'other', peerUrls },
        ],
      },
      /twice/,
    ],
    ['nobody to join', { initialClusterState: 'existing' }, /no other member/],
  ];
  for (const [name, change, message] of cases) {
    await assert.rejects(openConsensus(alone('flags', change)), (err) => {
      assert.ok(err instanceof ConfigError, name);
      assert.match(err.message, message, name);
      assert.ok(!err.message.includes('\n'), name);
      return true;
    });
  }
  const node = await openConsensus(alone('flags'));
  await node.stop();
});

test('a damaged log is refused, and the directory is free again', async () => {
  const node = await openConsensus(alone('damaged'));
  await node.stop();
  const file = join(root, 'damaged', 'wal', '0000000000000001.wal');
  await writeFile(file, Buffer.alloc(4096));
  await assert.rejects(openConsensus(alone('damaged')), CorruptLogError);
  await assert.rejects(openConsensus(alone('damaged')), CorruptLogError);
});

test('joining waits for peers until it is told to stop', async () => {
  const giveUp = new AbortController();
  const joining = openConsensus(
    alone('joining', {
      initialClusterState: 'existing',
      initialCluster: [{ name: 'gone', peerUrls: ['http://127.0.0.1:9'] }],
      signal: giveUp.signal,
    }),
  );
  giveUp.abort(new Error('told to stop'));
  await assert.rejects(joining, /told to stop/);
});
