import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { BenchError } from '../errors.ts';
import { lawsCommand, simulateCommand } from './command.ts';

/** What a user is told. */
function told(run: () => unknown): string {
  try {
    run();
  } catch (error) {
    assert.ok(error instanceof BenchError);
    return error.message;
  }
  return '';
}

describe('laws and simulate', () => {
  it('say how they are used', () => {
    for (const args of [['--help'], ['--nonsense', '1'], []]) {
      assert.match(
        told(() => lawsCommand(args)),
        /usage: kubets bench laws/,
      );
      assert.match(
        told(() => simulateCommand(args)),
        /usage: kubets bench simulate/,
      );
    }
  });

  it('name the file that cannot be read', () => {
    const missing = '/nowhere/report.json';
    assert.match(
      told(() => lawsCommand([missing, missing])),
      /cannot read \/nowhere\/report\.json/,
    );
    assert.match(
      told(() => simulateCommand(['--laws', missing])),
      /cannot read \/nowhere/,
    );
    assert.match(
      told(() => simulateCommand(['--laws', import.meta.filename])),
      /cannot read .*command\.test\.ts/,
    );
  });
});
