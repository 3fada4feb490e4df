import assert from 'node:assert/strict';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { connect as connect2 } from 'node:http2';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { type ConnectionOptions, connect } from 'node:tls';
import { parseFlags } from '@kubets/platform';
import { flags } from './config.ts';
import { EmbeddedAuthority } from './embedded/certificates.ts';
import { type EmbeddedApiServer, startApiServer } from './embedded/start.ts';
import { tlsSettingsOf } from './serving-tls.ts';

let folder: string;
let other: { cert: string; key: string };
let ca: Buffer;
before(async () => {
  folder = mkdtempSync(join(tmpdir(), 'serving-tls-'));
  const authority = await EmbeddedAuthority.create(Date.now(), 'CN=other');
  const made = await authority.issue('CN=other.example', 'other.example', '*.wild.example');
  other = { cert: join(folder, 'other.crt'), key: join(folder, 'other.key') };
  writeFileSync(other.cert, made.cert);
  writeFileSync(other.key, made.key);
  ca = made.ca;
});
after(() => rmSync(folder, { recursive: true, force: true }));

const settings = (...argv: string[]) =>
  tlsSettingsOf(parseFlags(flags, ['--etcd-servers=unused', ...argv]));

describe('the flags of TLS', () => {
  it('name versions and suites as Go does', () => {
    assert.deepEqual(settings(), { minVersion: 'TLSv1.2', ciphers: undefined, named: [] });
    assert.equal(settings('--tls-min-version=VersionTLS13').minVersion, 'TLSv1.3');
    const { ciphers } = settings(
      '--tls-cipher-suites=TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256,TLS_AES_128_GCM_SHA256',
    );
    assert.match(ciphers ?? '', /^TLS_AES_128_GCM_SHA256:.*:ECDHE-RSA-AES128-GCM-SHA256$/);
    assert.match(settings('--tls-min-version=VersionTLS10').ciphers ?? '', /@SECLEVEL=0$/);
  });

  it('are refused in the stock server’s words where they name what there is not', () => {
    const cases: readonly [string, RegExp][] = [
      ['--tls-min-version=1.2', /unknown tls version "1\.2"$/],
      ['--tls-cipher-suites=X', /Cipher suite X not supported or doesn't exist$/],
      ['--tls-cipher-suites=TLS_RSA_WITH_RC4_128_SHA', /is broken, and not available here$/],
      ['--tls-sni-cert-key=x', /expected comma separated certificate and key file paths$/],
      [`--tls-sni-cert-key=${other.cert},${other.key}:`, /empty names list is not allowed$/],
      ['--tls-sni-cert-key=/no/where,/no/where', /ConfigError: --tls-sni-cert-key: /],
    ];
    for (const [argument, message] of cases) assert.throws(() => settings(argument), message);
  });

  it('take the names of a certificate from it, or those that are given', () => {
    const pair = `--tls-sni-cert-key=${other.cert},${other.key}`;
    const names = (...argv: string[]) => settings(...argv).named.map((one) => one.names);
    const own = ['other.example', 'localhost', '*.wild.example'];
    assert.deepEqual(names(pair, `${pair}:a.example, b.example`), [
      own,
      ['a.example', 'b.example'],
    ]);
  });
});

describe('a server with such flags', () => {
  let api: EmbeddedApiServer;
  before(async () => {
    api = await startApiServer({
      flags: [
        '--tls-min-version=VersionTLS13',
        `--tls-sni-cert-key=${other.cert},${other.key}:x.example,*.y.example`,
        '--http2-max-streams-per-connection=7',
        '--goaway-chance=0.02',
      ],
    });
  });
  after(() => api.stop());

  async function shaken(o: ConnectionOptions) {
    const port = Number(new URL(api.url).port);
    const socket = connect({ port, host: '127.0.0.1', rejectUnauthorized: false, ...o });
    try {
      await once(socket, 'secureConnect');
      const { CN } = socket.getPeerCertificate().subject;
      return { protocol: socket.getProtocol(), CN };
    } finally {
      socket.destroy();
    }
  }

  it('speaks no older version, and shows the certificate that is asked for', async () => {
    const { protocol, CN } = await shaken({});
    assert.deepEqual([protocol, CN], ['TLSv1.3', 'kube-apiserver']);
    await assert.rejects(shaken({ maxVersion: 'TLSv1.2' }), /protocol version|alert/i);
    for (const servername of ['x.example', 'a.y.example']) {
      const found = await shaken({ servername, ca, rejectUnauthorized: false });
      assert.equal(found.CN, 'other.example', servername);
    }
    assert.equal((await shaken({ servername: 'else.example' })).CN, 'kube-apiserver');
  });

  it('tells how many requests a connection takes, and sends clients away now and then', async () => {
    const session = connect2(api.url, { ca: api.ca });
    try {
      await once(session, 'remoteSettings');
      assert.equal(session.remoteSettings.maxConcurrentStreams, 7);
      let isSentAway = false;
      session.on('goaway', () => {
        isSentAway = true;
      });
      const path = { ':path': '/livez' };
      let answers = 0;
      while (!isSentAway) {
        const stream = session.request(path);
        const [head] = (await once(stream, 'response')) as [Record<string, unknown>];
        assert.equal(head[':status'], 200);
        stream.resume();
        await once(stream, 'end');
        answers += 1;
        assert.ok(answers < 5_000, 'never sent away');
      }
    } finally {
      session.close();
    }
  });
});
