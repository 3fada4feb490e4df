/** Bad input at the real HTTPS door. The long form is `npm run fuzz`. */
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { type EmbeddedApiServer, startApiServer } from '../embedded/start.ts';
import { MAX_BODY_BYTES } from '../limits.ts';
import { FuzzClient, fuzz, judge } from '../testing/fuzz.ts';

const REQUESTS = 1_500;
const SEED = 20_261_128;

let api: EmbeddedApiServer;
let client: FuzzClient;
before(async () => {
  api = await startApiServer();
  client = new FuzzClient(api);
});
after(async () => {
  client.close();
  await api.stop();
});

it('every answer is a good one or a well-formed Status, never an internal error', async () => {
  const { findings, statuses } = await fuzz(api, { seed: SEED, requests: REQUESTS });
  assert.deepEqual(
    findings.map(({ why, request }) => `${why} for ${request.method} ${request.path}`),
    [],
  );
  // A fuzz whose every request is refused at the first stage would prove little.
  for (const code of [200, 201, 400, 404, 405, 409, 415, 422]) {
    assert.ok(statuses.has(code), `no answer had the status ${code}`);
  }
});

const MAPS = '/api/v1/namespaces/default/configmaps';
const post = (text: string, type = 'application/json', path = MAPS, method = 'POST') => {
  const headers = { 'content-type': type };
  return client.send({ method, path, headers, body: Buffer.from(text) });
};
const map = (data: string, kind = 'ConfigMap'): string =>
  `{"apiVersion":"v1","kind":"${kind}","metadata":{"name":"big"},"data":${data}}`;

describe('bodies beyond what is reasonable', () => {
  it('above 3 MiB are too large, whatever they are', async () => {
    for (const type of ['application/json', 'application/yaml', 'text/plain']) {
      const { status, text } = await post('x'.repeat(MAX_BODY_BYTES + 1), type);
      assert.equal(status, 413, text);
      assert.equal(JSON.parse(text).reason, 'RequestEntityTooLarge');
    }
  });

  const nested = (depth: number): string => `${'['.repeat(depth)}${']'.repeat(depth)}`;
  const deep: readonly [string, string, string][] = [
    ['JSON nested 1,000,000 deep', 'application/json', map(nested(1_000_000))],
    ['JSON objects nested 200,000 deep', 'application/json', `${'{"a":'.repeat(200_000)}1`],
    ['YAML nested 100,000 deep', 'application/yaml', nested(100_000)],
    ['YAML sequences nested 50,000 deep', 'application/yaml', `a: ${'- '.repeat(50_000)}x`],
  ];
  for (const [what, type, text] of deep) {
    it(`${what} is refused`, async () => {
      const { status, text: answer } = await post(text, type);
      assert.equal(status, 400, answer.slice(0, 300));
    });
  }

  it('a bomb of aliases is refused', async () => {
    const lines = ['a0: &a0 [x,x,x,x,x,x,x,x,x,x]'];
    for (let i = 1; i < 12; i += 1) {
      lines.push(`a${i}: &a${i} [${Array.from({ length: 10 }, () => `*a${i - 1}`).join(',')}]`);
    }
    const bomb = `apiVersion: v1\nkind: ConfigMap\nmetadata: {name: bomb}\n${lines.join('\n')}`;
    const apply = [`${MAPS}/bomb?fieldManager=f`, 'PATCH'] as const;
    const answers = [
      await post(bomb, 'application/yaml'),
      await post(bomb, 'application/apply-patch+yaml', ...apply),
    ];
    for (const { status, text } of answers) assert.equal(status, 400, text.slice(0, 300));
  });

  it('fields without a schema are no way around', async () => {
    const fieldsV1 = `${'{"f:a":'.repeat(60_000)}{}${'}'.repeat(60_000)}`;
    const managed = `[{"manager":"m","operation":"Update","fieldsType":"FieldsV1","fieldsV1":${fieldsV1}}]`;
    const body = `{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"m","managedFields":${managed}}}`;
    const answer = await post(body);
    const request = { method: 'POST', path: MAPS, headers: {}, body: undefined };
    assert.equal(judge(request, answer), undefined);
    const patch = `{"metadata":{"annotations":${'{"a":'.repeat(60_000)}1${'}'.repeat(60_000)}}}`;
    const path = '/api/v1/namespaces/default';
    const patched = await post(patch, 'application/merge-patch+json', path, 'PATCH');
    assert.equal(judge(request, patched), undefined);
  });
});
