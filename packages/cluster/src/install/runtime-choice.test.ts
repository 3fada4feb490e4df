import assert from 'node:assert/strict';
import { test } from 'node:test';
import { chooseRuntime } from './runtime-choice.ts';

const complete = { isRoot: true, isDebianLike: true, missing: [] };
const bare = { isRoot: true, isDebianLike: true, missing: ['containerd'] };
const user = { isRoot: false, isDebianLike: true, missing: [] };
const other = { isRoot: true, isDebianLike: false, missing: ['CNI plugins'] };

test('all there: real containers', () => {
  assert.deepEqual(chooseRuntime('auto', complete, true), { action: 'use', runtime: 'containerd' });
  assert.deepEqual(chooseRuntime('containerd', complete, false), {
    action: 'use',
    runtime: 'containerd',
  });
});

test('missing on Debian as root: install, unless told not to', () => {
  assert.equal(chooseRuntime('auto', bare, true).action, 'install');
  const choice = chooseRuntime('auto', bare, false);
  assert.ok(choice.action === 'use' && choice.runtime === 'simulated');
  assert.match(choice.banner ?? '', /SIMULATED.*containerd.*apt-get install containerd/);
});

test('auto falls back with a banner that says why; asking for containerd is refused with the remedy', () => {
  for (const facts of [user, other]) {
    const choice = chooseRuntime('auto', facts, true);
    assert.ok(choice.action === 'use' && choice.runtime === 'simulated' && choice.banner);
    assert.equal(chooseRuntime('containerd', facts, true).action, 'refuse');
  }
  const refused = chooseRuntime('containerd', user, true);
  assert.ok(refused.action === 'refuse' && /run as root/.test(refused.why));
});

test('simulated when asked for, without a banner', () => {
  assert.deepEqual(chooseRuntime('simulated', complete, true), {
    action: 'use',
    runtime: 'simulated',
  });
});
