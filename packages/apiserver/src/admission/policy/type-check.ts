/** Whether the expressions of a policy fit the kinds it is about. Loaded with the first policy. */
import type {
  CustomResourceDefinition,
  ExpressionWarning,
  KindDef,
  KindRegistry,
  ValidatingAdmissionPolicy,
} from '@kubets/api';
import { builtinType } from '../../cel/builtin-types.ts';
import { declared, objectSchema } from '../../cel/declared.ts';
import { CompileError, compile, type Environment } from '../../cel/engine.ts';
import { DYN, type Type } from '../../cel/types.ts';
import { namesAt, type Place, VariableTypes } from './expressions.ts';

/** Kinds looked at, at most: as upstream. */
const MOST_KINDS = 10;

/** What there is to check against. */
export interface KnownTypes {
  readonly kinds: KindRegistry;
  readonly definitions: readonly CustomResourceDefinition[];
}

interface Checked {
  readonly text: string;
  readonly types: Environment;
}

/**
 * What the checker says of the validations of a policy, against each kind that its rules name. Rules with a `*` and
 * subresources say nothing about a type.
 */
export function typeWarnings(
  policy: ValidatingAdmissionPolicy,
  known: KnownTypes,
): ExpressionWarning[] {
  const kinds = kindsOf(policy, known.kinds);
  const variablesOf = new Map(kinds.map((def) => [def, variableTypes(policy, def, known)]));
  const checkedAt = (place: Place): Checked[] =>
    kinds.map((def) => ({
      text: `${def.apiVersion}, Kind=${def.kind}`,
      types: typesFor(def, known.definitions, namesAt(place, around(policy, variablesOf.get(def)))),
    }));
  const [forRules, forMessages] = [checkedAt('validation'), checkedAt('message')];
  return (policy.spec?.validations ?? []).flatMap(({ expression, messageExpression }, at) => {
    const path = `spec.validations[${at}]`;
    return [
      ...warningsOf(`${path}.expression`, expression, forRules),
      ...(messageExpression
        ? warningsOf(`${path}.messageExpression`, messageExpression, forMessages)
        : []),
    ];
  });
}

function around({ spec }: ValidatingAdmissionPolicy, variables = new VariableTypes()) {
  return { hasParams: spec?.paramKind !== undefined, variables };
}

/** The types of the variables where the object is of a kind. */
function variableTypes(
  policy: ValidatingAdmissionPolicy,
  def: KindDef,
  { definitions }: KnownTypes,
): VariableTypes {
  const variables = new VariableTypes();
  const names = namesAt('variable', around(policy, variables));
  const types = typesFor(def, definitions, names);
  for (const { name, expression } of policy.spec?.variables ?? []) {
    variables.add(name, typeOrNone(expression, types));
  }
  return variables;
}

function typeOrNone(source: string, types: Environment): Type | undefined {
  try {
    return compile(source, types).type;
  } catch (error) {
    if (error instanceof CompileError) return undefined;
    throw error;
  }
}

function warningsOf(
  fieldRef: string,
  source: string,
  checked: readonly Checked[],
): ExpressionWarning[] {
  const faults = checked.flatMap(({ text, types }) => {
    const fault = faultOf(source, types);
    return fault === undefined ? [] : [`${text}: ${fault}\n`];
  });
  return faults.length === 0 ? [] : [{ fieldRef, warning: faults.join('\n') }];
}

function faultOf(source: string, types: Environment): string | undefined {
  try {
    compile(source, types);
    return undefined;
  } catch (error) {
    if (error instanceof CompileError) return error.message;
    throw error;
  }
}

function kindsOf(policy: ValidatingAdmissionPolicy, kinds: KindRegistry): KindDef[] {
  const found = new Map<string, KindDef>();
  for (const rule of policy.spec?.matchConstraints?.resourceRules ?? []) {
    for (const group of named(rule.apiGroups)) {
      for (const version of named(rule.apiVersions)) {
        for (const resource of named(rule.resources)) {
          const def = kinds.forResource({ group, version, resource });
          if (def !== undefined) found.set(`${def.apiVersion} ${def.kind}`, def);
        }
      }
    }
  }
  const names = [...found.keys()].sort().slice(0, MOST_KINDS);
  return names.map((name) => found.get(name)).filter((def) => def !== undefined);
}

/** What stands for itself; a `*` among them stands for anything, and then nothing is checked. */
function named(all: readonly string[] | null | undefined): readonly string[] {
  const names = all ?? [];
  return names.includes('*') ? [] : names.filter((name) => !/[*/]/.test(name));
}

function typesFor(
  def: KindDef,
  definitions: readonly CustomResourceDefinition[],
  names: Environment,
): Environment {
  const types = new Map(names);
  const objectType = typeOf(def, definitions);
  for (const name of ['object', 'oldObject']) types.set(name, objectType);
  return types;
}

function typeOf(def: KindDef, definitions: readonly CustomResourceDefinition[]): Type {
  if (def.rules?.unstructured !== true) return builtinType(def.typeName);
  const isIts = ({ spec }: CustomResourceDefinition): boolean =>
    spec.group === def.group && spec.names.plural === def.resource;
  const versions = definitions.find(isIts)?.spec.versions ?? [];
  const schema = versions.find(({ name }) => name === def.version)?.schema?.openAPIV3Schema;
  return (schema && declared(objectSchema(schema), def.kind)?.type) ?? DYN;
}
