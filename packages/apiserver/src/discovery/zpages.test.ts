import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { flag } from '@kubets/platform';
import type { PathHandler, PathRequest } from '../ports.ts';
import { flagzPath, statuszPath } from './zpages.ts';

async function get(page: PathHandler, path: string, accept?: string) {
  const headers = accept === undefined ? {} : { accept };
  return page.handle({ info: { path }, headers } as PathRequest);
}

const WARNING =
  'Warning: This endpoint is not meant to be machine parseable, has no formatting compatibility guarantees and is for debugging purposes only.';

describe('/statusz', () => {
  let now = Date.UTC(2026, 11, 1, 4, 10, 0);
  const page = statuszPath({ clock: { now: () => now }, engine: 'node24' });

  it('tells since when the server runs, and what it is', async () => {
    now += (2 * 3_600 + 3 * 60 + 4) * 1_000 + 5;
    const answer = await get(page, '/statusz', 'text/plain');
    assert.equal(answer?.status, 200);
    assert.deepEqual(answer.headers, { 'content-type': 'text/plain; charset=utf-8' });
    assert.match(
      String(answer.body),
      new RegExp(
        [
          '^\n',
          `kube-apiserver statusz\n${WARNING}\n\n`,
          'Started: Tue Dec  1 04:10:00 UTC 2026\nUp: 2 hr 03 min 04 sec\nGo version: node24\n',
          'Binary version: 1\\.32\\.\\d+\nEmulation version: 1\\.32\n$',
        ].join(''),
      ),
    );
  });

  const accepts: readonly [string | undefined, number][] = [
    ['*/*', 200],
    ['text/*;q=0.5', 200],
    ['application/json, */*', 200],
    ['text/plain; charset=UTF-8', 200],
    ['text/plain; charset=latin1', 406],
    ['application/json', 406],
    [undefined, 406],
  ];
  for (const [accept, status] of accepts) {
    it(`${accept ?? 'nothing'} gets ${status}`, async () => {
      const answer = await get(page, '/statusz', accept);
      assert.equal(answer?.status, status);
      if (status === 406) {
        assert.equal(answer.body, 'media type not acceptable, must be: text/plain\n');
      }
    });
  }

  it('is not asked for at other paths', async () => {
    assert.equal(await get(page, '/statusz/x', '*/*'), undefined);
  });
});

it('/flagz tells of the flags as Go shows them, by name', async () => {
  const flags = {
    'b-time': flag.durationMs({ help: '' }),
    'a-list': flag.list({ help: '' }),
    'c-none': flag.string({ help: '' }),
    'd-long': flag.durationMs({ help: '' }),
    'e-short': flag.durationMs({ help: '' }),
    'f-switch': flag.bool({ help: '' }),
  };
  const config = { aList: ['x', 'y'], bTime: 61_500, dLong: 3_600_000, eShort: 200, fSwitch: true };
  const answer = await get(flagzPath(flags, config), '/flagz', '*/*');
  const lines = ['a-list: [x,y]', 'b-time: 1m1.5s', 'c-none: ', 'd-long: 1h0m0s', 'e-short: 200ms'];
  assert.equal(
    answer?.body,
    `\nkube-apiserver flags\n${WARNING}\n\n${[...lines, 'f-switch: true'].join('\n')}\n`,
  );
});
