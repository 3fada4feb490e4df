/** Flags of a stock apiserver that mean nothing here, or must not be passed over, so that its manifests start this one. */
import type { StockFlag, StockFlags } from '@kubets/platform';

const off = (why: string): StockFlag => ({ why, isSwitch: true, asIs: ['false'] });
const on = (why: string): StockFlag => ({ why, isSwitch: true, asIs: ['true'] });
const refused = (why: string, ...asIs: string[]): StockFlag => ({ why, isRefused: true, asIs });

const BATCHES = 'the log file is written as fast as it takes events';
const SIZES = 'events are written in whole';
const PEERS = 'every apiserver serves the same versions';
const CACHES = 'caches keep events by age and size, for every resource';
const FIGURES = 'figures are read when somebody asks for them';
const AUDIT_VERSION = 'audit events are written as audit.k8s.io/v1';

export const STOCK_FLAGS: StockFlags = {
  'aggregator-reject-forwarding-redirect': on('redirects of extension servers are never passed on'),
  'apiserver-count': { why: 'apiservers are counted by their leases', asIs: ['1'] },
  'audit-log-batch-buffer-size': { why: BATCHES, asIs: ['10000'] },
  'audit-log-batch-max-size': { why: BATCHES, asIs: ['1'] },
  'audit-log-batch-max-wait': { why: BATCHES, asIs: ['0', '0s'] },
  'audit-log-batch-throttle-burst': { why: BATCHES, asIs: ['0'] },
  'audit-log-batch-throttle-enable': off(BATCHES),
  'audit-log-batch-throttle-qps': { why: BATCHES, asIs: ['0'] },
  'audit-log-truncate-enabled': off(SIZES),
  'audit-log-truncate-max-batch-size': { why: SIZES, asIs: ['10485760'] },
  'audit-log-truncate-max-event-size': { why: SIZES, asIs: ['102400'] },
  'audit-log-version': refused(AUDIT_VERSION, 'audit.k8s.io/v1'),
  'audit-webhook-batch-initial-backoff': { why: 'attempts follow a pattern of their own' },
  'audit-webhook-batch-throttle-burst': { why: 'batches follow one another', asIs: ['15'] },
  'audit-webhook-batch-throttle-enable': on('batches follow one another'),
  'audit-webhook-batch-throttle-qps': { why: 'batches follow one another', asIs: ['10'] },
  'audit-webhook-initial-backoff': {
    why: 'attempts follow a pattern of their own',
    asIs: ['10s'],
  },
  'audit-webhook-truncate-enabled': off(SIZES),
  'audit-webhook-truncate-max-batch-size': { why: SIZES, asIs: ['10485760'] },
  'audit-webhook-truncate-max-event-size': { why: SIZES, asIs: ['102400'] },
  'audit-webhook-version': refused(AUDIT_VERSION, 'audit.k8s.io/v1'),
  'cloud-config': refused('no cloud provider is built in: run the cloud-controller-manager'),
  'cloud-provider': refused(
    'no cloud provider is built in: run the cloud-controller-manager',
    'external',
  ),
  'debug-socket-path': { why: 'profile with --cpu-prof of Node.js' },
  'default-watch-cache-size': { why: CACHES, asIs: ['100'] },
  'egress-selector-config-file': refused('connections to nodes and services are made directly'),
  'emulated-version': refused('the API of 1.32 is the only one', '1.32', 'kube=1.32'),
  'enable-aggregator-routing': on('extension servers are always reached at their endpoints'),
  'enable-garbage-collector': on('the finalizers of deletions are always set'),
  'enable-logs-handler': off('files of logs are not served'),
  'etcd-count-metric-poll-period': { why: FIGURES, asIs: ['1m', '1m0s'] },
  'etcd-db-metric-poll-interval': { why: FIGURES, asIs: ['30s'] },
  'etcd-servers-overrides': refused('objects of all resources lie in one store'),
  'kubelet-port': { why: 'the port stands in the status of each node', asIs: ['10250'] },
  'kubelet-read-only-port': { why: 'the port is not used', asIs: ['10255'] },
  'kubelet-timeout': {
    why: 'a kubelet has 10 s to take a connection, then as long as the request',
    asIs: ['5s'],
  },
  'max-connection-bytes-per-sec': { why: 'connections are not slowed down', asIs: ['0'] },
  'peer-advertise-ip': { why: PEERS },
  'peer-advertise-port': { why: PEERS },
  'peer-ca-file': { why: PEERS },
  'permit-address-sharing': on('addresses are always shared'),
  'service-account-lookup': on('objects of tokens are always looked for'),
  'service-account-signing-endpoint': refused(
    'tokens are signed with --service-account-signing-key-file',
  ),
  'storage-initialization-timeout': {
    why: 'the server answers once its caches are filled, however long that takes',
    asIs: ['1m', '1m0s'],
  },
  'tracing-config-file': { why: 'no traces are sent' },
  'watch-cache': on('every resource that is asked for has a cache'),
  'watch-cache-sizes': { why: CACHES },
};
