/**
 * Replays recorded applies of a stock kube-apiserver against the registry: states of the world, owners, refusals. The
 * recordings are not part of the project: set KUBETS_API_CORPUS to the directory of the scenarios.
 */
import assert from 'node:assert/strict';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { ApiError, builtinKinds, type JsonObject, type KubeObject } from '@kubets/api';
import { useScene } from '../testing/scene.ts';
import type { ObjectResult, Target } from './context.ts';

const beside = join(import.meta.dirname, '../../../../..', 'shared', 'api-corpus', 'cases');
const directory = process.env.KUBETS_API_CORPUS ?? beside;
const found = existsSync(directory);
const NAMESPACE = 'corpus';
/** What stands for it in the recordings. */
const PLACEHOLDER = '$' + '{ns}';

interface Exchange {
  method: string;
  path: string;
  headers?: Record<string, string>;
  body?: JsonObject;
  token?: string;
  expect: { status: number; body: JsonObject };
}
interface Entry {
  time?: string;
  manager: string;
  operation: string;
  subresource?: string;
}

const s = useScene();

function targetOf(path: string): Target {
  const match =
    /^\/apis?\/(?:([^/]+)\/)?(v\w+)\/namespaces\/[^/]+\/([^/]+)(?:\/([^/]+))?(?:\/([^/]+))?$/.exec(
      path,
    );
  assert.ok(match, path);
  const [, group = '', version = '', resource = '', name = '', subresource = ''] = match;
  const def = builtinKinds.forResource({ group, version, resource });
  assert.ok(def, path);
  return { def, namespace: NAMESPACE, name, subresource };
}

function send(e: Exchange): Promise<ObjectResult> {
  const url = new URL(e.path.replaceAll(PLACEHOLDER, NAMESPACE), 'http://x');
  const target = targetOf(url.pathname);
  const fieldManager = url.searchParams.get('fieldManager') ?? 'replay';
  const ctx = { ...s.t.ctx, fieldManager, dryRun: url.searchParams.has('dryRun') };
  const json = e.body ?? {};
  const { registry } = s.t;
  const validation = 'Warn';
  if (e.method === 'POST') return registry.create(target, { json, validation }, ctx);
  if (e.method === 'PUT') return registry.update(target, { json, validation }, ctx);
  if (e.headers?.['content-type'] === 'application/apply-patch+yaml') {
    const force = url.searchParams.get('force') === 'true';
    return registry.apply(target, { config: json, force }, ctx);
  }
  return registry.patch(target, { type: 'merge', patch: json, validation }, ctx);
}

/** Owners with their fields, in an order that no clock decides. */
function ownersOf(object: JsonObject): unknown[] {
  const { managedFields = [] } = (object as unknown as KubeObject).metadata;
  const rank = (entry: Entry): string =>
    [entry.operation, entry.manager, entry.subresource ?? ''].join(' ');
  return (managedFields as unknown as Entry[])
    .map((entry) => ({ ...entry, time: entry.time !== undefined }))
    .sort((a, b) => (rank(a as never) < rank(b as never) ? -1 : 1));
}

const causesOf = (status: JsonObject): unknown =>
  (status.details as { causes?: unknown } | undefined)?.causes;

async function compare(e: Exchange): Promise<void> {
  const { status, body } = e.expect;
  if (status >= 400) {
    await assert.rejects(send(e), (error) => {
      assert.ok(error instanceof ApiError, String(error));
      assert.equal(error.code, status);
      const isOrdered = Array.isArray(causesOf(body));
      if (isOrdered) assert.deepEqual(causesOf({ ...error.status }), causesOf(body));
      const text = String(body.message).replaceAll(PLACEHOLDER, NAMESPACE);
      if (!text.includes('{{')) assert.equal(error.message, text);
      return true;
    });
    return;
  }
  const { object, created } = await send(e);
  assert.equal(created ? 201 : 200, status);
  assert.deepEqual(ownersOf(object as unknown as JsonObject), ownersOf(body));
  // Admission, which this test leaves out, has its say about the spec of a pod.
  const parts = body.kind === 'Pod' ? ['data'] : ['data', 'spec', 'status'];
  for (const part of parts) {
    assert.deepEqual(JSON.parse(JSON.stringify({ ...object }))[part], body[part], part);
  }
}

describe('recorded applies', { skip: found ? false : `no recordings in ${directory}` }, () => {
  const files = found ? readdirSync(directory).filter((file) => /^apply-/.test(file)) : [];
  for (const file of files) {
    const text = readFileSync(join(directory, file), 'utf8');
    const { name, exchanges } = JSON.parse(text) as { name: string; exchanges: Exchange[] };
    // Rights are the handler's business, reads that of other tests.
    const ours = exchanges.filter(({ method, token }) => method !== 'GET' && token === undefined);
    if (ours.length < exchanges.filter(({ method }) => method !== 'GET').length) continue;
    it(name, async () => {
      for (const exchange of ours) await compare(exchange);
    });
  }
});
