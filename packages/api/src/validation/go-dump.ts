/** Values in messages, printed as Go structures where the stock server prints those. */
import { GoText } from '../field-error.ts';
import { goQuote } from '../go-text.ts';

/** `map[string]string{"app":"a"}`. */
export function goLabels(labels: Record<string, string> | undefined | null): GoText {
  if (!labels) return new GoText('map[string]string(nil)');
  const entries = Object.entries(labels).sort(([a], [b]) => (a < b ? -1 : 1));
  const body = entries.map(([k, v]) => `${goQuote(k)}:${goQuote(v)}`).join(', ');
  return new GoText(`map[string]string{${body}}`);
}

/** `[]string{"a", "b"}`; `type` is the Go type of the list. */
export function goStrings(list: readonly string[] | undefined, type = '[]string'): GoText {
  if (!list) return new GoText(`${type}(nil)`);
  return new GoText(`${type}{${list.map(goQuote).join(', ')}}`);
}

/** `intstr.IntOrString{Type:0, IntVal:1, StrVal:""}`. */
export function goIntOrString(value: number | string): GoText {
  const text =
    typeof value === 'number'
      ? `Type:0, IntVal:${value}, StrVal:""`
      : `Type:1, IntVal:0, StrVal:${goQuote(value)}`;
  return new GoText(`intstr.IntOrString{${text}}`);
}

/** A quantity's inner form; `shown` when its text had been asked for before. Of a plain zero it is kept from the start. */
export function goQuantity(text: string, shown: boolean): GoText {
  const parts = /^(-?\d+)(?:\.(\d+))?(m|k|M|G)?$/.exec(text) ?? [text, '0', '', ''];
  const scales: Record<string, number> = { m: -3, k: 3, M: 6, G: 9 };
  let value = BigInt((parts[1] ?? '0') + (parts[2] ?? ''));
  let scale = (scales[parts[3] ?? ''] ?? 0) - (parts[2] ?? '').length;
  if (parts[3] === 'm') {
    while (value !== 0n && value % 10n === 0n && scale < 0) {
      value /= 10n;
      scale += 1;
    }
  }
  const s = shown || text === '0' ? goQuote(text) : '""';
  const d = 'd:resource.infDecAmount{Dec:(*inf.Dec)(nil)}';
  const i = `i:resource.int64Amount{value:${value}, scale:${scale}}`;
  return new GoText(`resource.Quantity{${i}, ${d}, s:${s}, Format:"DecimalSI"}`);
}

/** `core.ResourceList{"cpu":resource.Quantity{…}}`. */
export function goResources(resources: Record<string, string> | undefined | null): GoText {
  if (!resources) return new GoText('core.ResourceList(nil)');
  const entries = Object.entries(resources).sort(([a], [b]) => (a < b ? -1 : 1));
  const body = entries.map(([name, text]) => `${goQuote(name)}:${goQuantity(text, false).text}`);
  return new GoText(`core.ResourceList{${body.join(', ')}}`);
}

/** `[]T{…}`, with each item written by `each`; `[]T(nil)` when there is no list. */
export function goList<T>(
  type: string,
  list: readonly T[] | undefined,
  each: (item: T) => string,
): string {
  return list ? `[]${type}{${list.map(each).join(', ')}}` : `[]${type}(nil)`;
}

/** What is known of an address in memory: that it is one. */
const SOMEWHERE = '0xc000000000';

/** `(*T)(0x…)`, or `(*T)(nil)`. */
export const goPointer = (type: string, value: unknown): string =>
  `(*${type})(${value === undefined || value === null ? 'nil' : SOMEWHERE})`;

interface Requirement {
  readonly key: string;
  readonly operator: string;
  readonly values?: readonly string[] | undefined;
}

interface NodeTerm {
  readonly matchExpressions?: readonly Requirement[] | undefined;
  readonly matchFields?: readonly Requirement[] | undefined;
}

function nodeTermText(term: NodeTerm | undefined): string {
  const type = 'core.NodeSelectorRequirement';
  const each = ({ key, operator, values }: Requirement): string =>
    `${type}{Key:${goQuote(key)}, Operator:${goQuote(operator)}, Values:${goStrings(values).text}}`;
  const expressions = goList(type, term?.matchExpressions, each);
  const fields = goList(type, term?.matchFields, each);
  return `core.NodeSelectorTerm{MatchExpressions:${expressions}, MatchFields:${fields}}`;
}

export const goNodeTerm = (term: NodeTerm | undefined): GoText => new GoText(nodeTermText(term));

export const goNodeTerms = (terms: readonly NodeTerm[]): GoText =>
  new GoText(goList('core.NodeSelectorTerm', terms, nodeTermText));

/** A structure whose dump tells nothing a client could use: its type and its JSON. */
export function goDump(type: string, value: unknown): GoText {
  return new GoText(value === undefined ? `(*${type})(nil)` : `${type}${JSON.stringify(value)}`);
}
