import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { BenchError } from '../errors.ts';
import { parseKubeconfig } from './kubeconfig.ts';

const text = `
current-context: one
contexts: [{name: one, context: {cluster: c, user: u}}]
clusters:
- name: c
  cluster: {server: "https://127.0.0.1:6443/", certificate-authority-data: Y2E=}
users:
- name: u
  user: {client-certificate: /cert.pem, client-key-data: a2V5, token: t}
`;
const read = (path: string): Buffer => Buffer.from(`read ${path}`);

describe('parseKubeconfig', () => {
  it('takes inline data, files and tokens of the current context', () => {
    const access = parseKubeconfig(text, read);
    assert.equal(access.server, 'https://127.0.0.1:6443');
    assert.equal(String(access.ca), 'ca');
    assert.equal(String(access.cert), 'read /cert.pem');
    assert.equal(String(access.key), 'key');
    assert.equal(access.token, 't');
  });

  it('lets another server take its place', () => {
    assert.equal(parseKubeconfig(text, read, 'https://x:1').server, 'https://x:1');
  });

  it('says what is missing', () => {
    const gone = text.replace('cluster: c,', 'cluster: other,');
    assert.throws(
      () => parseKubeconfig(gone, read),
      new BenchError('the kubeconfig has no cluster "other"'),
    );
    assert.throws(() => parseKubeconfig(text, read, 'http://x'), BenchError);
  });
});
