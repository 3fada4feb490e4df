import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { ClusterFile } from '../supervisor/cluster-file.ts';
import { LiveStatus } from './live.ts';
import { renderProcesses, renderUsage, shortDuration } from './render.ts';

const NOW_MS = 1_000_000;

function fileOf(states: Record<string, string>): ClusterFile {
  const processes = Object.entries(states).map(([name, state], i) => ({
    name,
    role: 'etcd',
    pid: state === 'waiting' ? undefined : 100 + i,
    state,
    restarts: state === 'backing-off' ? 2 : 0,
    startedAtMs: NOW_MS - 65_000,
    log: `/logs/${name}.log`,
  }));
  return {
    phase: 'starting',
    runtime: 'simulated',
    supervisor: 1,
    etcd: [],
    apiservers: [],
    processes,
  };
}

test('every process has a line with its state, pid, age and restarts', () => {
  const lines = renderProcesses(fileOf({ 'etcd-1': 'ready', 'etcd-2': 'backing-off' }), NOW_MS);
  assert.match(lines[1] ?? '', /✔ etcd-1 +ready +100 +65s$/);
  assert.match(lines[2] ?? '', /✗ etcd-2 +backing-off +101 +65s +restarts 2$/);
});

test('a long name keeps its columns under their titles', () => {
  const name = 'cloud-controller-manager-1';
  const lines = renderProcesses(fileOf({ a: 'ready', [name]: 'ready' }), NOW_MS);
  const columns = lines.map((line) => line.search(/STATE|ready/));
  assert.equal(new Set(columns).size, 1, lines.join('\n'));
});

test('a process the file calls ready but the machine does not know is dead', () => {
  const gone = () => ({ alive: false, residentBytes: 0 });
  assert.match(renderProcesses(fileOf({ a: 'ready' }), NOW_MS, gone)[1] ?? '', /✔? ?.*dead/);
  const there = () => ({ alive: true, residentBytes: 104_857_600 });
  assert.match(renderProcesses(fileOf({ a: 'ready' }), NOW_MS, there)[1] ?? '', /ready .* 100 MiB/);
});

test('durations are short', () => {
  const table: readonly [number, string][] = [
    [-5, '0s'],
    [119_000, '119s'],
    [120_000, '2m'],
    [7_200_000, '2h'],
    [172_800_000, '2d'],
  ];
  for (const [ms, text] of table) assert.equal(shortDuration(ms), text);
});

test('on a terminal the table is drawn over itself; lines that stay come above it', () => {
  let written = '';
  const live = new LiveStatus(
    { isTerminal: true, write: (text) => (written += text) },
    () => NOW_MS,
  );
  live.update(fileOf({ a: 'starting' }));
  written = '';
  live.update(fileOf({ a: 'ready' }));
  assert.ok(written.startsWith('\u001b[2F\u001b[0J'), 'two lines up, clear');
  written = '';
  live.say('hello');
  assert.ok(written.endsWith('hello\n') && written.startsWith('\u001b[2F'));
});

test('elsewhere only news is written, once', () => {
  const lines: string[] = [];
  const live = new LiveStatus(
    { isTerminal: false, write: (text) => lines.push(text) },
    () => NOW_MS,
  );
  live.update(fileOf({ a: 'starting' }));
  live.update(fileOf({ a: 'ready' }));
  live.update(fileOf({ a: 'ready' }));
  live.update(fileOf({ a: 'backing-off' }));
  assert.deepEqual(lines, ['a ready (pid 100)\n', 'a backing-off (pid 100)\n']);
});

test('the usage names the data directory only when it is not the default one', () => {
  assert.ok(
    renderUsage('/d/kubeconfig', '/d', false).some((line) => line.includes('--data-dir /d')),
  );
  assert.ok(!renderUsage('/d/kubeconfig', '/d', true).some((line) => line.includes('--data-dir')));
});
