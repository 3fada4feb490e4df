import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { cpuNanosOf, memoryBytesOf } from '../host/node-usage.ts';
import type { ContainerRuntime, ContainerUsage, DoorPod } from '../ports.ts';
import { aPod } from '../testing/pods.ts';
import { resourceMetrics } from './resource-metrics.ts';

const pod = aPod();
const place: DoorPod = { pod, nodeName: 'n', runtime: {} as ContainerRuntime };
const used = (container: string, cpuNanoSeconds: number, bytes: number): ContainerUsage => ({
  podUid: pod.metadata.uid ?? '',
  podName: pod.metadata.name ?? '',
  podNamespace: pod.metadata.namespace ?? '',
  ...{ container, cpuNanoSeconds, memoryWorkingSetBytes: bytes, atMs: 1_000 },
});

/** The samples of a page. */
const lines = (page: string): string[] =>
  page.split('\n').filter((line) => line !== '' && !line.startsWith('#'));

describe('the page of what is used', () => {
  it('has containers, and pods as their sums', () => {
    const page = resourceMetrics([place], [used('a', 1.5e9, 10), used('b', 0.5e9, 20)], undefined);
    const where = 'namespace="shop",pod="web"';
    assert.deepEqual(lines(page), [
      `container_cpu_usage_seconds_total{container="a",${where}} 1.5 1000`,
      `container_cpu_usage_seconds_total{container="b",${where}} 0.5 1000`,
      `container_memory_working_set_bytes{container="a",${where}} 10 1000`,
      `container_memory_working_set_bytes{container="b",${where}} 20 1000`,
      `pod_cpu_usage_seconds_total{${where}} 2 1000`,
      `pod_memory_working_set_bytes{${where}} 30 1000`,
      'resource_scrape_error 0',
    ]);
    assert.match(page, /^# TYPE container_cpu_usage_seconds_total counter$/m);
  });

  it('has the node where it is measured, and since when containers run', () => {
    const startedAt = '1970-01-01T00:01:00Z';
    const running = {
      ...pod,
      status: {
        containerStatuses: [
          {
            ...{ name: 'main', image: '', imageID: '', ready: true, restartCount: 0 },
            state: { running: { startedAt } },
          },
        ],
      },
    };
    const node = { cpuNanoSeconds: 3e9, memoryWorkingSetBytes: 7, atMs: 2_000 };
    assert.deepEqual(lines(resourceMetrics([{ ...place, pod: running }], [], node)), [
      'container_start_time_seconds{container="main",namespace="shop",pod="web"} 60',
      'node_cpu_usage_seconds_total 3 2000',
      'node_memory_working_set_bytes 7 2000',
      'resource_scrape_error 0',
    ]);
  });

  it('says when containers could not be measured', () => {
    const page = resourceMetrics([place], undefined, undefined);
    assert.deepEqual(lines(page), ['resource_scrape_error 1']);
  });

  it('has nothing of pods that are gone', () => {
    const other = { ...used('a', 1, 1), podUid: 'other' };
    assert.deepEqual(lines(resourceMetrics([place], [other], undefined)), [
      'resource_scrape_error 0',
    ]);
  });
});

describe('the use of a machine', () => {
  it('is what the kernel counted, without idling', () => {
    assert.equal(cpuNanosOf('cpu  100 10 40 999 999 5 5 40 77 7\ncpu0 1 1 1 1\n'), 2e9);
  });

  it('is what new programs could not have', () => {
    assert.equal(
      memoryBytesOf('MemTotal:       100 kB\nMemFree: 1 kB\nMemAvailable:    60 kB\n'),
      40 * 1024,
    );
  });
});
