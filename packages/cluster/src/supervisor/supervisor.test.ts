import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ManualClock, seededRandom, silentLogger } from '@kubets/platform';
import type { ProcessSpec } from '../plan/processes.ts';
import type { Child, ChildExit, ChildRequest, Launcher, Prober } from '../ports.ts';
import { lastWords } from './last-words.ts';
import { Supervisor } from './supervisor.ts';

/** Processes that live until the test ends them. */
class FakeWorld implements Launcher, Prober {
  readonly started: string[] = [];
  readonly signals: string[] = [];
  readonly healthy = new Set<number>();
  ignoresTerm = false;
  readonly #ends = new Map<string, (exit: ChildExit) => void>();
  #nextPid = 100;

  launch(request: ChildRequest): Child {
    this.started.push(request.name);
    const end = Promise.withResolvers<ChildExit>();
    this.#ends.set(request.name, end.resolve);
    return {
      pid: this.#nextPid++,
      exited: end.promise,
      kill: (signal) => {
        this.signals.push(`${signal} ${request.name}`);
        if (signal === 'SIGKILL' || !this.ignoresTerm) end.resolve({ code: 0, signal });
      },
    };
  }

  probe(port: number): Promise<string | undefined> {
    return Promise.resolve(this.healthy.has(port) ? undefined : 'not yet');
  }

  end(name: string, exit: ChildExit): void {
    this.#ends.get(name)?.(exit);
  }
}

const spec = (name: string, stage: 0 | 1 | 2, healthPort: number): ProcessSpec => ({
  name,
  role: 'etcd',
  command: 'x',
  args: [],
  healthPort,
  stage,
});

function setUp() {
  const clock = new ManualClock();
  const world = new FakeWorld();
  const supervisor = new Supervisor({
    specs: [spec('store', 0, 1), spec('server', 1, 2), spec('worker', 2, 3)],
    logFile: (name) => `/logs/${name}.log`,
    lastLogLine: () => 'disk full',
    launcher: world,
    prober: world,
    clock,
    random: seededRandom(1),
    log: silentLogger,
    onChange: () => undefined,
  });
  const stop = new AbortController();
  /** Lets time pass in small steps, with the promises in between. */
  const pass = async (ms: number): Promise<void> => {
    for (let i = 0; i < ms; i += 50) {
      clock.advance(50);
      for (let turn = 0; turn < 5; turn++) await Promise.resolve();
    }
  };
  const one = (name: string) => supervisor.processes.find((each) => each.spec.name === name);
  return { clock, world, supervisor, stop, pass, one };
}

test('a stage starts once the one before it is ready', async () => {
  const { world, supervisor, stop, pass } = setUp();
  const done = supervisor.start(stop.signal);
  await pass(1_000);
  assert.deepEqual(world.started, ['store']);
  world.healthy.add(1);
  await pass(1_000);
  assert.deepEqual(world.started, ['store', 'server']);
  world.healthy.add(2).add(3);
  await pass(1_000);
  await done;
  assert.ok(supervisor.processes.every((each) => each.state === 'ready'));
});

async function ready() {
  const all = setUp();
  for (const port of [1, 2, 3]) all.world.healthy.add(port);
  const done = all.supervisor.start(all.stop.signal);
  await all.pass(2_000);
  await done;
  return all;
}

test('what dies is started again, with growing waits', async () => {
  const { world, pass, one } = await ready();
  const pid = one('server')?.pid;
  world.end('server', { code: null, signal: 'SIGKILL' });
  await pass(50);
  assert.equal(one('server')?.state, 'backing-off');
  await pass(1_000);
  assert.equal(one('server')?.state, 'ready');
  assert.notEqual(one('server')?.pid, pid);
  for (let i = 0; i < 6; i++) {
    world.end('server', { code: 1, signal: null });
    await pass(i < 2 ? 2_000 : 50);
  }
  assert.equal(one('server')?.state, 'backing-off');
  const starts = world.started.length;
  await pass(100);
  assert.equal(world.started.length, starts);
  await pass(12_000);
  assert.equal(one('server')?.state, 'ready');
});

test('a process refused for its configuration fails the start at once, with its last words', async () => {
  const { world, supervisor, stop, pass } = setUp();
  const done = assert.rejects(
    supervisor.start(stop.signal),
    /store cannot start: disk full \(log: \/logs\/store\.log\)/,
  );
  await pass(100);
  world.end('store', { code: 2, signal: null });
  await pass(500);
  await done;
  assert.deepEqual(world.started, ['store']);
});

test('a process that keeps dying before it is ready fails the start', async () => {
  const { world, supervisor, stop, pass } = setUp();
  const done = assert.rejects(supervisor.start(stop.signal), /store cannot start/);
  for (let i = 0; i < 3; i++) {
    await pass(100);
    world.end('store', { code: 1, signal: null });
    await pass(3_000);
  }
  await done;
});

test('one that never gets ready is named after the time limit', async () => {
  const { supervisor, stop, pass } = setUp();
  const done = assert.rejects(supervisor.start(stop.signal), /store is not ready after 120 s/);
  await pass(125_000);
  await done;
});

test('stopping goes backwards and starts nothing again', async () => {
  const { world, supervisor, pass } = await ready();
  const done = supervisor.stop();
  await pass(100);
  await done;
  assert.deepEqual(world.signals, ['SIGTERM worker', 'SIGTERM server', 'SIGTERM store']);
  await pass(60_000);
  assert.equal(world.started.length, 3);
  assert.ok(supervisor.processes.every((each) => each.state === 'stopped'));
});

test('one that ignores SIGTERM is killed after the grace', async () => {
  const { world, supervisor, pass } = await ready();
  world.ignoresTerm = true;
  const done = supervisor.stop((one) => one.spec.name === 'worker');
  await pass(11_000);
  assert.deepEqual(world.signals, ['SIGTERM worker']);
  await pass(2_000);
  await done;
  assert.deepEqual(world.signals, ['SIGTERM worker', 'SIGKILL worker']);
});

test('an aborted start ends with the reason of the abort', async () => {
  const { supervisor, stop, pass } = setUp();
  const done = assert.rejects(supervisor.start(stop.signal), /stopped by SIGINT/);
  await pass(100);
  stop.abort(new Error('stopped by SIGINT'));
  await pass(200);
  await done;
});

test('last words: the message of a JSON line, a plain line, a cut line, nothing', () => {
  assert.equal(lastWords('{"msg":"one"}\n{"level":60,"msg":"port taken"}\n'), 'port taken');
  assert.equal(lastWords('a\netcd: no space left\n\n'), 'etcd: no space left');
  assert.equal(lastWords('{"msg":"cu'), '{"msg":"cu');
  assert.equal(lastWords(''), 'it said nothing');
  const crash =
    'file.ts:1\nTypeError [CODE]: x is not a function\n    at main\n\nNode.js v24.1.0\n';
  assert.equal(lastWords(crash), 'TypeError [CODE]: x is not a function');
});
