import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { BenchError } from '../errors.ts';
import { accessOf } from './kubeconfig.ts';
import { metricIn } from './rest.ts';

test('a metric is found by its whole name', () => {
  const text = '# HELP a b\na_total 3\na 1.5e+06\n';
  assert.equal(metricIn(text, 'a'), 1_500_000);
  assert.ok(Number.isNaN(metricIn(text, 'b')));
});

test('a kubeconfig names a server and a user', () => {
  const folder = mkdtempSync(join(tmpdir(), 'bench-'));
  const file = join(folder, 'config');
  const text = (user: string): string => `
current-context: one
contexts: [{ name: one, context: { cluster: c, user: u } }]
clusters: [{ name: c, cluster: { server: 'https://h:1' } }]
users: [{ name: u, user: { ${user} } }]`;
  try {
    writeFileSync(file, text('token: t'));
    assert.deepEqual(accessOf(file), { url: 'https://h:1', token: 't' });
    const [cert, key] = ['C', 'K'].map((each) => Buffer.from(each).toString('base64'));
    writeFileSync(file, text(`client-certificate-data: ${cert}, client-key-data: ${key}`));
    const certificate = { cert: 'C', key: 'K' };
    assert.deepEqual(accessOf(file), { url: 'https://h:1', certificate });
    writeFileSync(file, text('client-key: elsewhere'));
    assert.throws(() => accessOf(file), BenchError);
  } finally {
    rmSync(folder, { recursive: true });
  }
});
