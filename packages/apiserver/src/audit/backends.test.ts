import assert from 'node:assert/strict';
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, it } from 'node:test';
import { gunzipSync } from 'node:zlib';
import { ManualClock } from '@kubets/platform';
import { BatchBackend } from './batch.ts';
import { LogFile, lineOf } from './log-file.ts';
import type { AuditEvent } from './record.ts';

const root = mkdtempSync(join(tmpdir(), 'audit-'));
after(() => rmSync(root, { recursive: true, force: true }));
let folders = 0;
function folder(): string {
  folders += 1;
  return join(root, String(folders));
}
const MEGABYTE = 1024 * 1024;
const DAY_MS = 86_400_000;
const clock = new ManualClock(Date.parse('2027-01-01T00:00:00.5Z'));

describe('the log file', () => {
  const common = { maxMegabytes: 1, maxAgeDays: 0, maxBackups: 0, compress: false, clock };

  it("is its owner's alone, and grows", () => {
    const path = join(folder(), 'audit.log');
    for (const text of ['a\n', 'b\n']) {
      const file = new LogFile({ ...common, path });
      file.append(text);
      file.close();
    }
    assert.equal(readFileSync(path, 'utf8'), 'a\nb\n');
    assert.equal(statSync(path).mode & 0o777, 0o600);
  });

  it('is set aside when it is full', () => {
    const at = folder();
    const file = new LogFile({ ...common, path: join(at, 'audit.log') });
    file.append('x'.repeat(MEGABYTE - 1));
    file.append('yy');
    file.close();
    assert.deepEqual(readdirSync(at), ['audit-2027-01-01T00-00-00.500.log', 'audit.log']);
    assert.equal(readFileSync(join(at, 'audit.log'), 'utf8'), 'yy');
  });

  it('keeps so many old ones, compressed if wanted', () => {
    const at = folder();
    const own = new ManualClock(0);
    const path = join(at, 'audit.log');
    const file = new LogFile({ ...common, path, maxBackups: 2, compress: true, clock: own });
    for (const letter of ['a', 'b', 'c', 'd']) {
      file.append(letter.repeat(MEGABYTE));
      own.advance(1_000);
    }
    file.close();
    const [oldest, newest] = readdirSync(at);
    const text = (name = '') => gunzipSync(readFileSync(join(at, name))).toString();
    assert.deepEqual([text(oldest)[0], text(newest)[0], readdirSync(at).length], ['b', 'c', 3]);
  });

  it('throws away what is too old, and nothing else', () => {
    const at = folder();
    const own = new ManualClock(0);
    const file = new LogFile({ ...common, path: join(at, 'audit.log'), maxAgeDays: 3, clock: own });
    const other = new LogFile({ ...common, path: join(at, 'audit-notes.log'), clock: own });
    other.append('mine');
    other.close();
    for (let day = 0; day < 6; day += 1) {
      file.append('z'.repeat(MEGABYTE));
      own.advance(DAY_MS);
    }
    file.close();
    assert.equal(readdirSync(at).length, 6);
    assert.ok(readdirSync(at).includes('audit-notes.log'));
  });
});

describe('lines of text', () => {
  it('say who did what', () => {
    const event = {
      stage: 'ResponseComplete',
      auditID: 'id',
      verb: 'get',
      user: { username: 'joe', groups: ['dev'] },
      sourceIPs: ['192.0.2.1'],
      objectRef: { namespace: 'ns' },
      requestURI: '/api',
      responseStatus: { code: 200 },
      stageTimestamp: 'now',
    } as unknown as AuditEvent;
    assert.equal(
      lineOf(event, 'legacy'),
      'now AUDIT: id="id" stage="ResponseComplete" ip="192.0.2.1" method="get" user="joe" ' +
        'groups="dev" as="<self>" asgroups="<lookup>" user-agent="<none>" namespace="ns" ' +
        'uri="/api" response="200"\n',
    );
  });
});

describe('batches', () => {
  const event = (n: number) => ({ stage: 'ResponseComplete', n }) as AuditEvent & { n: number };
  function backend(send: (events: readonly AuditEvent[]) => Promise<void>) {
    const own = new ManualClock();
    const lost: number[] = [];
    const made = new BatchBackend({
      ...{ name: 'b', bufferSize: 5, maxBatchSize: 3, maxWaitMs: 100, clock: own, send },
      onLost: (count) => lost.push(count),
    });
    return { made, lost, own };
  }

  it('go when they are full, or old', async () => {
    const sent: number[] = [];
    const { made, own } = backend(async (events) => void sent.push(events.length));
    for (let i = 0; i < 4; i += 1) made.write(event(i));
    await made.close();
    assert.deepEqual(sent, [3, 1]);
    made.write(event(5));
    own.advance(100);
    await made.close();
    assert.deepEqual(sent, [3, 1, 1]);
  });

  it('that nobody takes are counted, and so are events that find no room', async () => {
    const { promise, reject } = Promise.withResolvers<void>();
    const { made, lost } = backend(() => promise);
    for (let i = 0; i < 9; i += 1) made.write(event(i));
    assert.deepEqual(lost, [1]);
    reject(new Error('away'));
    await made.close();
    assert.equal(
      lost.reduce((sum, one) => sum + one, 0),
      9,
    );
  });
});
