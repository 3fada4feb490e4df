import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { CommandError } from '../errors.ts';
import { ChildCommands } from './commands.ts';

describe('ChildCommands', () => {
  const commands = new ChildCommands();

  it('gives the input and takes the output', async () => {
    assert.equal(await commands.run('cat', [], 'hello'), 'hello');
    assert.equal(await new ChildCommands(['env', 'A=1']).run('sh', ['-c', 'echo $A']), '1\n');
  });

  it('tells what a command that failed said, and its exit code', async () => {
    await assert.rejects(commands.run('sh', ['-c', 'echo no luck >&2; exit 3']), (error) => {
      assert.ok(error instanceof CommandError);
      assert.equal(error.exitCode, 3);
      return /sh failed \(3\): no luck/.test(error.message);
    });
  });

  it('has no exit code for a command that is not there', async () => {
    await assert.rejects(commands.run('no-such-command-here', []), (error) => {
      assert.ok(error instanceof CommandError);
      return error.exitCode === undefined;
    });
  });

  it('does not mind a command that does not read its input', async () => {
    assert.equal(await commands.run('true', [], 'x'.repeat(1_000_000)), '');
  });
});
