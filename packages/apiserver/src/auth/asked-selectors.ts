/** What a question about rights narrows a list down to: from texts to requirements, and back. */
import {
  type FieldSelectorAttributes,
  fieldErrors,
  type LabelSelectorAttributes,
  lookup,
  nameRules,
  parseFieldSelector,
  parseLabelSelector,
} from '@kubets/api';
import type { AuthorizationAttributes } from '../ports.ts';

type Asked = Pick<AuthorizationAttributes, 'fieldSelector' | 'labelSelector'>;

/** One requirement as reviews have it. */
interface Requirement {
  readonly key: string;
  readonly operator: string;
  readonly values?: readonly string[] | undefined;
}

const IS_IN: Readonly<Record<string, string>> = lookup({
  '=': 'In',
  '==': 'In',
  in: 'In',
  '!=': 'NotIn',
  notin: 'NotIn',
  exists: 'Exists',
  '!': 'DoesNotExist',
});

/** The selectors of a request as a review tells them; one that cannot be read narrows nothing down. */
export function toldSelectors({ fieldSelector = '', labelSelector = '' }: Asked): object {
  const fields = readable(fieldSelector, (text) =>
    parseFieldSelector(text).map(({ field, operator, value }) => told(field, operator, [value])),
  );
  const labels = readable(labelSelector, (text) =>
    parseLabelSelector(text).requirements.map((r) => told(r.key, r.operator, r.values)),
  );
  return {
    ...(fields.length > 0 && { fieldSelector: { requirements: fields } }),
    ...(labels.length > 0 && { labelSelector: { requirements: labels } }),
  };
}

function told(key: string, by: string, values: readonly string[]): Requirement | undefined {
  const operator = IS_IN[by];
  if (operator === undefined) return undefined;
  return { key, operator, ...(values.length > 0 && { values }) };
}

function readable(
  text: string,
  read: (text: string) => readonly (Requirement | undefined)[],
): readonly Requirement[] {
  if (text === '') return [];
  try {
    return read(text).filter((one) => one !== undefined);
  } catch {
    return [];
  }
}

interface Selectors {
  readonly fieldSelector?: FieldSelectorAttributes | undefined;
  readonly labelSelector?: LabelSelectorAttributes | undefined;
}

/** The selectors of a review as texts, and which of them were left out, or in part, since they mean nothing. */
export function askedSelectors(on: Selectors): { asked: Asked; ignored: string[] } {
  const fields = readAll(on.fieldSelector, parseFieldSelector, fieldText);
  const labels = readAll(on.labelSelector, parseLabelSelector, labelText);
  const ignored = [
    ...ignoredText('fieldSelector', fields),
    ...ignoredText('labelSelector', labels),
  ];
  const asked = {
    ...(fields.text !== '' && { fieldSelector: fields.text }),
    ...(labels.text !== '' && { labelSelector: labels.text }),
  };
  return { asked, ignored };
}

interface ReadSelector {
  readonly text: string;
  readonly hasFailed: boolean;
}

function readAll(
  selector: FieldSelectorAttributes | undefined,
  parse: (text: string) => unknown,
  textOf: (requirement: Requirement) => string,
): ReadSelector {
  const { rawSelector = '', requirements } = selector ?? {};
  const texts = requirements?.length
    ? requirements.map((r) => textOf({ ...r, values: r.values ?? [] }))
    : [rawSelector].filter((text) => text !== '');
  const good = texts.filter((text) => {
    if (text === '') return false;
    try {
      parse(text);
      return true;
    } catch {
      return false;
    }
  });
  return { text: good.join(','), hasFailed: good.length < texts.length };
}

function ignoredText(name: string, { text, hasFailed }: ReadSelector): string[] {
  if (!hasFailed) return [];
  const how = text === '' ? 'ignored' : 'partially ignored';
  return [`spec.resourceAttributes.${name} ${how} due to parse error`];
}

/** '' for what cannot be said of a field. */
function fieldText({ key, operator, values = [] }: Requirement): string {
  const sign = operator === 'In' ? '=' : operator === 'NotIn' ? '!=' : undefined;
  const [value] = values;
  if (sign === undefined || value === undefined || values.length > 1) return '';
  return `${key}${sign}${value.replace(/[\\,=]/g, '\\$&')}`;
}

/** '' for what cannot be said of a label. */
function labelText({ key, operator, values = [] }: Requirement): string {
  if (operator === 'Exists') return key;
  if (operator === 'DoesNotExist') return `!${key}`;
  const word = operator === 'In' ? 'in' : operator === 'NotIn' ? 'notin' : '';
  return word === '' ? '' : `${key} ${word} (${values.join(',')})`;
}

/** What is wrong with the selectors of a review; operators of later versions are let through. */
export function selectorErrors(on: Selectors, path: string): fieldErrors.FieldError[] {
  return [
    ...errorsOf(on.fieldSelector, `${path}.fieldSelector`, () => []),
    ...errorsOf(on.labelSelector, `${path}.labelSelector`, labelErrors),
  ];
}

function errorsOf(
  selector: FieldSelectorAttributes | undefined,
  path: string,
  more: (requirement: Requirement, path: string) => fieldErrors.FieldError[],
): fieldErrors.FieldError[] {
  if (!selector) return [];
  const { rawSelector = '', requirements = [] } = selector;
  const errors: fieldErrors.FieldError[] = [];
  if (rawSelector !== '' && requirements.length > 0) {
    const why = 'may not specified at the same time as requirements';
    errors.push(fieldErrors.invalid(`${path}.rawSelector`, rawSelector, why));
  }
  if (rawSelector === '' && requirements.length === 0) {
    const why = `when ${path} is specified, requirements or rawSelector is required`;
    errors.push(fieldErrors.required(`${path}.requirements`, why));
  }
  requirements.forEach((one, i) => {
    const at = `${path}.requirements[${i}]`;
    const isOfField = path.endsWith('.fieldSelector');
    if (isOfField && !one.key) errors.push(fieldErrors.required(`${at}.key`, 'must be specified'));
    errors.push(...valueErrors(one, at), ...more(one, at));
  });
  return errors;
}

function valueErrors({ operator, values = [] }: Requirement, at: string): fieldErrors.FieldError[] {
  const path = `${at}.values`;
  const wantsValues = operator === 'In' || operator === 'NotIn';
  if (wantsValues && values.length === 0) {
    return [fieldErrors.required(path, "must be specified when `operator` is 'In' or 'NotIn'")];
  }
  const wantsNone = operator === 'Exists' || operator === 'DoesNotExist';
  if (!wantsNone || values.length === 0) return [];
  const why = "may not be specified when `operator` is 'Exists' or 'DoesNotExist'";
  return [fieldErrors.forbidden(path, why)];
}

function labelErrors({ key, values = [] }: Requirement, at: string): fieldErrors.FieldError[] {
  return [
    ...nameRules.qualifiedName(key).map((why) => fieldErrors.invalid(`${at}.key`, key, why)),
    ...values.flatMap((value, i) =>
      nameRules
        .labelValue(value)
        .map((why) => fieldErrors.invalid(`${at}.values[${i}]`, value, why)),
    ),
  ];
}
