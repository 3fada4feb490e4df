import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { ConfigError, parseFlags } from '@kubets/platform';
import {
  authOf,
  checkConfig,
  clientTlsOf,
  dataDirOf,
  type EtcdConfig,
  etcdFlags,
  initialClusterOf,
  listenersOf,
  metricsListenersOf,
  peerTlsOf,
  peerUrlsOf,
  retentionOf,
} from './config.ts';
import { withoutEffect } from './config-compat.ts';

function config(...argv: string[]): EtcdConfig {
  return parseFlags(etcdFlags, ['--data-dir', '/x', ...argv], {});
}

describe('flags', () => {
  it('have etcd’s names and defaults', () => {
    const c = config();
    assert.equal(c.name, 'default');
    assert.deepEqual(c.listenClientUrls, ['http://localhost:2379']);
    assert.deepEqual([c.heartbeatInterval, c.electionTimeout], [100, 1000]);
    assert.equal(c.maxTxnOps, 128);
    assert.equal(c.maxRequestBytes, 1.5 * 1024 * 1024);
  });

  it('may come from etcd’s environment', () => {
    const c = parseFlags(etcdFlags, ['--data-dir', '/x'], { ETCD_QUOTA_BACKEND_BYTES: '77' });
    assert.equal(c.quotaBackendBytes, 77);
  });

  it('have a name in etcd’s environment each', () => {
    const env = {
      ETCD_NAME: 'e',
      ETCD_INITIAL_CLUSTER: 'e=http://h:1,f=http://h:2',
      ETCD_CLIENT_CERT_AUTH: 'true',
      ETCD_AUTO_COMPACTION_MODE: 'revision',
      ETCD_AUTO_COMPACTION_RETENTION: '1000',
      ETCD_LISTEN_METRICS_URLS: 'http://127.0.0.1:2381',
    };
    const c = parseFlags(etcdFlags, ['--name', 'given'], env);
    assert.equal(c.name, 'given');
    assert.equal(c.clientCertAuth, true);
    assert.equal(initialClusterOf(c).length, 2);
    assert.deepEqual(retentionOf(c), { mode: 'revision', revisions: 1000 });
    assert.deepEqual(metricsListenersOf(c), [{ host: '127.0.0.1', port: 2381 }]);
    assert.equal(dataDirOf(c), 'given.etcd');
  });

  it('that mean nothing here are taken, and told of', () => {
    const c = config(
      ...['--logger=zap', '--pre-vote', '--strict-reconfig-check=true', '--max-wals', '5'],
    );
    assert.deepEqual(
      withoutEffect(c)
        .map((one) => one.flag)
        .sort(),
      [...['--logger', '--max-wals', '--pre-vote', '--strict-reconfig-check']],
    );
    assert.deepEqual(withoutEffect(config()), []);
  });

  it('say how users log in', () => {
    assert.deepEqual(authOf(config()), {
      simpleTokenMs: 300_000,
      bcryptCost: 10,
      strictTxns: false,
    });
    const given = config(
      '--auth-token-ttl',
      '60',
      '--bcrypt-cost',
      '4',
      '--strict-txn-permissions',
    );
    assert.deepEqual(authOf(given), { simpleTokenMs: 60_000, bcryptCost: 4, strictTxns: true });
    assert.throws(() => authOf(config('--auth-token', 'magic')), ConfigError);
  });

  it('that do not fit together are refused', () => {
    checkConfig(config());
    assert.throws(() => checkConfig(config('--election-timeout', '400')), ConfigError);
  });
});

describe('the initial cluster', () => {
  it('is this member alone unless told', () => {
    const c = config('--name', 'm', '--listen-peer-urls', 'http://a:1');
    assert.deepEqual(initialClusterOf(c), [{ name: 'm', peerUrls: ['http://a:1'] }]);
  });

  it('lists members by name, with all their URLs', () => {
    const c = config('--initial-cluster', 'a=http://a:1,b=http://b:1,a=http://a:2');
    assert.deepEqual(initialClusterOf(c), [
      { name: 'a', peerUrls: ['http://a:1', 'http://a:2'] },
      { name: 'b', peerUrls: ['http://b:1'] },
    ]);
    assert.throws(() => initialClusterOf(config('--initial-cluster', 'http://a:1')), ConfigError);
  });

  it('is reached at the advertised URLs, else where it listens', () => {
    assert.deepEqual(peerUrlsOf(config()), ['http://localhost:2380']);
    const advertised = config('--initial-advertise-peer-urls', 'http://a:1');
    assert.deepEqual(peerUrlsOf(advertised), ['http://a:1']);
  });
});

describe('client URLs', () => {
  it('are hosts and ports', () => {
    const c = config('--listen-client-urls', 'http://127.0.0.1:1,http://[::1]:2');
    assert.deepEqual(listenersOf(c, false), [
      { host: '127.0.0.1', port: 1 },
      { host: '::1', port: 2 },
    ]);
  });

  it('are https exactly when there is a certificate', () => {
    const plain = config('--listen-client-urls', 'http://a:1');
    const secure = config('--listen-client-urls', 'https://a:1');
    assert.throws(() => listenersOf(plain, true), /must start with https/);
    assert.throws(() => listenersOf(secure, false), /needs --cert-file/);
    assert.throws(() => listenersOf(config('--listen-client-urls', 'a:1'), false), ConfigError);
  });
});

describe('certificates', () => {
  it('are optional, and go together', () => {
    const dir = mkdtempSync(join(tmpdir(), 'kubets-config-'));
    const pem = join(dir, 'x.pem');
    writeFileSync(pem, '-----BEGIN CERTIFICATE-----\n');
    assert.equal(clientTlsOf(config()), undefined);
    assert.equal(peerTlsOf(config()), undefined);
    const whole = ['--cert-file', pem, '--key-file', pem, '--trusted-ca-file', pem];
    assert.ok(clientTlsOf(config(...whole))?.cert.length);
    assert.throws(() => clientTlsOf(config('--cert-file', pem)), /go together/);
    assert.throws(() => peerTlsOf(config('--peer-key-file', pem)), /--peer-cert-file/);
    const missing = ['--cert-file', join(dir, 'none'), ...whole.slice(2)];
    assert.throws(() => clientTlsOf(config(...missing)), /none/);
    rmSync(dir, { recursive: true });
  });
});

describe('retention', () => {
  const cases: readonly (readonly [string[], object | undefined])[] = [
    [[], undefined],
    [['--auto-compaction-retention', '2'], { mode: 'periodic', periodMs: 7_200_000 }],
    [['--auto-compaction-retention', '5m'], { mode: 'periodic', periodMs: 300_000 }],
    [
      ['--auto-compaction-mode', 'revision', '--auto-compaction-retention', '1000'],
      { mode: 'revision', revisions: 1000 },
    ],
  ];
  for (const [argv, expected] of cases) {
    it(`${argv.join(' ') || 'by default'}`, () => {
      assert.deepEqual(retentionOf(config(...argv)), expected);
    });
  }

  it('that makes no sense is refused', () => {
    assert.throws(() => retentionOf(config('--auto-compaction-retention', 'soon')), ConfigError);
    const revision = ['--auto-compaction-mode', 'revision', '--auto-compaction-retention', '5m'];
    assert.throws(() => retentionOf(config(...revision)), ConfigError);
  });
});
