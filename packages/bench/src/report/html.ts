/** A result as one HTML file: no script, nothing from elsewhere. Pure. */
import type { BenchResult, SloResult, Table } from './result.ts';
import { duration } from './slo.ts';
import { barChart, escapeHtml, lineChart, short } from './svg.ts';

const STYLE = `
:root{color-scheme:light dark;--fg:#1b1f24;--bg:#fff;--soft:#f3f5f7;--line:#d6dbe0;--dim:#5b6570;--good:#0b7a53;
--bad:#b3261e}
@media(prefers-color-scheme:dark){:root{--fg:#e6e9ec;--bg:#15181b;--soft:#20252a;--line:#3a4148;--dim:#9aa5b0;
--good:#4cc38a;--bad:#ff8a80}
}
body{font:15px/1.5 system-ui,sans-serif;color:var(--fg);background:var(--bg);max-width:1640px;margin:0 auto;
padding:24px}
h1{font-size:24px;margin:0}
h2{font-size:18px;margin:32px 0 8px}
p.sub{color:var(--dim);margin:4px 0 20px}
.slos{display:grid;grid-template-columns:repeat(auto-fit,minmax(230px,1fr));gap:12px}
.slo{border:1px solid var(--line);border-left:6px solid var(--good);border-radius:6px;padding:10px 14px;
background:var(--soft)}
.slo.bad{border-left-color:var(--bad)}
.slo b{display:block}
.slo .v{font-size:19px}
.slo small,figcaption small{color:var(--dim)}
.slo .w{color:var(--good);font-weight:600}
.slo.bad .w{color:var(--bad)}
.charts{display:grid;grid-template-columns:repeat(auto-fit,minmax(520px,1fr));gap:16px}
figure{margin:0;border:1px solid var(--line);border-radius:6px;padding:10px}
figcaption{font-weight:600}
svg{width:100%;height:auto;display:block}
.grid{stroke:var(--line);stroke-width:.7}
.tick{font-size:11px;fill:var(--dim)}
.phase{font-size:10.5px;fill:var(--dim)}
.band0{fill:var(--soft)}
.band1{fill:none}
.legend{display:flex;flex-wrap:wrap;gap:4px 14px;font-size:12.5px}
.legend i{display:inline-block;width:12px;height:3px;margin:0 5px 3px 0}
table{border-collapse:collapse;font-size:13.5px;margin:4px 0}
th,td{border-bottom:1px solid var(--line);padding:3px 10px;text-align:right;font-variant-numeric:tabular-nums}
th:first-child,td:first-child,th.l,td.l{text-align:left}
tr.bad td{color:var(--bad);font-weight:600}
.wrap{overflow-x:auto}
ul{margin:4px 0}
`;

const MIB = 1024 * 1024;
/** A text longer than this is a sentence. */
const SENTENCE = 24;
const LIMIT_MS = { one: 1_000, list: 30_000 };

function table(
  { title, head, rows }: Table,
  isBad: (row: Table['rows'][number]) => boolean = () => false,
): string {
  if (rows.length === 0) return '';
  // Sentences read from the left, numbers from the right.
  const isText = head.map((_unused, at) =>
    rows.some((row) => typeof row[at] === 'string' && row[at].length > SENTENCE),
  );
  const cell = (tag: 'td' | 'th', text: string | number, at: number): string =>
    `<${tag}${isText[at] ? ' class="l"' : ''}>${escapeHtml(String(text))}</${tag}>`;
  const line = (row: Table['rows'][number]): string =>
    `<tr${isBad(row) ? ' class="bad"' : ''}>${row.map((one, at) => cell('td', one, at)).join('')}</tr>`;
  return `<h2>${escapeHtml(title)}</h2><div class="wrap"><table><thead><tr>${head.map((one, at) => cell('th', one, at)).join('')}</tr></thead><tbody>${rows.map(line).join('')}</tbody></table></div>`;
}

function slo({ name, limit, measured, met }: SloResult): string {
  const [value = '', ...rest] = measured.split(' (');
  const where = rest.length === 0 ? '' : rest.join(' (').replace(/\)$/, '');
  return `<div class="slo${met ? '' : ' bad'}"><b>${escapeHtml(name)}</b><span class="v">${escapeHtml(value)}</span> <small>of ${escapeHtml(limit)}</small> <span class="w">${met ? 'met' : 'missed'}</span><br><small>${escapeHtml(where)}</small></div>`;
}

function apiTable(result: BenchResult): string {
  const overs = new Set<Table['rows'][number]>();
  const rows = result.api.map(({ phase, indicator, count, p50, p90, p99, max }) => {
    const row = [indicator, phase, count, ...[p50, p90, p99, max].map(duration)];
    const limit = indicator.startsWith('LIST') ? LIMIT_MS.list : LIMIT_MS.one;
    if (p99 > limit) overs.add(row);
    return row;
  });
  const head = ['verb, resource, scope', 'phase', 'requests', 'p50', 'p90', 'p99', 'max'];
  return table({ title: 'API calls, as the client saw them', head, rows }, (row) => overs.has(row));
}

function tables(result: BenchResult): string {
  const { stages, throughput, processes, phases, failures } = result;
  return [
    table({
      title: 'Phases',
      head: ['phase', 'seconds', 'what'],
      rows: phases.map(({ name, fromS, toS, note }) => [name, (toS - fromS).toFixed(0), note]),
    }),
    table({
      title: 'Start of pods',
      head: ['stage', 'phase', 'pods', 'p50', 'p90', 'p99', 'max'],
      rows: stages.map(({ stage, phase, count, p50, p90, p99, max }) => [
        ...[stage, phase, count],
        ...[p50, p90, p99, max].map(duration),
      ]),
    }),
    table({
      title: 'Pods bound a second, in pieces of 5 s',
      head: ['phase', 'average', 'p50', 'p99', 'max'],
      rows: throughput.map(({ phase, ...row }) => [
        phase,
        ...[row.average, row.p50, row.p99, row.max].map((one) => one.toFixed(0)),
      ]),
    }),
    apiTable(result),
    table({
      title: 'Processes',
      head: ['process', 'CPU s', 'CPU, share of a core', 'memory max MiB', 'memory at the end MiB'],
      rows: processes.map((row) => [
        row.name,
        row.cpuSeconds.toFixed(1),
        `${(row.cpuShare * 100).toFixed(1)} %`,
        (row.rssMaxBytes / MIB).toFixed(0),
        (row.rssEndBytes / MIB).toFixed(0),
      ]),
    }),
    table({
      title: 'Answers that were not as wished',
      head: ['what', 'count'],
      rows: Object.entries(failures),
    }),
    ...result.tables.map((one) => table(one)),
  ].join('');
}

export function renderHtml(result: BenchResult): string {
  const { machine, slos, pictures, phases, seconds, figures } = result;
  const config = Object.entries(result.config)
    .map(([key, value]) => `${key} ${value}`)
    .join(' · ');
  const memory = `${Math.round(machine.memoryBytes / MIB / 1_024)} GiB`;
  const facts = `${result.target} · ${machine.cpus} × ${machine.model}, ${memory} · ${result.startedAt} · ${Math.round(seconds)} s${result.finished ? '' : ' · interrupted'}`;
  const charts = pictures
    .filter(({ series }) => series.length > 0)
    .map((picture) => lineChart(picture, phases, seconds));
  const numbers = Object.entries(figures).map(([name, value]): [string, string] => [
    name,
    short(value),
  ]);
  const notes = result.notes.map((note) => `<li>${escapeHtml(note)}</li>`).join('');
  const bars = result.tables.length > 0 ? figureBars(result) : '';
  return `<!doctype html><html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>${escapeHtml(result.title)}</title><style>${STYLE}</style>
<h1>${escapeHtml(result.title)}</h1><p class="sub">${escapeHtml(facts)}<br>${escapeHtml(config)}</p>
<div class="slos">${slos.map(slo).join('')}</div>${notes === '' ? '' : `<h2>Notes</h2><ul>${notes}</ul>`}
<h2>At a glance</h2><div class="charts">${charts.join('')}${bars}</div>
${table({ title: 'Figures', head: ['figure', 'value'], rows: numbers })}${tables(result)}</html>
`;
}

/** Rates of benchmarks without a time line, as bars. */
function figureBars({ figures }: BenchResult): string {
  const rates = Object.entries(figures).filter(([name]) => name.includes('more is better'));
  if (rates.length === 0) return '';
  const rows = rates.map(([name, value]): [string, number] => [
    name.replace(/(, [a-z ]* a second)? \(.*/, ''),
    value,
  ]);
  return barChart('Rates', 'a second; more is better', rows);
}
