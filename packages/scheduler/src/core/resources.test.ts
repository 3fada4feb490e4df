import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Container, Pod } from '@kubets/api';
import { CPU, MEMORY, podRequests, ResourceNames, scoredRequests } from './resources.ts';

const container = (cpu: string | undefined, more: Partial<Container> = {}): Container => ({
  name: 'c',
  image: 'busybox',
  ...(cpu === undefined ? {} : { resources: { requests: { cpu } } }),
  ...more,
});
const pod = (
  containers: Container[],
  initContainers: Container[] = [],
  more: object = {},
): Pod => ({
  metadata: { name: 'p', namespace: 'default' },
  spec: { containers, initContainers, ...more },
});
const sidecar = (cpu: string): Container => container(cpu, { restartPolicy: 'Always' });

describe('podRequests', () => {
  const cases: [what: string, pod: Pod, cpuMilli: number][] = [
    ['the sum of the containers', pod([container('250m'), container('1')]), 1250],
    [
      'the largest init container, when that is more',
      pod([container('100m')], [container('2'), container('1')]),
      2000,
    ],
    ['the containers, when those are more', pod([container('3')], [container('2')]), 3000],
    ['sidecars beside the containers', pod([container('1')], [sidecar('500m')]), 1500],
    [
      'an init container beside the sidecars started before it',
      pod([container('100m')], [sidecar('1'), container('2')]),
      3000,
    ],
    [
      'an init container without the sidecars started after it',
      pod([container('100m')], [container('2'), sidecar('1')]),
      2000,
    ],
    ['overhead on top', pod([container('1')], [], { overhead: { cpu: '250m' } }), 1250],
    ['nothing', pod([container(undefined)]), 0],
  ];
  for (const [what, subject, cpuMilli] of cases) {
    it(`counts ${what}`, () => {
      assert.equal(podRequests(subject, new ResourceNames()).get(CPU) ?? 0, cpuMilli);
    });
  }

  it('gives every resource name a column of its own', () => {
    const names = new ResourceNames();
    const requests = { 'nvidia.com/gpu': '2', memory: '1Gi' };
    const list = podRequests(pod([container(undefined, { resources: { requests } })]), names);
    assert.equal(list.get(MEMORY), 1024 ** 3);
    assert.equal(list.get(names.column('nvidia.com/gpu')), 2);
    assert.equal(names.name(names.column('nvidia.com/gpu')), 'nvidia.com/gpu');
  });

  it('assumes a little for scores where a container asks for nothing', () => {
    const scored = scoredRequests(pod([container('1'), container(undefined)]), new ResourceNames());
    assert.equal(scored.cpu, 1100);
    assert.equal(scored.memory, 2 * 200 * 1024 * 1024);
  });
});
