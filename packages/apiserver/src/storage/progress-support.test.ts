import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { ManualClock } from '@kubets/platform';
import { PROGRESS_SUPPORT_MS, PROGRESS_SUPPORT_RETRY_MS } from '../limits.ts';
import { confirmsProgress, ProgressSupport } from './progress-support.ts';

const turn = (): Promise<void> => new Promise((resolve) => void setImmediate(resolve));

describe('members that can be believed', () => {
  const versions: readonly (readonly [string, boolean])[] = [
    ['3.4.23', false],
    ['3.4.30', false],
    ['3.4.31', true],
    ['3.5.12', false],
    ['3.5.13', true],
    ['3.6.0', true],
    ['3.6.0-rc.1', true],
    ['3.3.27', false],
    ['4.0.0', true],
    ['2.3.8', false],
    ['nonsense', false],
  ];
  for (const [version, expected] of versions) {
    it(`${version}: ${expected}`, () => assert.equal(confirmsProgress(version), expected));
  }

  it('are asked again now and then, and until one answers', async () => {
    const clock = new ManualClock();
    const answers: Record<string, string | undefined> = {};
    let asked = 0;
    const support = new ProgressSupport({
      clock,
      endpoints: ['a', 'b'],
      versionOf: async (endpoint) => {
        asked += 1;
        const version = answers[endpoint];
        if (version === undefined) throw new Error('no answer');
        return version;
      },
    });
    support.look();
    await turn();
    assert.equal(support.isSure, false);
    answers.a = '3.6.0';
    clock.advance(PROGRESS_SUPPORT_RETRY_MS);
    await turn();
    assert.equal(support.isSure, true, 'the one that does not answer has no say');
    answers.b = '3.4.23';
    support.look();
    await turn();
    assert.equal(asked, 4, 'not again so soon');
    clock.advance(PROGRESS_SUPPORT_MS);
    support.look();
    await turn();
    assert.equal(support.isSure, false, 'the oldest decides');
    support.close();
    assert.equal(clock.pendingTimers, 0);
  });
});
