import assert from 'node:assert/strict';
import { createHmac, randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { createServer, type Server } from 'node:https';
import type { AddressInfo } from 'node:net';
import { after, describe, test } from 'node:test';
import { ConfigError, publicKeyPin } from '@kubets/platform';
import { createAuthority, issueLeaf } from '@kubets/platform/pki';
import { signedFacts } from '../../../controller-manager/src/bootstrap/tokens.ts';
import { StartError } from '../errors.ts';
import { checkNodeName, checkRelease, discover, sealedAuthorities } from './discover.ts';
import {
  newToken,
  parseCertificateKey,
  parseToken,
  seal,
  signatureFits,
  signatureKey,
  signatureOf,
  tokenSecret,
  tokenText,
  unseal,
} from './token.ts';

const token = { id: 'abcdef', secret: '0123456789abcdef' };
const authority = await createAuthority('test-ca', Date.now(), 1);
const leaf = await issueLeaf(
  authority,
  { commonName: 'api', hosts: ['127.0.0.1'], days: 1 },
  Date.now(),
);
const ca = Buffer.from(authority.cert).toString('base64');
const kubeconfig = `clusters: [{cluster: {certificate-authority-data: ${ca}}}]\n`;

function signed(content: string, secret = token.secret): string {
  const header = Buffer.from('{"alg":"HS256","kid":"abcdef"}').toString('base64url');
  const text = `${header}.${Buffer.from(content).toString('base64url')}`;
  return `${header}..${createHmac('sha256', secret).update(text).digest('base64url')}`;
}

describe('tokens', () => {
  test('a new one has the form of one and is never the same', () => {
    const made = Array.from({ length: 50 }, () => tokenText(newToken(randomBytes)));
    assert.equal(new Set(made).size, 50);
    for (const text of made) assert.equal(tokenText(parseToken(text)), text);
  });

  test('what is none is refused with where to get one', () => {
    for (const text of ['', 'abc', 'ABCDEF.0123456789abcdef', 'abcdef.0123456789abcde']) {
      assert.throws(() => parseToken(text), /kubets token create/);
    }
  });

  test('the Secret says what it may be used for and when it ends', () => {
    const secret = tokenSecret(token, { expiresAtMs: 0, description: 'x' });
    const field = (key: string) => Buffer.from(secret.data?.[key] ?? '', 'base64').toString();
    assert.equal(secret.metadata.name, 'bootstrap-token-abcdef');
    assert.equal(field('expiration'), '1970-01-01T00:00:00Z');
    assert.equal(field('usage-bootstrap-authentication'), 'true');
    assert.match(field('auth-extra-groups'), /^system:bootstrappers:/);
  });

  test('a signature fits its token and its content only', () => {
    const jws = signed('facts');
    assert.ok(signatureFits('facts', jws, token));
    assert.ok(!signatureFits('other facts', jws, token));
    assert.ok(!signatureFits('facts', jws, { ...token, secret: 'f123456789abcdef' }));
    assert.ok(!signatureFits('facts', undefined, token));
    assert.ok(!signatureFits('facts', 'a.b.c', token));
  });

  test('it is the one a controller-manager makes, which leaves it as it is', () => {
    const data = { kubeconfig: 'facts', [signatureKey(token)]: signatureOf('facts', token) };
    const map = { apiVersion: 'v1', kind: 'ConfigMap', metadata: {}, data } as const;
    assert.equal(signedFacts(map, [token]), undefined);
    assert.ok(signatureFits('facts', data[signatureKey(token)], token));
  });

  test('sealed text opens with its key only', () => {
    const key = randomBytes(32);
    const sealed = seal('secret', key, randomBytes(12));
    assert.equal(unseal(sealed, key), 'secret');
    assert.throws(() => unseal(sealed, randomBytes(32)), /kubets certs upload/);
    assert.throws(() => parseCertificateKey('abc'), /64 hexadecimal/);
    assert.deepEqual(parseCertificateKey(key.toString('hex')), key);
  });
});

test('releases of one line go together', () => {
  checkRelease('1.2.3', '1.2.9');
  assert.throws(() => checkRelease('1.3.0', '1.2.9'), /this is kubets 1.2.9.*upgrade/);
});

describe('discovery', () => {
  const servers: Server[] = [];
  after(() => {
    for (const server of servers) {
      server.closeAllConnections();
      server.close();
    }
  });

  const cluster = {
    release: '0.1.0',
    endpoint: 'a:6443',
    token: 't',
    podCidr: '10.244.0.0/16',
    serviceCidr: '10.96.0.0/16',
    clusterDomain: 'cluster.local',
    podNetwork: 'vxlan' as const,
  };
  const facts = { cluster, masters: [{ name: 'm', address: '192.0.2.1' }] };

  /** An API that says what a test wants it to. */
  interface Over {
    readonly info?: object;
    readonly config?: number;
    readonly certs?: number;
    readonly date?: string;
    readonly node?: [number, object];
  }

  async function api(over: Over = {}) {
    const info = { kubeconfig, 'jws-kubeconfig-abcdef': signed(kubeconfig) };
    const answers: Record<string, [number, object]> = {
      'cluster-info': [200, { data: over.info ?? info }],
      'kubets-config': [over.config ?? 200, { data: { cluster: JSON.stringify(facts) } }],
      'kubets-certs': [over.certs ?? 200, { data: { 'ca.crt': 'eA==' } }],
      n1: over.node ?? [404, {}],
    };
    const server = createServer({ cert: leaf.cert, key: leaf.key }, (request, response) => {
      const name = request.url?.split('/').at(-1) ?? '';
      const [status, body] = answers[name] ?? [404, {}];
      if (over.date !== undefined) response.setHeader('date', over.date);
      response.statusCode = status;
      response.end(JSON.stringify(body));
    }).listen(0, '127.0.0.1');
    servers.push(server);
    await once(server, 'listening');
    return (server.address() as AddressInfo).port;
  }

  const ask = async (port: number, over: object = {}) =>
    discover({
      host: '127.0.0.1',
      port,
      token,
      pins: [publicKeyPin(authority.cert)],
      nowMs: Date.now(),
      release: '0.1.4',
      ...over,
    });

  test('finds the authority and what the cluster is', async () => {
    const found = await ask(await api());
    assert.equal(found.ca, authority.cert);
    assert.deepEqual(found.masters, facts.masters);
  });

  test('each thing that is wrong is said with the next step', async () => {
    const other = { ...token, id: 'zzzzzz' };
    const pin = `sha256:${'0'.repeat(64)}`;
    const cases: [string, () => Promise<unknown>, RegExp][] = [
      [
        'unknown token',
        async () => ask(await api(), { token: other }),
        /token is not valid.*token create/,
      ],
      [
        'another authority',
        async () => ask(await api(), { pins: [pin] }),
        /another cluster, or somebody/,
      ],
      ['not an API', async () => ask(await api({ info: {} })), /token is not valid/],
      [
        'token over',
        async () => ask(await api({ config: 401 })),
        /token has expired.*token create/,
      ],
      [
        'not set up',
        async () => ask(await api({ config: 404 })),
        /no ConfigMap kube-system\/kubets-config/,
      ],
      [
        'another release',
        async () => ask(await api(), { release: '0.2.0' }),
        /upgrade the cluster first/,
      ],
      [
        'clock ahead',
        async () => ask(await api(), { nowMs: Date.now() + 600_000 }),
        /ahead of the cluster’s; set it/,
      ],
      [
        'clock behind',
        async () => ask(await api({ date: new Date(Date.now() + 900_000).toUTCString() })),
        /behind the cluster’s/,
      ],
    ];
    for (const [name, tried, text] of cases) {
      await assert.rejects(tried(), (error: Error) => {
        assert.match(error.message, text, name);
        assert.ok(error instanceof ConfigError, name);
        return true;
      });
    }
  });

  test('nobody at the address', async () => {
    const port = await api();
    const server = servers.at(-1);
    server?.closeAllConnections();
    await new Promise((resolve) => server?.close(resolve));
    await assert.rejects(ask(port), (error: Error) => {
      assert.ok(error instanceof StartError);
      assert.match(error.message, /nothing listens there/);
      return true;
    });
  });

  const door = (port: number) => ({
    ...{ host: '127.0.0.1', port, ca: authority.cert, token: tokenText(token) },
  });

  test('the name of a node that is there and well belongs to it', async () => {
    const node = (status: string, address: string): [number, object] => [
      200,
      {
        status: {
          conditions: [{ type: 'Ready', status }],
          addresses: [{ type: 'InternalIP', address }],
        },
      },
    ];
    const host = { name: 'n1', address: '192.0.2.9' };
    const come = async (answer: [number, object]) =>
      checkNodeName(door(await api({ node: answer })), host);
    await assert.rejects(come(node('True', '192.0.2.5')), (error: Error) => {
      assert.match(error.message, /node called n1 already, at 192\.0\.2\.5.*--name.*kubets reset/);
      return error instanceof StartError;
    });
    await come(node('True', host.address));
    await come(node('Unknown', '192.0.2.5'));
    await come([404, {}]);
    // A master of an earlier release does not let a token see nodes.
    await come([403, {}]);
  });

  test('secrets for masters that are gone', async () => {
    assert.deepEqual(await sealedAuthorities(door(await api())), { 'ca.crt': 'x' });
    const gone = sealedAuthorities(door(await api({ certs: 404 })));
    await assert.rejects(gone, /expired.*kubets certs upload/);
  });
});
