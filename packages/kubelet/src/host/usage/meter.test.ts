import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, describe, it } from 'node:test';
import type { Pod } from '@kubets/api';
import { ManualClock } from '@kubets/platform';
import { cadvisorMetrics } from '../../door/cadvisor-metrics.ts';
import { statsSummary } from '../../door/stats.ts';
import type { ContainerRuntime } from '../../ports.ts';
import { aPod } from '../../testing/pods.ts';
import { testMachine } from '../../testing/simulated-node.ts';
import { Meter } from './meter.ts';

let dir = '';
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'kubets-meter-'));
});
afterEach(() => rmSync(dir, { recursive: true }));

const put = (path: string, text: string): void => {
  const file = join(dir, path);
  mkdirSync(dirname(file), { recursive: true });
  writeFileSync(file, text);
};
const meter = (): Meter =>
  new Meter({
    ...{ cgroupParent: '/kubets/n', clock: new ManualClock(5_000) },
    ...{ cgroupRoot: join(dir, 'cgroup'), procRoot: join(dir, 'proc') },
  });

const NET_DEV = `Inter-|   Receive                                                |  Transmit
 face |bytes    packets errs drop fifo frame compressed multicast|bytes    packets errs drop fifo colls carrier compressed
    lo:     100       1    0    0    0     0          0         0      100       1    0    0    0     0       0          0
  eth0:    1306      15    1    2    0     0          0         0      682       9    3    4    0     0       0          0
veth14c0:   542       7    0    0    0     0          0         0     1166      13    0    0    0     0       0          0
`;

function runningPod(): Pod {
  const pod = aPod();
  const common = { image: 'app:1', imageID: '', ready: true, restartCount: 0 };
  const state = { running: { startedAt: '1970-01-01T00:00:02Z' } };
  pod.status = {
    containerStatuses: [{ ...common, name: 'main', containerID: 'containerd://c1', state }],
  };
  return pod;
}

const POD = 'kubets/n/poduid-1';

/** A pod's container in the books of version 1. */
function versionOne(): void {
  const of = (controller: string, file: string, text: string): void =>
    put(`cgroup/${controller}/${POD}/c1/${file}`, text);
  of('cpuacct', 'cpuacct.usage', '2500000000\n');
  of('cpuacct', 'cpuacct.stat', 'user 150\nsystem 50\n');
  of('cpu', 'cpu.stat', 'nr_periods 76\nnr_throttled 7\nthrottled_time 3000000000\n');
  of('cpu', 'cpu.shares', '102\n');
  of('cpu', 'cpu.cfs_quota_us', '50000\n');
  of('cpu', 'cpu.cfs_period_us', '100000\n');
  of('memory', 'memory.usage_in_bytes', '1000\n');
  of('memory', 'memory.limit_in_bytes', '4000\n');
  of('memory', 'memory.stat', 'rss 5\ntotal_rss 300\ntotal_cache 600\ntotal_inactive_file 400\n');
  of('memory', 'memory.oom_control', 'oom_kill_disable 0\nunder_oom 0\noom_kill 2\n');
  of(
    'blkio',
    'blkio.throttle.io_service_bytes_recursive',
    '8:0 Read 10\n8:16 Read 5\n8:0 Write 7\nTotal 22\n',
  );
  of('pids', 'pids.current', '3\n');
  of('cpuacct', 'cgroup.procs', '77\n');
  put('proc/77/net/dev', NET_DEV);
  put('proc/self/net/dev', NET_DEV);
}

describe('what is measured', () => {
  it('is in the books of version 1', async () => {
    versionOne();
    const [found] = await meter().measure([runningPod()]);
    const { use, name, id, startedMs } = found?.containers[0] ?? assert.fail();
    assert.deepEqual({ name, id, startedMs }, { name: 'main', id: 'c1', startedMs: 2_000 });
    assert.deepEqual(use.cpu, {
      ...{ totalNanos: 2.5e9, userNanos: 1.5e9, systemNanos: 0.5e9 },
      ...{ periods: 76, throttledPeriods: 7, throttledNanos: 3e9 },
      ...{ shares: 102, quotaUs: 50_000, periodUs: 100_000 },
    });
    const { usageBytes, workingSetBytes, rssBytes, cacheBytes, limitBytes } = use.memory;
    assert.deepEqual([usageBytes, workingSetBytes, rssBytes, cacheBytes], [1_000, 600, 300, 600]);
    assert.equal(limitBytes, 4_000);
    assert.deepEqual([use.disk.readBytes, use.disk.writtenBytes, use.tasks], [15, 7, 3]);
    assert.equal(use.oomKills, 2);
    assert.deepEqual(found?.interfaces, [
      {
        ...{ name: 'eth0', receivedBytes: 1_306, receivedPackets: 15, receiveErrors: 1 },
        ...{ receiveDrops: 2, sentBytes: 682, sentPackets: 9, sendErrors: 3, sendDrops: 4 },
      },
    ]);
  });

  it('is in the books of version 2', async () => {
    const of = (file: string, text: string): void => put(`cgroup/${POD}/c1/${file}`, text);
    of('cpu.stat', 'usage_usec 2500000\nuser_usec 1500000\nsystem_usec 500000\nnr_periods 4\n');
    of('cpu.max', 'max 100000\n');
    of('cpu.weight', '100\n');
    of('memory.current', '1000\n');
    of('memory.max', 'max\n');
    of('memory.stat', 'anon 300\nfile 600\ninactive_file 1200\npgfault 9\n');
    of('memory.events', 'low 0\nmax 6\noom 1\noom_kill 1\n');
    of(
      'io.stat',
      '8:0 rbytes=10 wbytes=7 rios=2 wios=1 dbytes=0 dios=0\n8:16 rbytes=5 wbytes=0 rios=1 wios=0\n',
    );
    const [found] = await meter().measure([runningPod()]);
    const { cpu, memory, disk, oomKills } = found?.containers[0]?.use ?? assert.fail();
    assert.deepEqual(
      [cpu.totalNanos, cpu.userNanos, cpu.quotaUs, cpu.shares],
      [2.5e9, 1.5e9, 0, 2_597],
    );
    assert.deepEqual([memory.rssBytes, memory.workingSetBytes, memory.limitBytes], [300, 0, 0]);
    assert.deepEqual([memory.limitHits, memory.pageFaults, oomKills], [6, 9, 1]);
    assert.deepEqual(disk, { readBytes: 15, writtenBytes: 7, reads: 3, writes: 1 });
  });

  it('is nothing where there is no cgroup', async () => {
    const [found] = await meter().measure([runningPod()]);
    assert.deepEqual([found?.containers, found?.whole, found?.interfaces], [[], undefined, []]);
  });

  it('is shown by the names monitoring knows', async () => {
    versionOne();
    for (const at of ['', 'kubets/n/poduid-1/']) {
      put(`cgroup/cpuacct/${at}cpuacct.usage`, '9000000000\n');
    }
    const own = meter();
    const pods = await own.measure([runningPod()]);
    const page = cadvisorMetrics({ pods, machine: testMachine, ...own.machine() });
    const group = `/${POD}/c1`;
    const main = `container="main",id="${group}",image="app:1",name="c1",namespace="shop",pod="web"`;
    const whole = `container="",id="/${POD}",image="",name="",namespace="shop",pod="web"`;
    const node = 'container="",id="/",image="",name="",namespace="",pod=""';
    for (const line of [
      `container_cpu_usage_seconds_total{${main},cpu="total"} 2.5 5000`,
      `container_cpu_usage_seconds_total{${whole},cpu="total"} 9 5000`,
      `container_cpu_usage_seconds_total{${node},cpu="total"} 9 5000`,
      `container_cpu_cfs_throttled_periods_total{${main}} 7 5000`,
      `container_memory_working_set_bytes{${main}} 600 5000`,
      `container_memory_rss{${main}} 300 5000`,
      `container_network_receive_bytes_total{${whole},interface="eth0"} 1306 5000`,
      `container_network_transmit_packets_dropped_total{${whole},interface="eth0"} 4 5000`,
      `container_fs_writes_bytes_total{${main}} 7 5000`,
      `container_spec_memory_limit_bytes{${main}} 4000 5000`,
      `container_start_time_seconds{${main}} 2 5000`,
      'machine_memory_bytes{boot_id="boot",machine_id="machine",system_uuid="uuid"} 8589934592',
      'container_scrape_error 0',
    ]) {
      assert.ok(page.includes(`${line}\n`), line);
    }
    assert.ok(!page.includes(`container_network_receive_bytes_total{${main}`));
    assert.ok(!page.includes(`container_spec_cpu_quota{${whole}`));
    const names = [...page.matchAll(/^# TYPE (\S+) /gm)].map(([, name]) => name);
    assert.equal(new Set(names).size, names.length);
  });

  it('is summed up for a node', async () => {
    versionOne();
    put(`cgroup/cpuacct/${POD}/cpuacct.usage`, '9000000000\n');
    put(`cgroup/pids/${POD}/pids.current`, '4\n');
    const own = meter();
    const pod = runningPod();
    const usage = { cpuNanoSeconds: 1, memoryWorkingSetBytes: 1_024, atMs: 5_000 };
    const summary = JSON.parse(
      JSON.stringify(
        statsSummary({
          pods: [{ pod, nodeName: 'n1', runtime: {} as ContainerRuntime }],
          ...{ usage: [], measured: await own.measure([pod]), nowMs: 5_000 },
          node: { usage, machine: testMachine, interfaces: own.machine().interfaces },
        }),
      ),
    );
    assert.equal(summary.node.memory.availableBytes, 8 * 1024 ** 3 - 1_024);
    assert.equal(summary.node.network.rxBytes, 1_306);
    const [one] = summary.pods;
    assert.equal(one.cpu.usageCoreNanoSeconds, 9e9);
    assert.equal(one.process_stats.process_count, 4);
    assert.equal(one.network.interfaces[0].txErrors, 3);
    const [main] = one.containers;
    assert.deepEqual(
      [main.name, main.memory.availableBytes, main.memory.rssBytes],
      ['main', 3_400, 300],
    );
  });
});
