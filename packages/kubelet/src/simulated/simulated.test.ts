import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { ManualClock } from '@kubets/platform';
import { containerSpec } from '../core/container-spec.ts';
import { sandboxSpec } from '../core/sandbox-spec.ts';
import { RuntimeFault } from '../errors.ts';
import { aContainer, aPod } from '../testing/pods.ts';
import { AddressPool } from './address-pool.ts';
import { SimulatedRuntime } from './runtime.ts';

const sandbox = sandboxSpec(aPod(), {
  attempt: 0,
  logDirectory: '',
  cgroupParent: '',
  dns: { servers: [], searches: [], options: [] },
  clusterDomain: 'c.l',
  seccompDir: '',
});

function spec(command: string[], name = 'main') {
  return containerSpec(aPod(), aContainer({ name, command }), {
    attempt: 0,
    image: { id: 'i', tags: [], digests: [], sizeBytes: 0, uid: 1, username: '' },
    env: new Map(),
    mounts: [],
    memoryCapacityBytes: 1,
    seccompDir: '',
  });
}

describe('AddressPool', () => {
  it('hands out every address of the range once, gateway and ends left out', () => {
    const pool = new AddressPool('10.1.2.0/29');
    const all = Array.from({ length: 6 }, () => pool.take());
    assert.deepEqual(all, ['10.1.2.2', '10.1.2.3', '10.1.2.4', '10.1.2.5', '10.1.2.6', undefined]);
  });

  it('does not reuse a freed address at once', () => {
    const pool = new AddressPool('10.1.2.0/28');
    const first = pool.take() ?? '';
    pool.giveBack(first);
    assert.notEqual(pool.take(), first);
  });

  it('refuses what is no range', () => {
    for (const cidr of ['', '10.0.0.0', '10.0.0.0/31', 'fd00::/64']) {
      assert.throws(() => new AddressPool(cidr), RuntimeFault);
    }
  });
});

describe('SimulatedRuntime', () => {
  const made = () => new SimulatedRuntime({ clock: new ManualClock(), podCidr: '10.1.2.0/28' });

  it('has no network before it has a range', async () => {
    const runtime = new SimulatedRuntime({ clock: new ManualClock() });
    assert.equal((await runtime.readiness()).network.ok, false);
    await assert.rejects(runtime.runSandbox(sandbox), RuntimeFault);
    await runtime.setPodCidr('10.1.2.0/28');
    assert.equal((await runtime.readiness()).network.ok, true);
  });

  it('takes a pod from its beginning to its end', async () => {
    const runtime = made();
    const changes: string[] = [];
    runtime.watchPods((uid) => changes.push(uid));
    const sandboxId = await runtime.runSandbox(sandbox);
    const id = await runtime.createContainer(sandboxId, spec(['run']));
    assert.equal((await runtime.inspectPod('uid-1')).containers[0]?.phase, 'created');
    await runtime.startContainer(id);
    assert.equal((await runtime.inspectPod('uid-1')).containers[0]?.phase, 'running');
    await runtime.stopContainer(id);
    await runtime.stopContainer(id);
    assert.equal((await runtime.inspectPod('uid-1')).containers[0]?.exitCode, 143);
    assert.deepEqual(changes, ['uid-1']);
    await runtime.stopSandbox(sandboxId);
    assert.deepEqual((await runtime.inspectPod('uid-1')).sandboxes[0]?.ips, []);
    await runtime.removeContainer(id);
    await runtime.removeSandbox(sandboxId);
    await runtime.removeSandbox(sandboxId);
    assert.deepEqual(await runtime.listPods(), []);
  });

  const exits: [string[], number | undefined][] = [
    [['sh', '-c', 'exit 3'], 3],
    [['sh', '-c', 'echo hi; exit 0'], 0],
    [['true'], 0],
    [['false'], 1],
    [['sh', '-c', 'sleep 1000'], undefined],
    [['exit'], undefined],
  ];
  for (const [command, code] of exits) {
    it(`${command.join(' ')}: ${code === undefined ? 'runs on' : `ends with ${code}`}`, async () => {
      const runtime = made();
      const id = await runtime.createContainer(await runtime.runSandbox(sandbox), spec(command));
      await runtime.startContainer(id);
      const [container] = (await runtime.inspectPod('uid-1')).containers;
      assert.equal(container?.phase, code === undefined ? 'running' : 'exited');
      if (code !== undefined) assert.equal(container?.exitCode, code);
    });
  }

  it('says what it is when asked for a process', async () => {
    const runtime = made();
    await assert.rejects(runtime.openStream(), /simulated/);
    await assert.rejects(runtime.openPortForward(), /simulated/);
    await assert.rejects(runtime.startContainer('none'), (error) => {
      return error instanceof RuntimeFault && error.notFound;
    });
  });
});
