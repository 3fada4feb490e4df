import assert from 'node:assert/strict';
import type { IncomingHttpHeaders } from 'node:http';
import { describe, it } from 'node:test';
import { isUnauthorized } from '@kubets/api';
import { authorizationOf } from './socket-token.ts';

const PREFIX = 'base64url.bearer.authorization.k8s.io.';
const TOKEN = `${PREFIX}${Buffer.from('sécret').toString('base64url')}`;
const socket = (protocol: string, more: IncomingHttpHeaders = {}): IncomingHttpHeaders => ({
  ...{ upgrade: 'WebSocket', connection: 'keep-alive, Upgrade' },
  'sec-websocket-protocol': protocol,
  ...more,
});

describe('the token of a WebSocket', () => {
  const found: readonly [string, IncomingHttpHeaders, string | undefined][] = [
    ['is among its protocols', socket(`v5.channel.k8s.io, ${TOKEN}`), 'Bearer sécret'],
    ['may come first', socket(`${TOKEN},a`), 'Bearer sécret'],
    ['need not be there', socket('v5.channel.k8s.io'), undefined],
    ['that is empty is none', socket(`a, ${PREFIX}`), undefined],
    ['goes after the header', socket(`a, ${TOKEN}`, { authorization: 'Bearer x' }), 'Bearer x'],
    [
      'goes before other schemes',
      socket(`a, ${TOKEN}`, { authorization: 'Basic x' }),
      'Bearer sécret',
    ],
    ['of another protocol is none', socket(`a, ${TOKEN}`, { upgrade: 'SPDY/3.1' }), undefined],
    ['of a plain request is none', socket(`a, ${TOKEN}`, { connection: 'close' }), undefined],
  ];
  for (const [what, headers, authorization] of found) {
    it(what, () => assert.equal(authorizationOf(headers), authorization));
  }

  const refused: readonly [string, string][] = [
    ['without another protocol', TOKEN],
    ['twice', `a, ${TOKEN}, ${TOKEN}`],
    ['with padding', `a, ${PREFIX}YQ==`],
    ['in other letters', `a, ${PREFIX}a+b/`],
    ['that no text encodes to', `a, ${PREFIX}abcde`],
    ['of bytes that are no text', `a, ${PREFIX}${Buffer.from([0xff]).toString('base64url')}`],
  ];
  for (const [what, protocol] of refused) {
    it(`${what} is refused`, () => {
      assert.throws(() => authorizationOf(socket(protocol)), isUnauthorized);
    });
  }
});
