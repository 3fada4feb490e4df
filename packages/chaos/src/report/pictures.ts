/** The two pictures of a run: what happened when, and how long nothing could be written. Pure. */
import type { History } from '../history/records.ts';
import type { FaultKind } from '../ports.ts';
import { type Bucket, bucketsOf } from './stats.ts';
import * as draw from './svg.ts';

const WIDTH = 1_120;
const LEFT = 84;
const RIGHT = 16;
const BUCKETS = 240;
const TIME_TICKS = 10;
const LANES = {
  faults: { y: 8, height: 34 },
  leaders: { y: 54, height: 34 },
  throughput: { y: 118, height: 120 },
  latency: { y: 270, height: 120 },
} as const;
const BOTTOM = 390;
const HEIGHT = 422;

const FAMILY: Readonly<Record<FaultKind, string>> = {
  ...{ kill: 'kill', stop: 'stop', restart: 'operate' },
  ...{ isolate: 'network', halves: 'network', 'one-way-in': 'network', 'one-way-out': 'network' },
  ...{ loss: 'network', delay: 'network' },
  ...{ 'slow-disk': 'disk', 'failing-disk': 'disk', 'full-disk': 'disk' },
  ...{ 'power-loss': 'disk', blackout: 'disk' },
  ...{ 'clock-step': 'operate', 'expired-certificate': 'operate', 'replace-member': 'operate' },
};

/** Families of faults as the legend names them. */
export const FAMILIES: readonly (readonly [css: string, label: string])[] = [
  ['kill', 'killed'],
  ['stop', 'stopped'],
  ['network', 'network'],
  ['disk', 'disk'],
  ['operate', 'operated on'],
];

/** Faults, leaders, throughput and latency over one axis of time. */
export function timeline(history: History): string {
  const { startedMs, endedMs, idle } = history.facts;
  const span = Math.max(1, endedMs - startedMs);
  const x = draw.linear(0, span, LEFT, WIDTH - RIGHT);
  const at = (ms: number): number => x(ms - startedMs);
  const buckets = bucketsOf(history, BUCKETS);
  const parts: string[] = [];
  for (const ms of draw.ticks(0, span, TIME_TICKS)) {
    parts.push(draw.line([x(ms), LANES.faults.y], [x(ms), BOTTOM], 'grid'));
    parts.push(draw.text(x(ms), BOTTOM + 18, draw.clock(ms), { anchor: 'middle' }));
  }
  for (const [from, to] of idle) {
    const box = { x: at(from), y: LANES.faults.y, width: at(to) - at(from) };
    parts.push(draw.rect({ ...box, height: BOTTOM - LANES.faults.y }, 'idle', 'the other’s turn'));
  }
  parts.push(faultLane(history, at), leaderLane(history, at));
  parts.push(throughputLane(buckets, x), latencyLane(buckets, x));
  return draw.svg(WIDTH, HEIGHT, 'faults, leaders, throughput and latency over time', parts);
}

function title(lane: { readonly y: number; readonly height: number }, name: string): string {
  return draw.text(LEFT - 12, lane.y + lane.height / 2 + 4, name, { anchor: 'end', css: 'lane' });
}

function faultLane({ faults }: History, at: draw.Scale): string {
  const { y, height } = LANES.faults;
  const bars = faults.map((fault) => {
    const from = at(fault.startMs);
    const said = [
      `${fault.number}. ${fault.kind} ${fault.member}${fault.wasLeader ? ' (leader)' : ''}`,
      fault.detail,
      `no write for ${draw.duration(fault.withoutWritesMs)}`,
    ].join('\n');
    const width = at(fault.undoneMs) - from;
    return draw.rect({ x: from, y, width: Math.max(width, 1.5), height }, FAMILY[fault.kind], said);
  });
  return [title(LANES.faults, 'faults'), ...bars].join('');
}

function leaderLane({ leaders, facts }: History, at: draw.Scale): string {
  const { y, height } = LANES.leaders;
  const bars = leaders.map(({ atMs, leader, term }, n) => {
    if (leader === '') return '';
    const from = at(Math.max(atMs, facts.startedMs));
    const to = at(leaders[n + 1]?.atMs ?? facts.endedMs);
    const css = `member-${facts.members.indexOf(leader) % 7}`;
    return draw.rect({ x: from, y, width: to - from, height }, css, `${leader}, term ${term}`);
  });
  return [title(LANES.leaders, 'leader'), ...bars].join('');
}

function throughputLane(buckets: readonly Bucket[], x: draw.Scale): string {
  const { y, height } = LANES.throughput;
  const top = Math.max(1, ...buckets.map((one) => one.perSecond + one.failedPerSecond));
  const scale = draw.linear(0, top, y + height, y);
  const steps = draw.ticks(0, top, 4).map((value) => {
    const label = draw.text(LEFT - 12, scale(value) + 4, String(value), { anchor: 'end' });
    return draw.line([LEFT, scale(value)], [WIDTH - RIGHT, scale(value)], 'grid') + label;
  });
  const good = buckets.map((one) => [x(one.fromMs), scale(one.perSecond)] as const);
  const bad = buckets.map(
    (one) => [x(one.fromMs), scale(one.perSecond + one.failedPerSecond)] as const,
  );
  return [
    ...steps,
    draw.between(bad, good, 'failed'),
    draw.area(good, scale(0), 'done'),
    draw.text(LEFT, y - 6, 'requests a second: acknowledged, and without an answer', {
      css: 'lane',
    }),
  ].join('');
}

function latencyLane(buckets: readonly Bucket[], x: draw.Scale): string {
  const { y, height } = LANES.latency;
  const values = buckets.flatMap((one) => (Number.isNaN(one.p99Ms) ? [] : [one.p50Ms, one.p99Ms]));
  const low = 10 ** Math.floor(Math.log10(Math.max(0.1, Math.min(...values, 1))));
  const high = 10 ** Math.ceil(Math.log10(Math.max(10, ...values)));
  const scale = draw.logarithmic(low, high, y + height, y);
  const steps: string[] = [];
  for (let value = low; value <= high * 1.001; value *= 10) {
    steps.push(draw.line([LEFT, scale(value)], [WIDTH - RIGHT, scale(value)], 'grid'));
    const label = value >= 1_000 ? `${value / 1_000} s` : `${value} ms`;
    steps.push(draw.text(LEFT - 12, scale(value) + 4, label, { anchor: 'end' }));
  }
  const curve = (of: (one: Bucket) => number, css: string): string =>
    draw.path(
      buckets.map((one) => [x(one.fromMs), Number.isNaN(of(one)) ? Number.NaN : scale(of(one))]),
      css,
    );
  return [
    ...steps,
    curve((one) => one.p99Ms, 'p99'),
    curve((one) => one.p50Ms, 'p50'),
    draw.text(LEFT, y - 6, 'latency of acknowledged requests: p50 and p99', { css: 'lane' }),
  ].join('');
}

const SPREAD_HEIGHT = 230;

/** Which share of the faults was overcome within which time: a curve a run. */
export function unavailability(histories: readonly History[]): string {
  const all = histories.flatMap(({ faults }) => faults.map((one) => one.withoutWritesMs));
  if (all.length === 0) return '';
  const low = 10 ** Math.floor(Math.log10(Math.max(1, Math.min(...all))));
  const high = 10 ** Math.ceil(Math.log10(Math.max(10, ...all)));
  const x = draw.logarithmic(low, high, LEFT, WIDTH - RIGHT);
  const y = draw.linear(0, 1, SPREAD_HEIGHT - 36, 10);
  const parts: string[] = [];
  for (const share of [0, 0.25, 0.5, 0.75, 1]) {
    parts.push(draw.line([LEFT, y(share)], [WIDTH - RIGHT, y(share)], 'grid'));
    parts.push(draw.text(LEFT - 12, y(share) + 4, `${share * 100} %`, { anchor: 'end' }));
  }
  for (let decade = low; decade <= high * 1.001; decade *= 10) {
    for (const ms of [decade, decade * 2, decade * 5]) {
      if (ms > high * 1.001) continue;
      parts.push(draw.line([x(ms), y(0)], [x(ms), y(1)], 'grid'));
      const label = ms >= 1_000 ? `${ms / 1_000} s` : `${ms} ms`;
      parts.push(draw.text(x(ms), SPREAD_HEIGHT - 14, label, { anchor: 'middle' }));
    }
  }
  histories.forEach(({ faults }, n) => {
    const sorted = faults.map((one) => one.withoutWritesMs).sort((a, b) => a - b);
    const points: (readonly [number, number])[] = [[x(low), y(0)]];
    sorted.forEach((ms, at) => {
      points.push([x(ms), y(at / sorted.length)], [x(ms), y((at + 1) / sorted.length)]);
    });
    parts.push(draw.path([...points, [x(high), y(1)]], `run-${n}`));
  });
  return draw.svg(WIDTH, SPREAD_HEIGHT, 'time without writes', parts);
}
