import assert from 'node:assert/strict';
import { X509Certificate } from 'node:crypto';
import { chmodSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { ensurePki } from './ensure.ts';
import { kubeconfigText } from './kubeconfig.ts';
import { wantedLeaves } from './layout.ts';

const root = mkdtempSync(join(tmpdir(), 'kubets-pki-'));
after(() => rmSync(root, { recursive: true, force: true }));

const NOW_MS = Date.parse('2026-01-01T00:00:00Z');
const DAY_MS = 86_400_000;

const input = {
  masters: 1,
  nodeNames: ['node-1'],
  hollowNodes: false,
  hostIp: '192.0.2.7',
  hostName: 'here',
  apiServiceIp: '10.96.0.1',
  clusterDomain: 'cluster.local',
  days: 365,
};

const certOf = (dir: string, name: string): X509Certificate =>
  new X509Certificate(readFileSync(join(dir, `${name}.crt`)));

test('certificates say who, for which hosts, signed by which authority', async () => {
  const dir = join(root, 'fresh');
  await ensurePki(dir, wantedLeaves(input), NOW_MS);
  const ca = certOf(dir, 'ca');
  const etcdCa = certOf(dir, 'etcd-ca');
  const apiserver = certOf(dir, 'apiserver-1');
  assert.ok(apiserver.verify(ca.publicKey));
  assert.ok(!apiserver.verify(etcdCa.publicKey));
  for (const host of ['localhost', 'kubernetes.default.svc', 'here']) {
    assert.equal(apiserver.checkHost(host), host);
  }
  for (const ip of ['127.0.0.1', '10.96.0.1', '192.0.2.7']) assert.equal(apiserver.checkIP(ip), ip);
  const kubelet = certOf(dir, 'kubelet-node-1');
  assert.match(kubelet.subject, /O=system:nodes/);
  assert.match(kubelet.subject, /CN=system:node:node-1/);
  assert.ok(certOf(dir, 'apiserver-etcd-client').verify(etcdCa.publicKey));
  assert.ok(certOf(dir, 'admin').checkPrivateKey !== undefined && !certOf(dir, 'admin').ca);
});

test('every file is 0600', async () => {
  const dir = join(root, 'modes');
  await ensurePki(dir, wantedLeaves(input), NOW_MS);
  for (const file of readdirSync(dir)) {
    assert.equal(statSync(join(dir, file)).mode & 0o777, 0o600, file);
  }
});

test('a second time makes nothing; expiry and new hosts renew what they touch, the authority stays', async () => {
  const dir = join(root, 'again');
  const first = await ensurePki(dir, wantedLeaves(input), NOW_MS);
  assert.ok(first.length > 8);
  assert.deepEqual(await ensurePki(dir, wantedLeaves(input), NOW_MS), []);
  const caBefore = readFileSync(join(dir, 'ca.crt'), 'utf8');
  const moved = await ensurePki(dir, wantedLeaves({ ...input, hostIp: '192.0.2.8' }), NOW_MS);
  assert.deepEqual(moved.toSorted(), ['apiserver-1', 'etcd-1', 'kubelet-node-1']);
  const later = await ensurePki(dir, wantedLeaves(input), NOW_MS + 340 * DAY_MS);
  assert.equal(later.length, first.length);
  assert.equal(readFileSync(join(dir, 'ca.crt'), 'utf8'), caBefore);
});

test('a key others can read is refused, with the command that mends it', async () => {
  const dir = join(root, 'open');
  await ensurePki(dir, wantedLeaves(input), NOW_MS);
  chmodSync(join(dir, 'admin.key'), 0o644);
  await assert.rejects(ensurePki(dir, wantedLeaves(input), NOW_MS), /chmod 600 .*admin\.key/);
});

test('half an authority is refused instead of replaced', async () => {
  const dir = join(root, 'half');
  await ensurePki(dir, wantedLeaves(input), NOW_MS);
  rmSync(join(dir, 'ca.key'));
  await assert.rejects(ensurePki(dir, wantedLeaves(input), NOW_MS), /has only ca\.crt/);
});

test('a kubeconfig carries everything inside', () => {
  const text = kubeconfigText({ server: 'https://127.0.0.1:6443', ca: 'A', cert: 'B', key: 'C' });
  assert.match(text, /server: https:\/\/127\.0\.0\.1:6443/);
  for (const part of ['A', 'B', 'C'])
    assert.ok(text.includes(Buffer.from(part).toString('base64')));
});
