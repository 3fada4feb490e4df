import assert from 'node:assert/strict';
import { test } from 'node:test';
import { inRanges, parseRanges } from '@kubets/platform';
import { balancerRange } from './balancer-range.ts';

const CASES: readonly [string, string][] = [
  ['172.18.0.5/16', '172.18.255.1-172.18.255.254'],
  ['192.168.16.2/20', '192.168.31.1-192.168.31.254'],
  ['10.5.0.200/24', '10.5.0.193-10.5.0.254'],
  ['10.5.0.2/28', '10.5.0.13-10.5.0.14'],
  ['10.5.0.2/29', ''],
  ['fd00::5/64', ''],
  ['10.5.0.2', ''],
  ['', ''],
];

test('load balancers get the upper end of a network', () => {
  for (const [cidr, range] of CASES) assert.equal(balancerRange(cidr), range, cidr);
});

test('the range is one the flag takes, without the broadcast address', () => {
  const ranges = parseRanges([balancerRange('172.18.0.5/16')], '--load-balancer-ranges');
  assert.equal(inRanges('172.18.255.254', ranges), true);
  assert.equal(inRanges('172.18.255.255', ranges), false);
  assert.equal(inRanges('172.18.0.5', ranges), false);
});
