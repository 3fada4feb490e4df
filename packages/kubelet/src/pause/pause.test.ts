import assert from 'node:assert/strict';
import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { pauseElf } from './elf.ts';
import { PAUSE_IMAGE, pauseArch, pauseImageTar } from './image.ts';

const arch = pauseArch(process.arch);

// rt_sigtimedwait, by architecture: where the program is when it waits.
const WAITING = process.arch === 'arm64' ? '137' : '128';

async function waiting(child: ChildProcess): Promise<void> {
  while (child.exitCode === null && child.signalCode === null) {
    if (readFileSync(`/proc/${child.pid}/syscall`, 'utf8').split(' ')[0] === WAITING) return;
    await new Promise((resolve) => setImmediate(resolve));
  }
  assert.fail('the program ended by itself');
}

describe('pause program', { skip: arch === undefined }, () => {
  let dir = '';
  let file = '';
  before(() => {
    dir = mkdtempSync(join(tmpdir(), 'kubets-pause-'));
    file = join(dir, 'pause');
    writeFileSync(file, pauseElf(arch ?? 'amd64'), { mode: 0o755 });
  });
  after(() => rmSync(dir, { recursive: true, force: true }));

  for (const signal of ['SIGTERM', 'SIGINT'] as const) {
    it(`waits, then leaves with 0 on ${signal}`, async () => {
      const child = spawn(file);
      await waiting(child);
      child.kill(signal);
      const [code] = await once(child, 'exit');
      assert.equal(code, 0);
    });
  }

  it('stays after SIGCHLD', async () => {
    const child = spawn(file);
    await waiting(child);
    child.kill('SIGCHLD');
    await waiting(child);
    assert.equal(child.exitCode, null);
    child.kill('SIGTERM');
    const [code] = await once(child, 'exit');
    assert.equal(code, 0);
  });
});

describe('pause program, layout', () => {
  it('is a small 64-bit executable for each architecture', () => {
    for (const [name, machine] of [
      ['amd64', 62],
      ['arm64', 183],
    ] as const) {
      const elf = pauseElf(name);
      assert.equal(elf.subarray(0, 4).toString('latin1'), '\x7fELF');
      assert.equal(elf.readUInt16LE(18), machine);
      assert.equal(Number(elf.readBigUInt64LE(96)), elf.length, 'the segment is the whole file');
      assert.ok(elf.length < 512);
    }
  });

  it('arm64 branches land on instructions inside the code', () => {
    const code = pauseElf('arm64').subarray(120);
    const words = (code.length - 8) / 4;
    assert.ok(Number.isInteger(words), 'whole instructions, then the mask');
    const targets: number[] = [];
    for (let index = 0; index < words; index++) {
      const word = code.readUInt32LE(index * 4);
      const signed = (value: number, bits: number): number => (value << (32 - bits)) >> (32 - bits);
      if (word >>> 24 === 0x54) targets.push(index + signed((word >>> 5) & 0x7ffff, 19));
      if (word >>> 24 === 0x37) targets.push(index + signed((word >>> 5) & 0x3fff, 14));
      if (word >>> 26 === 0x05) targets.push(index + signed(word & 0x3ffffff, 26));
      if (((word >>> 24) & 0x9f) === 0x10) {
        const bytes = (signed((word >>> 5) & 0x7ffff, 19) << 2) | ((word >>> 29) & 3);
        assert.equal(index * 4 + bytes, words * 4, 'adr points at the mask');
      }
    }
    assert.deepEqual(targets, [18, 6, 18, 6], 'reap, wait, reap, wait');
  });
});

describe('pause image', () => {
  it('is a docker archive tar lists, with our name and a layer that holds the program', () => {
    const dir = mkdtempSync(join(tmpdir(), 'kubets-pause-'));
    const tar = join(dir, 'pause.tar');
    writeFileSync(tar, pauseImageTar('amd64'));
    const run = (...args: string[]) => execFileSync('tar', args, { cwd: dir, encoding: 'utf8' });
    assert.match(run('tf', tar), /manifest\.json/);
    run('xf', tar);
    const [entry] = JSON.parse(readFileSync(join(dir, 'manifest.json'), 'utf8'));
    assert.deepEqual(entry.RepoTags, [PAUSE_IMAGE]);
    run('xf', 'layer/layer.tar');
    assert.deepEqual(readFileSync(join(dir, 'pause')), pauseElf('amd64'));
    rmSync(dir, { recursive: true, force: true });
  });

  it('is the same bytes every time', () => {
    assert.deepEqual(pauseImageTar('arm64'), pauseImageTar('arm64'));
  });
});
