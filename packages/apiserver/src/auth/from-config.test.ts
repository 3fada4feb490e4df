import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ManualClock, parseFlags, silentLogger } from '@kubets/platform';
import { type ApiServerConfig, flags } from '../config.ts';
import { FakeStore } from '../edge-testing.ts';
import type { Mode } from './authorizer.ts';
import { authenticationOf } from './from-config.ts';

const REQUIRED = ['etcd-servers', 'tls-cert-file', 'tls-private-key-file', 'client-ca-file'];

/** Who a request without any credential is; undefined when it is turned away. */
async function nobody(modes: readonly Mode[], ...argv: string[]): Promise<string | undefined> {
  const config = parseFlags(flags, [...REQUIRED.map((name) => `--${name}=x`), ...argv]);
  const { authenticator } = authenticationOf(config as unknown as ApiServerConfig, {
    ...{ store: new FakeStore(), serviceAccount: undefined, modes },
    ...{ clock: new ManualClock(0), log: silentLogger, serverId: 'me' },
  });
  return (await authenticator.authenticate({ authorization: undefined, peer: undefined }))?.name;
}

test('nobody comes in unnamed where everything is allowed', async () => {
  assert.equal(await nobody(['Node', 'RBAC']), 'system:anonymous');
  assert.equal(await nobody(['RBAC', 'AlwaysAllow']), undefined);
  assert.equal(await nobody(['AlwaysAllow'], '--anonymous-auth=true'), undefined);
  assert.equal(await nobody(['RBAC'], '--anonymous-auth=false'), undefined);
});
