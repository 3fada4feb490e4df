import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { testEndpoint, testPort } from '../testing/builders.ts';
import { staleFlows } from './stale-flows.ts';

const udp = (ips: string[], more = {}) =>
  testPort('dns', {
    protocol: 'udp',
    port: 53,
    endpoints: ips.map((ip) => testEndpoint(ip)),
    ...more,
  });
const flows = (...args: Parameters<typeof staleFlows>): string[] =>
  staleFlows(...args).map((call) => call.join(' '));

describe('staleFlows', () => {
  it('are those to endpoints that left, by every way in', () => {
    const before = [udp(['10.244.0.2', '10.244.0.3'], { nodePort: 30_053 })];
    assert.deepEqual(flows(before, [udp(['10.244.0.3'], { nodePort: 30_053 })]), [
      '-D -p udp --orig-dst 10.96.1.1 --dst-nat 10.244.0.2',
      '-D -p udp --dport 30053 --dst-nat 10.244.0.2',
    ]);
  });

  it('are those of services that are gone', () => {
    assert.deepEqual(flows([udp(['10.244.0.2'])], []), [
      '-D -p udp --orig-dst 10.96.1.1 --dst-nat 10.244.0.2',
    ]);
  });

  it('are those that were refused before there was an endpoint', () => {
    assert.deepEqual(flows([udp([])], [udp(['10.244.0.2'])]), ['-D -p udp --orig-dst 10.96.1.1']);
  });

  it('are none for TCP, and none without a change', () => {
    const tcp = testPort('web', { endpoints: [testEndpoint('10.244.0.2')] });
    assert.deepEqual(flows([tcp], []), []);
    assert.deepEqual(flows([udp(['10.244.0.2'])], [udp(['10.244.0.2'])]), []);
  });
});
