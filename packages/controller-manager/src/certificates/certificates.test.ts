import assert from 'node:assert/strict';
import { X509Certificate } from 'node:crypto';
import { after, before, describe, test } from 'node:test';
import type { CertificateSigningRequest, SubjectAccessReview } from '@kubets/api';
import { createAuthority, createRequest, type KeyPairPem } from '@kubets/platform/pki';
import { at, NOW_MS, node, service } from '../testing/builders.ts';
import { TestCluster } from '../testing/cluster.ts';
import { approvalRules, isStale, servingProblem, validity } from './decide.ts';
import {
  csrApprovingController,
  csrCleanerController,
  csrSigningController,
} from './reconciler.ts';
import { isOurSigner, SIGNER, signerProblem } from './signers.ts';

const HOUR_MS = 3_600_000;
const CLIENT = ['digital signature', 'client auth'];
const SERVER = ['digital signature', 'server auth'];

const identity = (over: object = {}) => ({
  commonName: 'system:node:a',
  organizations: ['system:nodes'],
  dnsNames: [] as string[],
  ipAddresses: [] as string[],
  emailAddresses: [] as string[],
  uris: [] as string[],
  ...over,
});

const csr = (over: Partial<CertificateSigningRequest['spec']> = {}): CertificateSigningRequest => ({
  apiVersion: 'certificates.k8s.io/v1',
  kind: 'CertificateSigningRequest',
  metadata: { name: 'c', creationTimestamp: at(0) },
  spec: {
    request: '',
    signerName: SIGNER.kubeletClient,
    usages: CLIENT,
    username: 'system:bootstrap:abcdef',
    groups: ['system:bootstrappers'],
    ...over,
  },
});

describe('signers', () => {
  const cases: [string, Parameters<typeof signerProblem>, RegExp | undefined][] = [
    ['a node’s client', [SIGNER.kubeletClient, identity(), CLIENT], undefined],
    [
      'a node’s client with key encipherment',
      [SIGNER.kubeletClient, identity(), [...CLIENT, 'key encipherment']],
      undefined,
    ],
    [
      'a node in the masters’ group',
      [
        SIGNER.kubeletClient,
        identity({ organizations: ['system:nodes', 'system:masters'] }),
        CLIENT,
      ],
      /organization/,
    ],
    [
      'a person as a node',
      [SIGNER.kubeletClient, identity({ commonName: 'jane' }), CLIENT],
      /common name/,
    ],
    [
      'a node without a name',
      [SIGNER.kubeletClient, identity({ commonName: 'system:node:' }), CLIENT],
      /common name/,
    ],
    [
      'a client that wants to serve',
      [SIGNER.kubeletClient, identity(), [...CLIENT, 'server auth']],
      /server auth/,
    ],
    [
      'a client with hosts',
      [SIGNER.kubeletClient, identity({ dnsNames: ['a'] }), CLIENT],
      /subjectAltNames/,
    ],
    ['a server without hosts', [SIGNER.kubeletServing, identity(), SERVER], /at least one/],
    ['a server', [SIGNER.kubeletServing, identity({ dnsNames: ['a'] }), SERVER], undefined],
    [
      'a server with an address of mail',
      [SIGNER.kubeletServing, identity({ dnsNames: ['a'], emailAddresses: ['a@b'] }), SERVER],
      /email/,
    ],
    [
      'a server with a URI',
      [SIGNER.kubeletServing, identity({ dnsNames: ['a'], uris: ['spiffe://a'] }), SERVER],
      /URI/,
    ],
    ['any client', [SIGNER.apiClient, identity({ commonName: 'jane' }), CLIENT], undefined],
    ['a client that is none', [SIGNER.apiClient, identity(), ['digital signature']], /client auth/],
  ];
  for (const [name, args, problem] of cases) {
    test(name, () => {
      const found = signerProblem(...args);
      if (problem === undefined) assert.equal(found, undefined);
      else assert.match(found ?? '', problem);
    });
  }

  test('the legacy signer and foreign ones are not ours', () => {
    assert.ok(!isOurSigner('kubernetes.io/legacy-unknown'));
    assert.ok(!isOurSigner('example.com/own'));
  });
});

describe('approval', () => {
  test('a bootstrapper gets a node’s certificate by one right, the node itself by another', () => {
    const rights = (one: CertificateSigningRequest) =>
      approvalRules(one, identity()).map((rule) => rule.subresource);
    assert.deepEqual(rights(csr()), ['nodeclient']);
    assert.deepEqual(rights(csr({ username: 'system:node:a' })), ['selfnodeclient', 'nodeclient']);
    assert.deepEqual(rights(csr({ signerName: SIGNER.apiClient })), []);
    assert.deepEqual(rights(csr({ usages: ['server auth'] })), []);
  });

  test('a node’s proxy and name server by rights of their own, nothing else for any client', () => {
    const rights = (over: object) =>
      approvalRules(
        csr({ signerName: SIGNER.apiClient, username: 'system:node:a' }),
        identity({ organizations: [], ...over }),
      ).map((rule) => rule.subresource);
    assert.deepEqual(rights({ commonName: 'system:kube-proxy' }), ['proxyclient']);
    assert.deepEqual(rights({ commonName: 'system:kube-dns' }), ['dnsclient']);
    assert.deepEqual(rights({ commonName: 'constructor' }), []);
    const withGroup = { commonName: 'system:kube-proxy', organizations: ['system:masters'] };
    assert.deepEqual(rights(withGroup), []);
  });

  test('a serving certificate only for the node itself', () => {
    const wanted = identity({ dnsNames: ['a'] });
    const serving = { signerName: SIGNER.kubeletServing, usages: SERVER };
    const own = csr({ ...serving, username: 'system:node:a' });
    assert.equal(approvalRules(own, wanted)[0]?.subresource, 'selfnodeserver');
    const other = csr({ ...serving, username: 'system:node:b' });
    assert.deepEqual(approvalRules(other, wanted), []);
  });

  test('a node serves under its own names and addresses only', () => {
    const known = node('a');
    known.status = {
      ...known.status,
      addresses: [
        { type: 'Hostname', address: 'a.example' },
        { type: 'InternalIP', address: '192.0.2.7' },
      ],
    };
    const facts = { node: known, isTaken: (ip: string) => ip === '10.96.0.1' };
    const problem = (over: object) => servingProblem(identity(over), facts);
    assert.equal(problem({ dnsNames: ['a', 'a.example'], ipAddresses: ['192.0.2.7'] }), undefined);
    assert.match(problem({ dnsNames: ['kubernetes.default.svc'] }) ?? '', /no name of node a/);
    assert.match(problem({ ipAddresses: ['192.0.2.8'] }) ?? '', /no address of node a/);
    known.status.addresses?.push({ type: 'InternalIP', address: '10.96.0.1' });
    assert.match(problem({ ipAddresses: ['10.96.0.1'] }) ?? '', /belongs to/);
    assert.match(servingProblem(identity(), { ...facts, node: undefined }) ?? '', /not exist/);
  });
});

test('lives are as asked, not too short, not too long', () => {
  const lasts = (seconds: number | undefined) => {
    const { notBeforeMs, notAfterMs } = validity(seconds, 24 * HOUR_MS, NOW_MS);
    assert.equal(notBeforeMs, NOW_MS - 300_000);
    return (notAfterMs - NOW_MS) / 1000;
  };
  assert.equal(lasts(3600), 3600);
  assert.equal(lasts(1), 600);
  assert.equal(lasts(undefined), 24 * 3600 - 300);
  assert.equal(lasts(90 * 3600), 24 * 3600 - 300);
});

test('requests are forgotten by what became of them', () => {
  const decided = (type: string): CertificateSigningRequest => ({
    ...csr(),
    status: {
      conditions: [{ type, status: 'True', lastUpdateTime: at(0) }],
      ...(type === 'Approved' ? { certificate: 'eA==' } : {}),
    },
  });
  for (const type of ['Approved', 'Denied', 'Failed']) {
    assert.ok(!isStale(decided(type), NOW_MS + HOUR_MS), type);
    assert.ok(isStale(decided(type), NOW_MS + HOUR_MS + 1), type);
  }
  assert.ok(!isStale(csr(), NOW_MS + 24 * HOUR_MS));
  assert.ok(isStale(csr(), NOW_MS + 24 * HOUR_MS + 1));
});

describe('the loops together', () => {
  let authority: KeyPairPem;
  let cluster: TestCluster;
  const mayNot = new Set<string>();

  before(async () => {
    authority = await createAuthority('test-ca', NOW_MS, 365);
    cluster = new TestCluster({
      controllers: (deps) => [
        csrApprovingController(deps),
        csrSigningController(deps, { authority, durationMs: 24 * HOUR_MS }),
        csrCleanerController(deps),
      ],
    });
    cluster.api.allows = ({ user, resourceAttributes }: SubjectAccessReview['spec']) =>
      !mayNot.has(user ?? '') && resourceAttributes?.resource === 'certificatesigningrequests';
    await cluster.start();
  });
  after(() => cluster.stop());

  const submit = async (
    name: string,
    wanted: Parameters<typeof createRequest>[0],
    over: Partial<CertificateSigningRequest['spec']> = {},
  ) => {
    const { request } = await createRequest(wanted);
    const object = csr({ request: Buffer.from(request).toString('base64'), ...over });
    object.metadata = { name };
    await cluster.create('certificatesigningrequests', object);
  };
  const present = (name: string) =>
    cluster.get<CertificateSigningRequest>('certificatesigningrequests', name);
  const certificateOf = (name: string): string =>
    Buffer.from(present(name).status?.certificate ?? '', 'base64').toString('latin1');
  const nodeA = { commonName: 'system:node:a', organizations: ['system:nodes'] };

  test('a bootstrapping node has its certificate without anybody’s help', async () => {
    await submit('boot', nodeA, { expirationSeconds: 3600 });
    await cluster.until('signed', () => certificateOf('boot') !== '');
    const cert = new X509Certificate(certificateOf('boot'));
    assert.ok(cert.verify(new X509Certificate(authority.cert).publicKey));
    assert.match(cert.subject, /CN=system:node:a/);
    assert.equal(Date.parse(cert.validTo) - cluster.clock.now() <= 3_600_000, true);
    assert.equal(present('boot').status?.conditions?.[0]?.reason, 'AutoApproved');
  });

  test('whoever lacks the right waits; a person’s approval is signed', async () => {
    mayNot.add('stranger');
    await submit('wait', nodeA, { username: 'stranger' });
    await cluster.settle();
    assert.equal(present('wait').status?.conditions, undefined);
    const approved = { type: 'Approved', status: 'True', reason: 'ByHand', message: '' };
    const object = { ...present('wait'), status: { conditions: [approved] } };
    const api = cluster.api.resource('certificates.k8s.io/v1', 'certificatesigningrequests');
    await api.updateSubresource('', 'wait', 'approval', object);
    await cluster.until('signed', () => certificateOf('wait') !== '');
  });

  test('what was approved against the signer’s rules fails, with the reason', async () => {
    await submit('bad', { commonName: 'jane' });
    const approved = { type: 'Approved', status: 'True', reason: 'ByHand', message: '' };
    const object = { ...present('bad'), status: { conditions: [approved] } };
    const api = cluster.api.resource('certificates.k8s.io/v1', 'certificatesigningrequests');
    await api.updateSubresource('', 'bad', 'approval', object);
    const failed = () => present('bad').status?.conditions?.find((one) => one.type === 'Failed');
    await cluster.until('failed', () => failed() !== undefined);
    assert.equal(failed()?.reason, 'SignerValidationFailure');
    assert.equal(certificateOf('bad'), '');
  });

  test('a serving certificate waits for the node to say that it has this address', async () => {
    cluster.api.seed('v1', 'services', service('web', { clusterIPs: ['10.96.1.1'] }));
    const hosts = ['b', '192.0.2.9'];
    const serving = { signerName: SIGNER.kubeletServing, usages: SERVER };
    const wanted = { commonName: 'system:node:b', organizations: ['system:nodes'], hosts };
    await submit('serve', wanted, { ...serving, username: 'system:node:b' });
    await cluster.settle();
    assert.equal(certificateOf('serve'), '');
    const known = node('b');
    const addresses = [{ type: 'InternalIP', address: '192.0.2.9' }];
    cluster.addNode({ ...known, status: { ...known.status, addresses } });
    await cluster.until('signed', () => certificateOf('serve') !== '', 500);
    const cert = new X509Certificate(certificateOf('serve'));
    assert.equal(cert.checkIP('192.0.2.9'), '192.0.2.9');
  });

  test('old requests go', async () => {
    await cluster.pass(2 * HOUR_MS, 60_000);
    assert.ok(!cluster.has('certificatesigningrequests', 'boot'));
    assert.ok(!cluster.has('certificatesigningrequests', 'bad'));
  });
});
