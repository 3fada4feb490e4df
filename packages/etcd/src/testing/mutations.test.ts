/**
 * Does the simulator see what it is there to see? Each test breaks one promise, by wrapping a port (the product has no
 * switch for it), and expects that some seed notices.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { PeerMessage } from '../host/ports.ts';
import type { Disk } from '../wal/disk.ts';
import { type RunOptions, runSimulation } from './sim/run.ts';
import type { Registers } from './sim/state-machine.ts';

const MAX_SEEDS = 60;

/** Runs seeds until one fails. @returns the failure */
async function firstFinding(breakage: Omit<RunOptions, 'seed' | 'steps'>): Promise<unknown> {
  for (let seed = 1; seed <= MAX_SEEDS; seed += 1) {
    try {
      await runSimulation({ seed, steps: 120, ...breakage });
    } catch (err) {
      return err;
    }
  }
  return undefined;
}

/** A sync that answers before anything is durable. */
function forgetfulDisk(disk: Disk): Disk {
  return {
    ...disk,
    async open(path, options) {
      const file = await disk.open(path, options);
      return { ...file, sync: async () => undefined };
    },
  };
}

test('a disk that acknowledges before it has synced is found out', async () => {
  assert.ok(await firstFinding({ wrapDisk: forgetfulDisk }));
});

test('a member that votes for everybody is found out', async () => {
  const always = (message: PeerMessage): PeerMessage[] =>
    message.type === 'voteResponse' ? [{ ...message, granted: true }] : [message];
  const onNetwork: RunOptions['onNetwork'] = (network) => {
    network.tamper = always;
  };
  assert.ok(await firstFinding({ onNetwork }));
});

test('a follower that accepts appends without comparing logs is found out', async () => {
  const accept = (message: PeerMessage): PeerMessage[] =>
    message.type === 'appendResponse' && message.rejected && message.index > 0
      ? [{ ...message, rejected: false }]
      : [message];
  const onNetwork: RunOptions['onNetwork'] = (network) => {
    network.tamper = accept;
  };
  assert.ok(await firstFinding({ onNetwork }));
});

test('reads that are not confirmed by a quorum are found out', async () => {
  // Whoever leads believes that everybody has confirmed everything: the answers come from nowhere.
  const confirm = (message: PeerMessage): PeerMessage[] => {
    if (message.type !== 'heartbeat' || message.readSeq === 0) return [message];
    const { from, to, term, readSeq } = message;
    return [message, { type: 'heartbeatResponse', from: to, to: from, term, readSeq }];
  };
  const onNetwork: RunOptions['onNetwork'] = (network) => {
    network.tamper = confirm;
    network.tamperedPass = (message) => message.type === 'heartbeatResponse';
  };
  assert.ok(await firstFinding({ onNetwork }));
});

test('a state machine that claims more durability than it has is found out', async () => {
  const boast = (machine: Registers) => {
    let highest = 0n;
    return {
      durableIndex: () => (highest > machine.durableIndex() ? highest : machine.durableIndex()),
      apply: (entries: Parameters<Registers['apply']>[0]) => {
        machine.apply(entries);
        highest = entries.at(-1)?.index ?? highest;
      },
      openSnapshot: () => machine.openSnapshot(),
      installSnapshot: (...args: Parameters<Registers['installSnapshot']>) =>
        machine.installSnapshot(...args),
    };
  };
  assert.ok(await firstFinding({ wrapStateMachine: boast }));
});
