import assert from 'node:assert/strict';
import { test } from 'node:test';
import { silentLogger, systemClock } from '@kubets/platform';
import { CODE } from '../errors.ts';
import { answer } from './peer-answer.ts';
import { PeerDoor } from './peer-door.ts';
import { type CallStatus, linkTo } from './peer-link.ts';

test('a connection remembers nothing of calls that are over', async () => {
  const refuse = { code: CODE.aborted, details: 'no' };
  const door = new PeerDoor({
    tls: undefined,
    clock: systemClock,
    log: silentLogger,
    methods: new Map([['/a/B', (stream) => answer(stream, refuse)]]),
  });
  const link = linkTo(
    `http://127.0.0.1:${await door.listen('127.0.0.1:0')}`,
    systemClock,
    undefined,
  );
  const warnings: string[] = [];
  const warned = ({ message }: Error): void => void warnings.push(message);
  process.on('warning', warned);
  try {
    // More than the listeners Node.js thinks an emitter should have.
    for (let i = 0; i < 20; i++) {
      const over = Promise.withResolvers<CallStatus>();
      link.call('/a/B', { onOpen: () => undefined, onOver: over.resolve });
      assert.deepEqual(await over.promise, refuse);
    }
    assert.deepEqual(warnings, []);
  } finally {
    process.off('warning', warned);
    link.close();
    await door.close(0);
  }
});
