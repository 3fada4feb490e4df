import assert from 'node:assert/strict';
import { it } from 'node:test';
import { ManualClock, Metrics } from '@kubets/platform';
import { showCertificates } from './certificate-figures.ts';

const NOW_MS = Date.parse('2026-01-01T00:00:00Z');

it('how long certificates last, and what went wrong with them, is told under the stock names', async () => {
  const registry = new Metrics();
  showCertificates({
    registry,
    clock: new ManualClock(NOW_MS),
    client: { untilMs: () => NOW_MS + 90_500, failures: () => 2 },
    server: { untilMs: () => undefined, failures: () => 0 },
  });
  const lines = (await registry.metrics()).split('\n').filter((line) => !line.startsWith('#'));
  assert.deepEqual(lines.filter(Boolean), [
    'kubelet_certificate_manager_client_ttl_seconds 90',
    'kubelet_certificate_manager_server_ttl_seconds +Inf',
    'kubelet_certificate_manager_client_expiration_renew_errors 2',
    'kubelet_server_expiration_renew_errors 0',
  ]);
});
