import assert from 'node:assert/strict';
import { once } from 'node:events';
import { mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import type { CertificateSigningRequest } from '@kubets/api';
import { FakeApi } from '@kubets/client';
import { certificateFacts, ManualClock, seededRandom, silentLogger } from '@kubets/platform';
import {
  createAuthority,
  createRequest,
  grantRequest,
  issueLeaf,
  type KeyPairPem,
  readRequest,
} from '@kubets/platform/pki';
import { readBootstrapConfig } from './bootstrap-config.ts';
import { bootstrapRequests } from './bootstrap-requests.ts';
import { CertificateKeeper } from './keeper.ts';
import { readPairFile, writePairFile } from './pair-file.ts';
import { apiRequests, requestCertificate, SERVING_SIGNER } from './request.ts';
import { renewAtMs } from './schedule.ts';

const NOW_MS = Date.parse('2026-01-01T00:00:00Z');
const HOUR_MS = 3_600_000;
const root = mkdtempSync(join(tmpdir(), 'kubets-kubelet-tls-'));
after(() => rmSync(root, { recursive: true, force: true }));

const authority = await createAuthority('test-ca', NOW_MS, 3_650);
const wanted = { commonName: 'system:node:a', organizations: ['system:nodes'], hosts: ['a'] };

async function issue(nowMs: number, hosts = ['a']): Promise<KeyPairPem> {
  const { request, key } = await createRequest({ ...wanted, hosts });
  const terms = { notBeforeMs: nowMs, notAfterMs: nowMs + HOUR_MS, usages: ['server auth'] };
  return { cert: await grantRequest(authority, await readRequest(request), terms), key };
}

test('certificates are renewed between 70 and 90 % of their life', () => {
  const facts = { commonName: '', issuer: '', hosts: [], notBeforeMs: 0, notAfterMs: 100 };
  assert.equal(renewAtMs(facts, 0), 70);
  assert.equal(Math.round(renewAtMs(facts, 1)), 90);
});

test('a pair is written whole and read back; half of one counts as none', async () => {
  const file = join(root, 'deep', 'pair.pem');
  assert.equal(readPairFile(file), undefined);
  const pair = await issue(NOW_MS);
  writePairFile(file, pair);
  assert.deepEqual(readPairFile(file), pair);
  assert.equal(statSync(file).mode & 0o777, 0o600);
  writeFileSync(file, pair.cert);
  assert.equal(readPairFile(file), undefined);
});

/** A keeper on a clock of its own, with what it asked for and showed. */
function keeperOn(clock: ManualClock, over: { hosts?: string[]; failures?: number } = {}) {
  let stored: KeyPairPem | undefined;
  let failures = over.failures ?? 0;
  let asked = 0;
  const shown: KeyPairPem[] = [];
  const keeper = new CertificateKeeper({
    name: 'test',
    clock,
    random: seededRandom(1),
    log: silentLogger,
    wanted: { ...wanted, hosts: over.hosts ?? wanted.hosts },
    read: () => stored,
    write: (pair) => {
      stored = pair;
    },
    request: async () => {
      if (failures-- > 0) throw new Error('nobody answers');
      asked += 1;
      return issue(clock.now(), over.hosts).finally(() => {
        asked -= 1;
      });
    },
    onChange: (pair) => shown.push(pair),
  });
  const put = (pair: KeyPairPem): void => {
    stored = pair;
  };
  return { keeper, shown, put, isAsking: () => asked > 0 };
}

/** Lets time pass until something holds; it stands still while a key is made, which takes as much real time as it likes. */
async function passUntil(
  clock: ManualClock,
  holds: () => boolean,
  stepMs: number,
  isAsking = (): boolean => false,
): Promise<void> {
  for (let i = 0; i < 5_000 && !holds(); ) {
    await new Promise((resolve) => setImmediate(resolve));
    if (isAsking()) continue;
    clock.advance(i % 5 === 4 ? stepMs : 0);
    i += 1;
  }
  assert.ok(holds());
}

test('a certificate is replaced in time, again and again, never after its end', async () => {
  const clock = new ManualClock(NOW_MS);
  const { keeper, shown, isAsking } = keeperOn(clock);
  keeper.start();
  await passUntil(clock, () => shown.length === 1, 0, isAsking);
  for (const count of [2, 3]) {
    const before = certificateFacts(shown.at(-1)?.cert ?? '');
    await passUntil(clock, () => shown.length === count, 60_000, isAsking);
    const after = certificateFacts(shown.at(-1)?.cert ?? '');
    const share = (after.notBeforeMs - before.notBeforeMs) / HOUR_MS;
    assert.ok(share >= 0.7 && share <= 0.95, `renewed at ${share}`);
  }
  keeper.stop();
});

test('a certificate for another address is replaced at once, failures are tried again', async () => {
  const clock = new ManualClock(NOW_MS);
  const wrong = { hosts: ['192.0.2.8'], failures: 3 };
  const { keeper, shown, put, isAsking } = keeperOn(clock, wrong);
  put(await issue(NOW_MS, ['192.0.2.7']));
  assert.equal(keeper.current(), undefined);
  keeper.start();
  await passUntil(clock, () => shown.length === 1, 1_000, isAsking);
  assert.ok(clock.now() - NOW_MS < 60_000);
  assert.deepEqual(certificateFacts(shown[0]?.cert ?? '').hosts, ['192.0.2.8']);
  assert.equal(keeper.failures(), 3);
  assert.equal(keeper.untilMs(), certificateFacts(shown[0]?.cert ?? '').notAfterMs);
  keeper.stop();
});

test('a request is answered with a certificate, or with why not', async () => {
  const clock = new ManualClock(NOW_MS);
  const api = new FakeApi({ clock });
  const requests = api.resource<CertificateSigningRequest>(
    'certificates.k8s.io/v1',
    'certificatesigningrequests',
  );
  const ask = () =>
    requestCertificate({
      requests: apiRequests(api),
      clock,
      signer: SERVING_SIGNER,
      usages: ['server auth'],
      wanted,
    });
  const all = () =>
    api.objects<CertificateSigningRequest>('certificates.k8s.io/v1', 'certificatesigningrequests');

  const granted = ask();
  await passUntil(clock, () => all().length === 1, 0);
  const [csr] = all();
  assert.ok(csr);
  const pem = Buffer.from(csr.spec.request, 'base64').toString('latin1');
  const terms = { notBeforeMs: NOW_MS, notAfterMs: NOW_MS + HOUR_MS, usages: ['server auth'] };
  const cert = await grantRequest(authority, await readRequest(pem), terms);
  const certificate = Buffer.from(cert).toString('base64');
  await requests.updateStatus({ ...csr, status: { certificate } });
  let pair: KeyPairPem | undefined;
  void granted.then((made) => {
    pair = made;
  });
  await passUntil(clock, () => pair !== undefined, 1_000);
  assert.equal(pair?.cert, cert);

  const refused = assert.rejects(ask(), /Denied \(not you\)/);
  await passUntil(clock, () => all().length === 2, 0);
  const second = all().find((one) => one.metadata.name !== csr.metadata.name);
  assert.ok(second);
  const denied = { type: 'Denied', status: 'True', message: 'not you' };
  await requests.updateStatus({ ...second, status: { conditions: [denied] } });
  let ended = false;
  void refused.then(() => {
    ended = true;
  });
  await passUntil(clock, () => ended, 1_000);
});

test('a new node asks over HTTPS with its token, and hears why not', async () => {
  const leaf = await issueLeaf(
    authority,
    { commonName: 'api', hosts: ['127.0.0.1'], days: 1 },
    Date.now(),
  );
  const heard: string[] = [];
  const server = createServer({ cert: leaf.cert, key: leaf.key }, (request, response) => {
    heard.push(`${request.method} ${request.url} ${request.headers.authorization}`);
    request.resume();
    const isPost = request.method === 'POST';
    response.statusCode = isPost ? 201 : 403;
    response.end(JSON.stringify(isPost ? { metadata: { name: 'csr-1' } } : { message: 'not you' }));
  }).listen(0, '127.0.0.1');
  after(() => server.close());
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  const config = {
    server: `https://127.0.0.1:${port}`,
    token: 'a.b',
    ca: Buffer.from(authority.cert),
  };
  const requests = bootstrapRequests(config);
  const csr = { metadata: {}, spec: { request: '', signerName: SERVING_SIGNER } };
  assert.equal((await requests.create(csr)).metadata.name, 'csr-1');
  await assert.rejects(requests.get('csr-1'), /403: not you/);
  const path = '/apis/certificates.k8s.io/v1/certificatesigningrequests';
  assert.deepEqual(heard, [`POST ${path} Bearer a.b`, `GET ${path}/csr-1 Bearer a.b`]);
});

test('a bootstrap file without a token is refused with its name', () => {
  const file = join(root, 'bootstrap.yaml');
  const ca = Buffer.from(authority.cert).toString('base64');
  writeFileSync(
    file,
    `clusters: [{cluster: {server: 'https://a:1', certificate-authority-data: ${ca}}}]\nusers: [{user: {token: a.b}}]\n`,
  );
  assert.deepEqual(readBootstrapConfig(file), {
    server: 'https://a:1',
    token: 'a.b',
    ca: Buffer.from(authority.cert),
  });
  writeFileSync(file, 'clusters: []\n');
  assert.throws(() => readBootstrapConfig(file), /bootstrap\.yaml needs a server/);
  assert.throws(() => readBootstrapConfig(join(root, 'none')), /cannot read/);
});
