/** The report: one HTML file that needs nothing else. Pure. */
import type { Verdict } from '../history/judge.ts';
import type { History } from '../history/records.ts';
import { FAMILIES, timeline, unavailability } from './pictures.ts';
import { figuresOf, type KindFigures, spreadOf } from './stats.ts';
import { STYLE } from './style.ts';
import { duration, esc } from './svg.ts';

export interface ReportedRun {
  readonly history: History;
  readonly verdict: Verdict;
}

export interface ReportInput {
  readonly runs: readonly ReportedRun[];
  /** The command that makes the same plan again. */
  readonly command: string;
}

const number = (value: number): string => value.toLocaleString('en-US');
const key = (css: string, label: string): string =>
  `<span><i class="key ${css}"></i>${esc(label)}</span>`;

/** The whole file. */
export function reportHtml({ runs, command }: ReportInput): string {
  const first = runs[0];
  if (first === undefined) return '';
  const { facts } = first.history;
  const titles = runs.map((one) => one.history.facts.target).join(' and ');
  const heading = `Chaos: ${facts.scenario} against ${titles}`;
  const parts = [
    `<h1>${esc(heading)}</h1>`,
    `<p class="sub">${esc(facts.startedAt)} · seed ${facts.seed} · ${runs.map(badge).join(' ')}</p>`,
    ...runs.map(violations),
    ...runs.map(cards),
    '<h2>Time without writes</h2>',
    `<p class="sub">From a fault to the acknowledgement of the first write begun after it: the share of faults overcome within a time.</p>`,
    legendOfRuns(runs),
    unavailability(runs.map((one) => one.history)),
    figuresTable(runs),
    '<h2>What happened when</h2>',
    ...runs.map(timelineSection),
    '<h2>How to repeat it</h2>',
    `<pre><code>${esc(command)}</code></pre>`,
    '<p class="sub">The same seed makes the same faults in the same order. What members and clients do meanwhile is up to the machine.</p>',
    whatWasJudged(),
    ...runs.map(faultTable),
  ];
  return [
    '<!doctype html><html lang="en"><head><meta charset="utf-8">',
    '<meta name="viewport" content="width=device-width, initial-scale=1">',
    `<title>${esc(heading)}</title><style>${STYLE}</style></head>`,
    `<body><main>${parts.join('\n')}</main></body></html>\n`,
  ].join('\n');
}

function badge({ history, verdict }: ReportedRun): string {
  const said = verdict.ok
    ? 'nothing lost, nothing wrong'
    : `${verdict.violations.length} violations`;
  return `<span class="verdict ${verdict.ok ? 'ok' : 'bad'}">${esc(history.facts.target)}: ${said}</span>`;
}

function violations({ history, verdict }: ReportedRun): string {
  if (verdict.ok) return '';
  const items = verdict.violations.map((line) => `<li>${esc(line)}</li>`).join('');
  return `<h2>What is wrong with ${esc(history.facts.target)}</h2><ul class="wrong">${items}</ul>`;
}

function cards({ history, verdict }: ReportedRun): string {
  const without = spreadOf(history.faults.map((one) => one.withoutWritesMs));
  const cycle = spreadOf(history.faults.map((one) => one.recoveredMs - one.startMs));
  const card = (value: string, label: string): string =>
    `<div class="card"><b>${esc(value)}</b><span>${esc(label)}</span></div>`;
  const { faultsWanted } = history.facts;
  const made = history.faults.length;
  return [
    `<h3>${esc(history.facts.target)}</h3><div class="cards">`,
    card(
      made < faultsWanted ? `${number(made)} of ${number(faultsWanted)}` : number(made),
      'faults',
    ),
    card(number(verdict.acknowledged), 'requests acknowledged'),
    card(number(verdict.revisions), 'revisions'),
    card(number(verdict.watchEvents), 'watch events'),
    card(duration(without.p50), 'without writes, p50'),
    card(duration(without.p99), 'without writes, p99'),
    card(duration(without.max), 'without writes, longest'),
    card(duration(cycle.p50), 'until all is well again, p50'),
    '</div>',
  ].join('');
}

function legendOfRuns(runs: readonly ReportedRun[]): string {
  const keys = runs.map(({ history }, n) => key(`run-${n}`, history.facts.target));
  return `<div class="legend">${keys.join('')}</div>`;
}

function figuresTable(runs: readonly ReportedRun[]): string {
  const head =
    '<tr><th>fault</th><th class="text">target</th><th>times</th><th>without writes, p50</th><th>p99</th><th>longest</th><th>all well again, p50</th><th>longest</th></tr>';
  const rows = runs.map((one) => figuresOf(one.history.faults));
  const kinds = [...new Set(rows.flat().map((row) => row.kind))];
  const body = kinds.flatMap((kind) =>
    runs.flatMap(({ history }, n) => {
      const row = rows[n]?.find((one) => one.kind === kind);
      return row === undefined ? [] : figuresRow(row, history.facts.target);
    }),
  );
  return `<table>${head}${body.join('')}</table>`;
}

function figuresRow({ kind, withoutWrites, cycle }: KindFigures, target: string): string {
  const times = [withoutWrites.p50, withoutWrites.p99, withoutWrites.max, cycle.p50, cycle.max];
  const cells = times.map((ms) => `<td>${duration(ms)}</td>`).join('');
  return `<tr><td>${kind}</td><td class="text">${esc(target)}</td><td>${withoutWrites.count}</td>${cells}</tr>`;
}

function timelineSection({ history }: ReportedRun): string {
  const kinds = FAMILIES.map(([css, label]) => key(css, label));
  const members = history.facts.members.map((name, n) => key(`member-${n % 7}`, `${name} leads`));
  const lines = [
    key('done', 'acknowledged'),
    key('failed', 'no answer'),
    key('p50', 'p50'),
    key('p99', 'p99'),
  ];
  return [
    `<h3>${esc(history.facts.target)}</h3>`,
    `<div class="legend">${[...kinds, ...members, ...lines].join('')}</div>`,
    timeline(history),
  ].join('');
}

function whatWasJudged(): string {
  return `<h2>What was judged</h2><p>Every answer that clients got, and every event that watchers were sent, against an
independent model: each acknowledged operation is what the model says at its revision, each revision the work of exactly one
operation that was really made, in an order that respects real time (linearizability); watchers missed, repeated and reordered
nothing; no lease ended before its time, and all ended; the bank’s total never changed. Clients sent no request twice.</p>`;
}

function faultTable({ history }: ReportedRun): string {
  const rows = history.faults.map((one) => {
    const role = one.wasLeader ? 'leader' : 'follower';
    const cells = [one.withoutWritesMs, one.undoneMs - one.startMs, one.recoveredMs - one.startMs];
    const times = cells.map((ms) => `<td>${duration(ms)}</td>`).join('');
    return `<tr><td>${one.number}. ${one.kind}</td><td class="text">${esc(one.member)}, ${role}</td><td class="text">${esc(one.detail)}</td>${times}</tr>`;
  });
  const head =
    '<tr><th>fault</th><th class="text">member</th><th class="text">how</th><th>without writes</th><th>lasted</th><th>all well again after</th></tr>';
  return `<details><summary>All ${rows.length} faults of ${esc(history.facts.target)}</summary><div class="scroll"><table>${head}${rows.join('')}</table></div></details>`;
}
