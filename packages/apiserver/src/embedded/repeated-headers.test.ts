/** Headers that say who is meant may come several times, and a value may have commas. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect } from 'node:http2';
import { request } from 'node:https';
import { after, before, describe, it } from 'node:test';
import { type EmbeddedApiServer, startApiServer } from '../index.ts';

const PATH = '/apis/authentication.k8s.io/v1/selfsubjectreviews';
const REVIEW = '{"apiVersion":"authentication.k8s.io/v1","kind":"SelfSubjectReview"}';

type Headers = Readonly<Record<string, string | readonly string[]>>;
interface UserInfo {
  readonly username: string;
  readonly groups: readonly string[];
  readonly extra?: Readonly<Record<string, readonly string[]>>;
}

let api: EmbeddedApiServer;
before(async () => {
  api = await startApiServer();
});
after(() => api.stop());

const common = () => ({
  authorization: `Bearer ${api.token}`,
  'content-type': 'application/json',
});

async function bodyOf(chunks: AsyncIterable<Buffer>): Promise<UserInfo> {
  const parts: Buffer[] = [];
  for await (const chunk of chunks) parts.push(chunk);
  return JSON.parse(Buffer.concat(parts).toString('utf8')).status.userInfo;
}

async function overHttp1(headers: Headers): Promise<UserInfo> {
  const o = { method: 'POST', ca: api.ca, headers: { ...common(), ...headers } };
  const sent = request(`${api.url}${PATH}`, o as Parameters<typeof request>[1] & object);
  sent.end(REVIEW);
  const [answer] = await once(sent, 'response');
  return bodyOf(answer);
}

async function overHttp2(headers: Headers): Promise<UserInfo> {
  const session = connect(api.url, { ca: api.ca });
  try {
    const stream = session.request({
      ...{ ':method': 'POST', ':path': PATH },
      ...common(),
      ...(headers as Record<string, string | string[]>),
    });
    stream.end(REVIEW);
    return await bodyOf(stream);
  } finally {
    session.close();
  }
}

for (const [version, ask] of [
  ['HTTP/1.1', overHttp1],
  ['HTTP/2', overHttp2],
] as const) {
  describe(`impersonation over ${version}`, () => {
    it('takes a value with a comma for one', async () => {
      const user = await ask({
        'impersonate-user': 'joe',
        'impersonate-group': 'dev, system:masters',
        'impersonate-extra-reason': 'a, b',
      });
      assert.deepEqual(user.groups, ['dev, system:masters', 'system:authenticated']);
      assert.deepEqual(user.extra?.reason, ['a, b']);
    });

    it('takes each of several', async () => {
      const user = await ask({
        'impersonate-user': ['joe', 'ann'],
        'impersonate-group': ['dev', 'ops, test', 'qa'],
        'impersonate-extra-reason': ['a', 'b'],
      });
      assert.equal(user.username, 'joe');
      assert.deepEqual(user.groups, ['dev', 'ops, test', 'qa', 'system:authenticated']);
      assert.deepEqual(user.extra?.reason, ['a', 'b']);
    });
  });
}
