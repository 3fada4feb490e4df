import assert from 'node:assert/strict';
import { it } from 'node:test';
import { Metrics } from '@kubets/platform';
import { showVolumes } from './volume-figures.ts';

it('how full volumes are is told claim by claim', async () => {
  const registry = new Metrics();
  const space = { bsize: 4_096, blocks: 100, bfree: 60, bavail: 50, files: 10, ffree: 7 };
  const claims = [
    { namespace: 'shop', claim: 'data', path: '/mnt/a' },
    { namespace: 'shop', claim: 'data', path: '/mnt/a' },
    { namespace: 'shop', claim: 'gone', path: '/mnt/gone' },
  ];
  const spaceOf = (path: string) => {
    if (path === '/mnt/gone') throw new Error('ENOENT');
    return space;
  };
  showVolumes({ registry, claims: () => claims, spaceOf });
  const lines = (await registry.metrics()).split('\n').filter((line) => !line.startsWith('#'));
  const who = '{namespace="shop",persistentvolumeclaim="data"}';
  assert.deepEqual(lines.filter(Boolean), [
    `kubelet_volume_stats_capacity_bytes${who} 409600`,
    `kubelet_volume_stats_available_bytes${who} 204800`,
    `kubelet_volume_stats_used_bytes${who} 163840`,
    `kubelet_volume_stats_inodes${who} 10`,
    `kubelet_volume_stats_inodes_free${who} 7`,
    `kubelet_volume_stats_inodes_used${who} 3`,
  ]);
});
