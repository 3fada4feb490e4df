import assert from 'node:assert/strict';
import { it } from 'node:test';
import { parseFlags } from '@kubets/platform';
import { type ApiServerConfig, flags } from './config.ts';

function config(...argv: string[]): ApiServerConfig {
  return parseFlags(flags, ['--etcd-servers=unused', ...argv]) as unknown as ApiServerConfig;
}

it('kubelets are reached by the stock server’s order of addresses, or the one that is given', () => {
  const types = ['Hostname', 'InternalDNS', 'InternalIP', 'ExternalDNS', 'ExternalIP'];
  assert.deepEqual(config().kubeletPreferredAddressTypes, types);
  const given = config('--kubelet-preferred-address-types=InternalIP,ExternalIP');
  assert.deepEqual(given.kubeletPreferredAddressTypes, ['InternalIP', 'ExternalIP']);
});

it('tokens that pods mount are prolonged unless told otherwise', () => {
  assert.equal(config().serviceAccountExtendTokenExpiration, true);
  const given = config('--service-account-extend-token-expiration=false');
  assert.equal(given.serviceAccountExtendTokenExpiration, false);
});

it('the times of events, watches and requests are the stock server’s, or those that are given', () => {
  const { eventTtl, minRequestTimeout, requestTimeout } = config();
  assert.deepEqual([eventTtl, minRequestTimeout, requestTimeout], [3_600_000, 1_800, 60_000]);
  const given = config('--event-ttl=168h0m0s', '--min-request-timeout=300');
  assert.deepEqual([given.eventTtl, given.minRequestTimeout], [604_800_000, 300]);
  assert.throws(
    () => config('--event-ttl=1d'),
    /^ConfigError: --event-ttl: "1d" is not a duration/,
  );
  assert.throws(() => config('--min-request-timeout=-1'), /^ConfigError: --min-request-timeout: /);
});
