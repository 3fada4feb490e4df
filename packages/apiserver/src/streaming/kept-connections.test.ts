import assert from 'node:assert/strict';
import type { Duplex } from 'node:stream';
import { afterEach, beforeEach, describe, it } from 'node:test';
import type { Pod } from '@kubets/api';
import { StreamingSetup } from './testing.ts';

let t: StreamingSetup;
beforeEach(async () => {
  t = new StreamingSetup();
  await t.start();
});
afterEach(() => t.close());

const LOG = '/api/v1/namespaces/ns/pods/p/log';

describe('logs over kept connections', () => {
  it('are asked for again when a kept connection ends as it is used', async () => {
    t.store.seed({
      apiVersion: 'v1',
      kind: 'Pod',
      metadata: { namespace: 'ns', name: 'p' },
      spec: { containers: [{ name: 'c' }], nodeName: 'n' },
    } as Pod);
    let first: Duplex | undefined;
    t.reply = (request, response) => {
      first ??= request.socket;
      if (t.seen.length > 1 && request.socket === first) first.destroy();
      else response.end(`answer ${t.seen.length}`);
    };
    const answers = [await t.get(LOG), await t.get(LOG)].map(({ status, body }) => [status, body]);
    assert.deepEqual(answers, [
      [200, 'answer 1'],
      [200, 'answer 3'],
    ]);
  });
});
