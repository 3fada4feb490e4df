/** What rules of schemas (`x-kubernetes-validations`) must be. */
import { fieldErrors, goQuote, type ValidationRule } from '@kubets/api';
import { type Declared, declared, objectSchema } from '../cel/declared.ts';
import type { Expression } from '../cel/engine.ts';
import { CompileError } from '../cel/errors.ts';
import { estimatedCost } from '../cel/estimate.ts';
import { mostInRequest } from '../cel/sizes.ts';
import { compileMessage, compileRule } from './compiled-rules.ts';
import { fieldPath } from './field-path.ts';
import type { Findings, Surroundings } from './open-api-rules.ts';
import { costFault } from './rule-costs.ts';
import type { Schema } from './structural.ts';

type FieldError = fieldErrors.FieldError;
const { invalid, notSupported, required } = fieldErrors;

const REASONS = [
  'FieldValueDuplicate',
  'FieldValueForbidden',
  'FieldValueInvalid',
  'FieldValueRequired',
];

const NO_TYPE = 'internal error: failed to retrieve type information for x-kubernetes-validations';

const hasBreaks = (text: string): boolean => /[\n\r]/.test(text);

/** What can be said of a rule without compiling it. */
export function ruleFormErrors(
  errors: FieldError[],
  rule: ValidationRule,
  o: { schema: Schema; at: string },
): void {
  const { at, schema } = o;
  const [text, message] = [rule.rule?.trim() ?? '', rule.message?.trim() ?? ''];
  const breaks = 'must not contain line breaks';
  if (text === '') errors.push(required(`${at}.rule`, 'rule is not specified'));
  else if (rule.message && message === '') {
    const why = 'message must be non-empty if specified';
    errors.push(invalid(`${at}.message`, rule.message, why));
  } else if (hasBreaks(message)) {
    errors.push(invalid(`${at}.message`, rule.message, `message ${breaks}`));
  } else if (hasBreaks(text) && message === '') {
    const why = 'message must be specified if rule contains line breaks';
    errors.push(required(`${at}.message`, why));
  }
  if (rule.messageExpression && rule.messageExpression.trim() === '') {
    const why = 'messageExpression must be non-empty if specified';
    errors.push(required(`${at}.messageExpression`, why));
  }
  if (rule.reason !== undefined && !REASONS.includes(rule.reason)) {
    errors.push(notSupported(`${at}.reason`, rule.reason, REASONS));
  }
  const path = rule.fieldPath ?? '';
  if (path === '') return;
  const wrong = (why: string): void => {
    errors.push(invalid(`${at}.fieldPath`, path, `fieldPath ${why}`));
  };
  if (path.trim() === '') wrong('must be non-empty if specified');
  if (hasBreaks(path)) wrong(breaks);
  if (typeof fieldPath(path, schema) === 'string') wrong('must be a valid path');
}

/** Compiles the rules of a schema and reckons what they may cost. */
export class RuleChecks {
  readonly #ignoresCosts: boolean;

  /** @param ignoresCosts the rules were there before: none is refused for what it costs by itself */
  constructor(ignoresCosts: boolean) {
    this.#ignoresCosts = ignoresCosts;
  }

  check(schema: Schema, at: Surroundings, found: Findings): void {
    const self = declared(at.isRoot ? objectSchema(schema) : schema, 'selfType');
    if (self === undefined) {
      const path = `${at.path}.x-kubernetes-validations`;
      found.rules.push(new fieldErrors.FieldError('Internal', path, '', NO_TYPE));
      return;
    }
    (schema['x-kubernetes-validations'] ?? []).forEach((rule, i) => {
      this.#rule(rule, { self, at, found, path: `${at.path}.x-kubernetes-validations[${i}]` });
    });
  }

  #rule(
    rule: ValidationRule,
    o: { self: Declared; at: Surroundings; found: Findings; path: string },
  ): void {
    const { self, at, found, path } = o;
    const most = at.most ?? mostInRequest(self.schema);
    const made = compiled(found.rules, rule, {
      path: `${path}.rule`,
      prefix: 'compilation failed: ',
      work: () => compileRule(self, rule),
    });
    const cost = made ? costOf(made.expression, self) * most : 0;
    this.#reckon('rule', { path: `${path}.rule`, cost }, found);
    const message = compiled(found.rules, rule, {
      path: `${path}.messageExpression`,
      prefix: 'messageExpression compilation failed: ',
      work: () => compileMessage(self, rule),
    });
    if (message) {
      const one = { path: `${path}.messageExpression`, cost: costOf(message, self) };
      this.#reckon('messageExpression', one, found);
    }
    if (made?.isTransition === true) {
      if (at.uncorrelated === undefined) return;
      const why = `oldSelf cannot be used on the uncorrelatable portion of the schema within ${at.uncorrelated}`;
      found.rules.push(invalid(`${path}.rule`, rule.rule, why));
    } else if (rule.optionalOldSelf !== undefined) {
      const why = 'may not be set if oldSelf is not used in rule';
      found.rules.push(invalid(`${path}.optionalOldSelf`, rule.optionalOldSelf, why));
    }
  }

  #reckon(
    what: 'rule' | 'messageExpression',
    one: { path: string; cost: number },
    found: Findings,
  ): void {
    found.costs.push(one);
    const fault = this.#ignoresCosts ? undefined : costFault(what, one);
    if (fault !== undefined) found.rules.push(fault);
  }
}

function costOf({ checked }: Expression, self: Declared): number {
  const known = new Map([
    ['self', self],
    ['oldSelf', self],
  ]);
  return estimatedCost(checked, known).max;
}

function compiled<T>(
  errors: FieldError[],
  rule: ValidationRule,
  o: { path: string; prefix: string; work: () => T },
): T | undefined {
  try {
    return o.work();
  } catch (error) {
    if (!(error instanceof CompileError)) throw error;
    const isSyntax = error.message.startsWith('ERROR');
    const why = isSyntax ? o.prefix + error.message : error.message;
    errors.push(invalid(o.path, new fieldErrors.GoText(ruleText(rule)), why));
    return undefined;
  }
}

/** The rule as Go prints its structure; pointers as nil, since their addresses mean nothing. */
function ruleText(rule: ValidationRule): string {
  const text = (value: string | undefined): string => goQuote(value ?? '');
  const { rule: source, message, messageExpression, fieldPath: path } = rule;
  return (
    `apiextensions.ValidationRule{Rule:${text(source)}, Message:${text(message)}, ` +
    `MessageExpression:${text(messageExpression)}, Reason:(*apiextensions.FieldValueErrorReason)(nil), ` +
    `FieldPath:${text(path)}, OptionalOldSelf:(*bool)(nil)}`
  );
}
