/** Named formats of texts, as Kubernetes' library `format` has them: `format.dns1123Label().validate(text)`. */
import { nameRules } from '@kubets/api';
import type { Library } from '../signature.ts';
import { objectType } from '../types.ts';
import { Opaque, Optional } from '../values.ts';
import { requestUri } from './urls.ts';

/** What is wrong with a text; empty: nothing. */
type Rule = (text: string) => readonly string[];

const TYPE = objectType('kubernetes.NamedFormat');

class NamedFormat extends Opaque {
  override readonly type = TYPE;
  readonly name: string;
  readonly rule: Rule;
  /** How long the pattern is that stands behind it: what a check costs goes by it. */
  override readonly size: number;

  constructor(name: string, { rule, size }: { rule: Rule; size: number }) {
    super();
    this.size = size;
    this.name = name;
    this.rule = rule;
  }

  override equals(other: unknown): boolean {
    return other instanceof NamedFormat && other.name === this.name;
  }
}

/** A prefix of a name may end in a dash: something follows. */
const prefixOf =
  (rule: Rule): Rule =>
  (text) =>
    rule(text.endsWith('-') ? `${text.slice(0, -1)}a` : text);

const matching =
  (otherwise: string, fits: (text: string) => boolean): Rule =>
  (text) =>
    fits(text) ? [] : [otherwise];

function uri(text: string): readonly string[] {
  const { fault } = requestUri(text);
  return fault === undefined ? [] : [fault];
}

const UUID = /^[0-9a-f]{8}-?[0-9a-f]{4}-?[0-9a-f]{4}-?[0-9a-f]{4}-?[0-9a-f]{12}$/i;
const BASE64 = /^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/;
const DATE = /^\d{4}-\d{2}-\d{2}$/;
const TIME = /^\d{4}-\d{2}-\d{2}[Tt]\d{2}:\d{2}:\d{2}(\.\d+)?([Zz]|[+-]\d{2}:\d{2})$/;
const isTime = (text: string): boolean => !Number.isNaN(Date.parse(text));

const RULES: Readonly<Record<string, Rule>> = {
  dns1123Label: nameRules.dns1123Label,
  dns1123Subdomain: nameRules.dns1123Subdomain,
  dns1035Label: nameRules.dns1035Label,
  dns1123LabelPrefix: prefixOf(nameRules.dns1123Label),
  dns1123SubdomainPrefix: prefixOf(nameRules.dns1123Subdomain),
  dns1035LabelPrefix: prefixOf(nameRules.dns1035Label),
  qualifiedName: nameRules.qualifiedName,
  labelValue: nameRules.labelValue,
  uri,
  uuid: matching('does not match the UUID format', (text) => UUID.test(text)),
  byte: matching('invalid base64', (text) => BASE64.test(text)),
  date: matching('invalid date', (text) => DATE.test(text) && isTime(text)),
  datetime: matching('invalid datetime', (text) => TIME.test(text) && isTime(text)),
};

/** Lengths of patterns, as the stock server reckons them. */
const SIZES: Readonly<Record<string, number>> = {
  dns1123Label: 30,
  dns1123Subdomain: 60,
  dns1035Label: 30,
  dns1123LabelPrefix: 30,
  dns1123SubdomainPrefix: 60,
  dns1035LabelPrefix: 30,
  qualifiedName: 60,
  labelValue: 40,
};
const LONG_PATTERN = 128;

export function addFormatFunctions(library: Library): void {
  const { name: type } = TYPE;
  const formats = new Map(
    Object.entries(RULES).map(([name, rule]) => {
      const size = SIZES[name] ?? LONG_PATTERN;
      return [name, new NamedFormat(name, { rule, size })];
    }),
  );
  library
    .addType(TYPE)
    .add('format.named', `(string) optional(${type})`, (name) => {
      const found = formats.get(String(name));
      return found === undefined ? Optional.none : Optional.of(found);
    })
    .add('validate', `${type} -> (string) optional(list(string))`, (format, text) => {
      const faults = (format as NamedFormat).rule(String(text));
      return faults.length === 0 ? Optional.none : Optional.of([...faults]);
    });
  for (const [name, one] of formats) library.add(`format.${name}`, `() ${type}`, () => one);
}
