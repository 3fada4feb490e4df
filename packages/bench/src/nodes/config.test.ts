import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { parseNodesConfig } from './config.ts';

describe('parseNodesConfig', () => {
  it('takes an own cluster unless told of a server', () => {
    assert.equal(parseNodesConfig([], { KUBECONFIG: '/k' }).kubeconfig, undefined);
    const remote = parseNodesConfig(['--server', 'https://x:1'], { KUBECONFIG: '/k' });
    assert.equal(remote.kubeconfig, '/k');
    assert.throws(() => parseNodesConfig(['--server', 'https://x:1'], {}), /needs --kubeconfig/);
  });

  it('keeps phases in their order', () => {
    assert.deepEqual(parseNodesConfig(['--phases', 'drain,register'], {}).phases, [
      'register',
      'drain',
    ]);
  });

  const wrong: [args: string[], message: RegExp][] = [
    [['--nodes', '0'], /--nodes must be a whole number from 1/],
    [['--masters', '2'], /use an odd number/],
    [['--phases', 'fill'], /no phase "fill"/],
    [['--frobnicate'], /usage: kubets bench nodes/],
  ];
  for (const [args, message] of wrong) {
    it(`refuses ${args.join(' ')}`, () => assert.throws(() => parseNodesConfig(args, {}), message));
  }
});
