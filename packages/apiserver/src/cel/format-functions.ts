/** Named formats of texts, as Kubernetes' library `format` has them: `format.dns1123Label().validate(text)`. */
import { nameRules } from '@kubets/api';
import { type Environment, Optional } from '@marcbachmann/cel-js';

/** What is wrong with a text; empty: nothing. */
type Rule = (text: string) => readonly string[];

class NamedFormat {
  readonly name: string;
  readonly rule: Rule;

  constructor(name: string, rule: Rule) {
    this.name = name;
    this.rule = rule;
  }
}

class FormatNamespace {}

/** A prefix of a name may end in a dash: something follows. */
const prefixOf =
  (rule: Rule): Rule =>
  (text) =>
    rule(text.endsWith('-') ? `${text.slice(0, -1)}a` : text);

const matching =
  (what: string, fits: (text: string) => boolean): Rule =>
  (text) =>
    fits(text) ? [] : [`does not match ${what}`];

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
  uri: matching('a URI', (text) => text.startsWith('/') || URL.canParse(text)),
  uuid: matching('a UUID', (text) => UUID.test(text)),
  byte: matching('base64', (text) => BASE64.test(text)),
  date: matching('a date', (text) => DATE.test(text) && isTime(text)),
  datetime: matching('a time of RFC 3339', (text) => TIME.test(text) && isTime(text)),
};

export function addFormatFunctions(env: Environment): void {
  const type = 'kubernetes.NamedFormat';
  const formats = new Map(
    Object.entries(RULES).map(([name, rule]) => [name, new NamedFormat(name, rule)]),
  );
  env
    .registerType(type, NamedFormat)
    .registerType('format', FormatNamespace)
    .registerConstant('format', 'format', new FormatNamespace())
    .registerFunction(
      `format.named(string): optional<${type}>`,
      (_format: unknown, name: string) => {
        const found = formats.get(name);
        return found === undefined ? Optional.none() : Optional.of(found);
      },
    )
    .registerFunction(
      `${type}.validate(string): optional<list<string>>`,
      ({ rule }: NamedFormat, text: string) => {
        const faults = rule(text);
        return faults.length === 0 ? Optional.none() : Optional.of([...faults]);
      },
    );
  for (const [name, one] of formats) {
    env.registerFunction(`format.${name}(): ${type}`, () => one);
  }
}
