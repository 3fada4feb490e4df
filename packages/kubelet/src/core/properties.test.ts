/** Properties that hold for any input, tried with many. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { FrameReader, FrameWriter } from '../cri/spdy/frames.ts';
import { AddressPool } from '../simulated/address-pool.ts';
import { aContainer, aPod, aRun, aSandbox, exited, runtimeOf } from '../testing/pods.ts';
import { FailureBackoff } from './backoff.ts';
import { LineSplitter } from './cri-log.ts';
import { expandVariables } from './expand.ts';
import { decide } from './plan.ts';
import { podStatus } from './pod-status.ts';

/** Cuts bytes at random places. */
const pieces = (bytes: Buffer, cuts: readonly number[]): Buffer[] => {
  const at = [0, ...cuts.map((cut) => cut % (bytes.length + 1)), bytes.length].sort(
    (a, b) => a - b,
  );
  return at.slice(1).map((end, index) => bytes.subarray(at[index], end));
};

describe('whatever the pieces', () => {
  it('lines come out as they went in', () => {
    const line = fc.string().filter((text) => !text.includes('\n'));
    fc.assert(
      fc.property(fc.array(line), fc.array(fc.nat()), (lines, cuts) => {
        const bytes = Buffer.from(lines.map((text) => `${text}\n`).join(''));
        const splitter = new LineSplitter(1_000_000);
        const out = pieces(bytes, cuts).flatMap((piece) => splitter.push(piece));
        assert.deepEqual(out.map(String), lines);
      }),
    );
  });

  it('frames come out as they went in', () => {
    const frame = fc.record({
      id: fc.integer({ min: 1, max: 0x7fff_ffff }),
      data: fc.uint8Array({ maxLength: 50 }),
      fin: fc.boolean(),
    });
    fc.assert(
      fc.property(fc.array(frame), fc.array(fc.nat()), (frames, cuts) => {
        const writer = new FrameWriter();
        const bytes = Buffer.concat(
          frames.map(({ id, data, fin }) => writer.data(id, Buffer.from(data), fin)),
        );
        const reader = new FrameReader(1_000);
        const out = pieces(bytes, cuts).flatMap((piece) => reader.push(piece));
        const expected = frames.map(({ id, data, fin }) => ({
          kind: 'data',
          streamId: id,
          fin,
          data: Buffer.from(data),
        }));
        assert.deepEqual(out, expected);
      }),
    );
  });
});

describe('whatever the text', () => {
  it('no reference, no change; doubled dollars never expand', () => {
    fc.assert(
      fc.property(fc.string(), (text) => {
        const plain = text.replaceAll('$', '');
        assert.equal(
          expandVariables(plain, () => 'x'),
          plain,
        );
        assert.equal(
          expandVariables(`$$(${plain})`, () => 'x'),
          `$(${plain})`,
        );
      }),
    );
  });
});

describe('whatever happens to a range', () => {
  it('no address is out twice', () => {
    fc.assert(
      fc.property(fc.array(fc.option(fc.nat({ max: 20 }))), (steps) => {
        const pool = new AddressPool('10.0.0.0/28');
        const out: string[] = [];
        for (const giveBack of steps) {
          const [freed] = giveBack === null ? [] : out.splice(giveBack % (out.length || 1), 1);
          if (freed !== undefined) pool.giveBack(freed);
          const taken = pool.take();
          if (taken !== undefined) out.push(taken);
          assert.equal(new Set(out).size, out.length);
        }
      }),
    );
  });

  it('a back-off never waits longer than its limit, nor less than before within a streak', () => {
    fc.assert(
      fc.property(fc.array(fc.nat({ max: 100 })), (gaps) => {
        const backoff = new FailureBackoff(10, 60);
        let nowMs = 0;
        let before = 0;
        for (const gap of gaps) {
          nowMs += gap;
          backoff.next('k', nowMs, nowMs);
          const wait = backoff.waitMs('k');
          assert.ok(wait >= before && wait <= 60);
          before = wait;
        }
      }),
    );
  });
});

describe('whatever the state of a pod', () => {
  const run = fc.record({
    name: fc.constantFrom('main', 'other', 'init', 'stranger'),
    phase: fc.constantFrom('created', 'running', 'exited', 'unknown'),
    exitCode: fc.nat({ max: 2 }),
    attempt: fc.nat({ max: 3 }),
    sandboxId: fc.constantFrom('s0', 's1'),
  });
  const state = fc.record({
    restartPolicy: fc.constantFrom('Always', 'OnFailure', 'Never'),
    withInit: fc.boolean(),
    sandboxes: fc.array(fc.boolean(), { maxLength: 2 }),
    runs: fc.array(run, { maxLength: 6 }),
    started: fc.boolean(),
    final: fc.boolean(),
  });
  const made = ({
    restartPolicy,
    withInit,
    sandboxes,
    runs,
  }: typeof state extends fc.Arbitrary<infer T> ? T : never) => {
    const pod = aPod({
      restartPolicy,
      containers: [aContainer(), aContainer({ name: 'other' })],
      ...(withInit ? { initContainers: [aContainer({ name: 'init' })] } : {}),
    });
    const runtime = runtimeOf(
      sandboxes.map((ready, attempt) => aSandbox({ id: `s${attempt}`, attempt, ready })),
      runs.map((one) =>
        one.phase === 'exited'
          ? exited(one.exitCode, { ...one, phase: 'exited' })
          : aRun({ ...one, phase: one.phase as 'running' }),
      ),
    );
    return { pod, runtime };
  };

  it('a plan never starts what runs, and never starts one name twice', () => {
    fc.assert(
      fc.property(state, (drawn) => {
        const { pod, runtime } = made(drawn);
        const plan = decide({ pod, runtime, unhealthy: new Map(), started: () => drawn.started });
        if (plan.kind !== 'containers') return;
        const names = plan.start.map((one) => one.container.name);
        assert.equal(new Set(names).size, names.length);
        for (const { previous } of plan.start) assert.notEqual(previous?.phase, 'running');
      }),
    );
  });

  it('a status names every container, with exactly one state; a final one is at its end', () => {
    fc.assert(
      fc.property(state, (drawn) => {
        const { pod, runtime } = made(drawn);
        const status = podStatus({
          pod,
          runtime,
          runtimeName: 'x',
          hostIps: ['192.0.2.1'],
          nowMs: 0,
          waiting: new Map(),
          started: () => drawn.started,
          passesReadiness: () => true,
          final: drawn.final,
        });
        assert.deepEqual(
          status.containerStatuses?.map((one) => one.name),
          ['main', 'other'],
        );
        for (const { state: shown, ready } of status.containerStatuses ?? []) {
          assert.equal(Object.values(shown ?? {}).filter((one) => one !== undefined).length, 1);
          if (ready) assert.ok(shown?.running);
        }
        if (drawn.final) assert.match(status.phase ?? '', /^(Succeeded|Failed)$/);
      }),
    );
  });
});
