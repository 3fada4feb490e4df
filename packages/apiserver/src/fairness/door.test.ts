import assert from 'node:assert/strict';
import { request } from 'node:https';
import { after, before, it } from 'node:test';
import type { FlowSchema, PriorityLevelConfiguration } from '@kubets/api';
import { FLOW_SCHEMAS, PRIORITY_LEVELS } from '../bootstrap/flow-control.ts';
import { type EmbeddedApiServer, startApiServer } from '../embedded/start.ts';
import { GVR } from '../resources.ts';

let api: EmbeddedApiServer;
before(async () => {
  api = await startApiServer({ tokens: { 'joe-token': { user: 'joe' } } });
});
after(() => api.stop());

interface Answer {
  readonly headers: Record<string, string | string[] | undefined>;
  readonly text: string;
}

function get(path: string, token: string): Promise<Answer> {
  const { promise, resolve, reject } = Promise.withResolvers<Answer>();
  const headers = { authorization: `Bearer ${token}` };
  const sent = request(`${api.url}${path}`, { headers, ca: api.ca }, (response) => {
    const chunks: Buffer[] = [];
    response.on('data', (chunk: Buffer) => chunks.push(chunk));
    const answer = (): void =>
      resolve({ headers: response.headers, text: Buffer.concat(chunks).toString() });
    response.on('end', answer);
  });
  sent.on('error', reject);
  sent.end();
  return promise;
}

it('the objects upstream starts with are there, and schemas know that their levels exist', async () => {
  const { items } = await api.objects.list<FlowSchema>(GVR.flowSchemas);
  const names = (all: readonly { metadata: { name?: string | undefined } }[]) =>
    all.map(({ metadata }) => metadata.name ?? '').toSorted();
  assert.deepEqual(names(items), names(FLOW_SCHEMAS));
  const levels = await api.objects.list<PriorityLevelConfiguration>(GVR.priorityLevels);
  assert.deepEqual(names(levels.items), names(PRIORITY_LEVELS));
  const isMarked = async (): Promise<boolean> => {
    const now = await api.objects.list<FlowSchema>(GVR.flowSchemas);
    return now.items.every(({ status }) => status?.conditions?.[0]?.reason === 'Found');
  };
  while (!(await isMarked())) await new Promise(setImmediate);
});

it('an answer says which schema and level the request belonged to', async () => {
  const uidOf = async (gvr: typeof GVR.flowSchemas, name: string) =>
    (await api.objects.get({ ...gvr, namespace: '', name })).metadata.uid;
  const expected: readonly [string, string, string][] = [
    [api.token, 'exempt', 'exempt'],
    ['joe-token', 'global-default', 'global-default'],
  ];
  for (const [token, schema, level] of expected) {
    const { headers } = await get('/api/v1/nodes', token);
    const uids = [
      headers['x-kubernetes-pf-flowschema-uid'],
      headers['x-kubernetes-pf-prioritylevel-uid'],
    ];
    const [schemaUid, levelUid] = [
      await uidOf(GVR.flowSchemas, schema),
      await uidOf(GVR.priorityLevels, level),
    ];
    assert.deepEqual(uids, [schemaUid, levelUid]);
  }
  const { text } = await get('/metrics', api.token);
  assert.match(
    text,
    /apiserver_flowcontrol_dispatched_requests_total\{priority_level="global-default",flow_schema="global-default"\} 1/,
  );
});
