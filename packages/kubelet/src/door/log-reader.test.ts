import assert from 'node:assert/strict';
import { appendFileSync, mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { open } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { systemClock } from '@kubets/platform';
import { DoorError } from '../errors.ts';
import { type LogOptions, logOptions } from './log-options.ts';
import { sendLog, tailOffset } from './log-reader.ts';

let dir = '';
before(() => {
  dir = mkdtempSync(join(tmpdir(), 'kubets-logs-'));
});
after(() => rmSync(dir, { recursive: true, force: true }));

const record = (text: string): string => `2026-01-02T03:04:05Z stdout F ${text}\n`;
const ALL: LogOptions = {
  follow: false,
  previous: false,
  timestamps: false,
  tailLines: undefined,
  sinceMs: undefined,
  limitBytes: undefined,
};

interface Follower {
  text(): string;
  sees(text: string): Promise<void>;
  finished: Promise<void>;
  stop(): void;
}

function start(path: string, more: Partial<LogOptions>, running: () => boolean): Follower {
  let seen = '';
  const waiting = new Set<() => void>();
  const gone = new AbortController();
  const finished = sendLog({
    path,
    options: { ...ALL, ...more },
    clock: systemClock,
    signal: gone.signal,
    running: async () => running(),
    write: async (data) => {
      seen += data.toString();
      for (const wake of waiting) wake();
    },
  });
  return {
    text: () => seen,
    async sees(text) {
      while (!seen.includes(text)) {
        await new Promise<void>((resolve) => waiting.add(resolve));
      }
    },
    finished,
    stop: () => gone.abort(),
  };
}

describe('tailOffset', () => {
  const table: [string, number, string][] = [
    ['a\nb\nc\n', 2, 'b\nc\n'],
    ['a\nb\nc\n', 0, ''],
    ['a\nb\nc\n', 9, 'a\nb\nc\n'],
    ['a\nb', 1, 'b'],
    ['', 3, ''],
    ['\n\n\n', 2, '\n\n'],
  ];
  for (const [content, lines, expected] of table) {
    it(`the last ${lines} of ${JSON.stringify(content)}`, async () => {
      const path = join(dir, 'tail');
      writeFileSync(path, content);
      const file = await open(path);
      const offset = await tailOffset(file, lines);
      await file.close();
      assert.equal(content.slice(offset), expected);
    });
  }

  it('reads backwards over many blocks', async () => {
    const path = join(dir, 'big');
    writeFileSync(path, Array.from({ length: 20_000 }, (_, i) => `line ${i}\n`).join(''));
    const file = await open(path);
    const offset = await tailOffset(file, 10_000);
    const { buffer } = await file.read(Buffer.alloc(10), 0, 10, offset);
    await file.close();
    assert.equal(buffer.toString(), 'line 10000');
  });
});

describe('sendLog', () => {
  it('sends what is there', async () => {
    const path = join(dir, 'plain');
    writeFileSync(path, record('one') + record('two'));
    const reader = start(path, { tailLines: 1 }, () => false);
    await reader.finished;
    assert.equal(reader.text(), 'two\n');
  });

  it('follows until the container has ended', async () => {
    const path = join(dir, 'followed');
    writeFileSync(path, record('one'));
    let running = true;
    const reader = start(path, { follow: true }, () => running);
    await reader.sees('one');
    appendFileSync(path, record('two'));
    await reader.sees('two');
    running = false;
    appendFileSync(path, record('last'));
    await reader.finished;
    assert.equal(reader.text(), 'one\ntwo\nlast\n');
  });

  it('follows into the next file after a rotation', async () => {
    const path = join(dir, 'rotated');
    writeFileSync(path, record('one'));
    const reader = start(path, { follow: true }, () => true);
    await reader.sees('one');
    renameSync(path, `${path}.1`);
    writeFileSync(path, record('two'));
    await reader.sees('two');
    reader.stop();
    await reader.finished;
  });

  it('ends at the byte limit, also when following', async () => {
    const path = join(dir, 'limited');
    writeFileSync(path, record('abcdef'));
    const reader = start(path, { follow: true, limitBytes: 3 }, () => true);
    await reader.finished;
    assert.equal(reader.text(), 'abc');
  });

  it('ends when the client goes', async () => {
    const path = join(dir, 'left');
    writeFileSync(path, record('one'));
    const reader = start(path, { follow: true }, () => true);
    await reader.sees('one');
    reader.stop();
    await reader.finished;
  });

  it('says so when the file is gone', async () => {
    await assert.rejects(start(join(dir, 'none'), {}, () => false).finished, DoorError);
  });
});

describe('logOptions', () => {
  const parse = (text: string) => logOptions(new URLSearchParams(text), 100_000);

  it('reads the query', () => {
    assert.deepEqual(parse('follow=true&tailLines=5&sinceSeconds=10&timestamps=1&limitBytes=7'), {
      follow: true,
      previous: false,
      timestamps: true,
      tailLines: 5,
      sinceMs: 90_000,
      limitBytes: 7,
    });
    assert.equal(parse('sinceTime=1970-01-01T00:00:01Z').sinceMs, 1_000);
    assert.equal(parse('').tailLines, undefined);
  });

  for (const text of ['tailLines=x', 'limitBytes=-1', 'sinceTime=yesterday']) {
    it(`refuses ${text}`, () => {
      assert.throws(
        () => parse(text),
        (error) => error instanceof DoorError && error.statusCode === 400,
      );
    });
  }
});
