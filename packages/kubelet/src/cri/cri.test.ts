import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Pod } from '@kubets/api';
import { ManualClock, silentLogger } from '@kubets/platform';
import { containerSpec } from '../core/container-spec.ts';
import { sandboxSpec } from '../core/sandbox-spec.ts';
import { aContainer, aPod } from '../testing/pods.ts';
import { criTarget } from './client.ts';
import { nanosToMs, podUidOf, readinessOf, sandboxOf } from './from-cri.ts';
import type { CriSandboxItem } from './messages.ts';
import { changedPods, fingerprints, type Listing, startRelist } from './relist.ts';
import { containerMessage, sandboxMessage } from './to-cri.ts';

const item = (uid: string, id: string, state: string): CriSandboxItem => ({
  id,
  state,
  metadata: null,
  created_at: '0',
  labels: { 'io.kubernetes.pod.uid': uid },
});
const listing = (...sandboxes: CriSandboxItem[]): Listing => ({ sandboxes, containers: [] });

describe('relist', () => {
  const of = (...items: CriSandboxItem[]) => fingerprints(listing(...items), podUidOf);

  it('tells pods that changed, came or went', () => {
    const before = of(item('a', '1', 'READY'), item('b', '2', 'READY'));
    const after = of(item('a', '1', 'NOTREADY'), item('c', '3', 'READY'));
    assert.deepEqual(changedPods(before, after).sort(), ['a', 'b', 'c']);
    assert.deepEqual(changedPods(before, before), []);
  });

  it('does not mind the order, nor what belongs to nobody', () => {
    const one = of(item('a', '1', 'X'), item('a', '2', 'Y'));
    const other = of(item('a', '2', 'Y'), item('a', '1', 'X'), item('', '9', 'X'));
    assert.deepEqual(changedPods(one, other), []);
  });

  it('goes on after a failure, and stops when told', async () => {
    const clock = new ManualClock();
    const answers = [listing(item('a', '1', 'X')), undefined, listing(item('a', '1', 'Y'))];
    const seen: string[] = [];
    let rounds = 0;
    const round = Promise.withResolvers<void>();
    const relist = startRelist({
      list: async () => {
        const answer = answers[rounds++];
        if (rounds === answers.length) round.resolve();
        if (answer === undefined) throw new Error('down');
        return answer;
      },
      uidOf: podUidOf,
      onChange: (uid) => seen.push(uid),
      clock,
      log: silentLogger,
      periodMs: 10,
    });
    while (rounds < answers.length) {
      await new Promise((resolve) => setImmediate(resolve));
      clock.advance(10);
    }
    await round.promise;
    await new Promise((resolve) => setImmediate(resolve));
    relist.stop();
    clock.advance(1_000);
    assert.deepEqual(seen, ['a', 'a']);
    assert.equal(rounds, answers.length);
    assert.equal(clock.pendingTimers, 0);
  });
});

describe('CRI messages', () => {
  it('carry times exactly enough', () => {
    assert.equal(nanosToMs('1795155346021999999'), 1_795_155_346_021);
    assert.equal(nanosToMs('0'), 0);
    assert.equal(nanosToMs('-6795364578871345152'), 0, 'year 1, as Go says "never"');
  });

  it('tell the addresses of a sandbox', () => {
    const status = {
      ...item('a', '1', 'SANDBOX_READY'),
      network: { ip: '10.0.0.2', additional_ips: [{ ip: 'fd00::2' }] },
      linux: null,
    };
    assert.deepEqual(sandboxOf(status).ips, ['10.0.0.2', 'fd00::2']);
    assert.deepEqual(sandboxOf({ ...status, network: { ip: '', additional_ips: [] } }).ips, []);
  });

  it('tell readiness, also when a condition is missing', () => {
    const conditions = [{ type: 'RuntimeReady', status: true, reason: '', message: '' }];
    const made = readinessOf({ status: { conditions } });
    assert.deepEqual([made.runtime.ok, made.network.ok], [true, false]);
  });

  it('are made from specs', () => {
    const pod = aPod({ hostPID: true });
    const sandbox = sandboxSpec(pod, {
      attempt: 3,
      logDirectory: '/logs',
      cgroupParent: '/g',
      dns: { servers: ['1.1.1.1'], searches: [], options: [] },
      clusterDomain: 'c.l',
      seccompDir: '/s',
    });
    const message = JSON.parse(JSON.stringify(sandboxMessage(sandbox)));
    assert.equal(message.metadata.attempt, 3);
    assert.deepEqual(message.linux.security_context.namespace_options, {
      network: 'POD',
      pid: 'NODE',
      ipc: 'POD',
    });
    const container = aContainer({
      securityContext: { privileged: true, runAsUser: 0, capabilities: { add: ['NET_ADMIN'] } },
    });
    const spec = containerSpec(pod, container, {
      attempt: 1,
      image: { id: 'sha256:1', tags: [], digests: [], sizeBytes: 0, uid: 0, username: '' },
      env: new Map([['A', 'b']]),
      mounts: [{ containerPath: '/x', hostPath: '/y', readonly: true, propagation: 'private' }],
      memoryCapacityBytes: 1,
      seccompDir: '/s',
    });
    const made = JSON.parse(JSON.stringify(containerMessage(spec)));
    assert.deepEqual(made.envs, [{ key: 'A', value: 'b' }]);
    assert.equal(made.mounts[0].propagation, 'PROPAGATION_PRIVATE');
    assert.deepEqual(made.linux.security_context.run_as_user, { value: 0 });
    assert.deepEqual(made.linux.security_context.masked_paths, []);
    assert.equal(made.linux.security_context.seccomp, undefined);
  });

  it('of an ephemeral container name the one whose processes it sees', () => {
    const facts = {
      ...{ attempt: 0, env: new Map(), mounts: [], memoryCapacityBytes: 1, seccompDir: '/s' },
      image: { id: 'sha256:1', tags: [], digests: [], sizeBytes: 0, uid: 0, username: '' },
      pidOf: 'main-0',
    };
    const pid = (pod: Pod): unknown[] => {
      const message = containerMessage(containerSpec(pod, aContainer(), facts));
      const options = JSON.parse(JSON.stringify(message)).linux.security_context.namespace_options;
      return [options.pid, options.target_id];
    };
    assert.deepEqual(pid(aPod()), ['TARGET', 'main-0']);
    assert.deepEqual(pid(aPod({ shareProcessNamespace: true })), ['POD', undefined]);
  });

  it('go to sockets by path or by URL', () => {
    assert.equal(criTarget('/run/x.sock'), 'unix:///run/x.sock');
    assert.equal(criTarget('unix:///run/x.sock'), 'unix:///run/x.sock');
  });
});
