import assert from 'node:assert/strict';
import { it } from 'node:test';
import { parseFlags } from '@kubets/platform';
import { type ApiServerConfig, flags } from './config.ts';
import { securityFlags } from './config-security.ts';
import { servingFlags } from './config-serving.ts';
import { STOCK_FLAGS } from './config-stock.ts';
import { storeFlags } from './config-store.ts';

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

it('flags of manifests for the stock server are all taken', () => {
  const given = [
    ...['--anonymous-auth', '--apiserver-count=3', '--audit-log-version=audit.k8s.io/v1'],
    ...[
      '--cloud-provider=external',
      '--contention-profiling=false',
      '--default-watch-cache-size=0',
    ],
    ...['--delete-collection-workers=3', '--emulated-version=kube=1.32', '--profiling=false'],
    ...['--enable-aggregator-routing=true', '--endpoint-reconciler-type=lease', '--v=2'],
    ...['--etcd-compaction-interval=10m0s', '--etcd-count-metric-poll-period=1m', '--vmodule=a=1'],
    ...['--etcd-prefix=/kubernetes.io', '--external-hostname=api.example', '--goaway-chance=.001'],
    ...['--feature-gates=WatchList=false', '--http2-max-streams-per-connection=42'],
    ...['--kubelet-timeout=10s', '--kubernetes-service-node-port=0', '--livez-grace-period=1m'],
    ...['--log-flush-frequency=5s', '--logging-format=json', '--max-connection-bytes-per-sec=100'],
    ...['--permit-port-sharing', '--service-account-lookup=true', '--storage-backend=etcd3'],
    ...['--shutdown-delay-duration=70s', '--shutdown-send-retry-after', '--watch-cache=true'],
    ...['--tls-cipher-suites=TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256', '--watch-cache-sizes=x#1'],
    ...['--tls-sni-cert-key=a.crt,a.key:x,y', '--tracing-config-file=t.yaml'],
  ];
  const { tlsSniCertKey, deleteCollectionWorkers, etcdPrefix } = config(...given);
  const read = [tlsSniCertKey, deleteCollectionWorkers, etcdPrefix];
  assert.deepEqual(read, [['a.crt,a.key:x,y'], 3, '/kubernetes.io']);
});

it('flags of the stock server that would be missed are refused with a reason', () => {
  const names = ['audit-log-version', 'cloud-config'];
  const more = ['egress-selector-config-file', 'emulated-version', 'etcd-servers-overrides'];
  for (const name of [...names, ...more, 'service-account-signing-endpoint']) {
    assert.throws(() => config(`--${name}=x`), new RegExp(`^ConfigError: --${name}: \\w`), name);
  }
});

it('no flag stands twice: one that has come to mean something is no stock flag any more', () => {
  const own = { ...storeFlags, ...servingFlags, ...securityFlags };
  const twice = Object.keys(STOCK_FLAGS).filter((name) => Object.hasOwn(own, name));
  assert.deepEqual(twice, []);
});
