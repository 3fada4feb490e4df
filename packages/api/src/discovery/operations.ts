/** What can be done at the paths of a kind, as OpenAPI documents tell it. */
import type { JsonObject } from '../meta.ts';
import type { KindDef, SubresourceDef } from '../registry.ts';
import { returnsDeleted } from '../returns-deleted.ts';
import { findType } from '../schema/schema.ts';
import { describeParameter } from './describe.ts';
import type { Dialect } from './dialect.ts';
import { bodyOf, mediaTypes, responsesOf } from './operation-bodies.ts';

export const PATCH_TYPE = 'meta.v1.Patch';
const OPTIONS_TYPE = 'meta.v1.DeleteOptions';
const STATUS_TYPE = 'meta.v1.Status';

type Parameter = readonly [name: string, type: string];

const LIST_PARAMETERS: readonly Parameter[] = [
  ['continue', 'string'],
  ['fieldSelector', 'string'],
  ['labelSelector', 'string'],
  ['limit', 'integer'],
  ['resourceVersion', 'string'],
  ['resourceVersionMatch', 'string'],
  ['sendInitialEvents', 'boolean'],
  ['timeoutSeconds', 'integer'],
];
const WRITE_PARAMETERS: readonly Parameter[] = [
  ['dryRun', 'string'],
  ['fieldManager', 'string'],
  ['fieldValidation', 'string'],
];
const DELETE_PARAMETERS: readonly Parameter[] = [
  ['dryRun', 'string'],
  ['gracePeriodSeconds', 'integer'],
  ['ignoreStoreReadErrorWithClusterBreakingPotential', 'boolean'],
  ['orphanDependents', 'boolean'],
  ['propagationPolicy', 'string'],
];

const PARAMETERS: Readonly<Record<string, readonly Parameter[]>> = {
  list: [['allowWatchBookmarks', 'boolean'], ...LIST_PARAMETERS, ['watch', 'boolean']],
  deletecollection: [...LIST_PARAMETERS, ...DELETE_PARAMETERS],
  post: WRITE_PARAMETERS,
  put: WRITE_PARAMETERS,
  patch: [...WRITE_PARAMETERS, ['force', 'boolean']],
  delete: DELETE_PARAMETERS,
};

const STREAMS: readonly Parameter[] = [
  ['container', 'string'],
  ['stderr', 'boolean'],
  ['stdin', 'boolean'],
  ['stdout', 'boolean'],
  ['tty', 'boolean'],
];

/** By the kind of the options of what connects. */
const CONNECT_PARAMETERS: Readonly<Record<string, readonly Parameter[]>> = {
  PodAttachOptions: STREAMS,
  PodExecOptions: [['command', 'string'], ...STREAMS],
  PodPortForwardOptions: [['ports', 'integer']],
  NodeProxyOptions: [['path', 'string']],
  PodProxyOptions: [['path', 'string']],
  ServiceProxyOptions: [['path', 'string']],
};

const LOG_PARAMETERS: readonly Parameter[] = [
  ['container', 'string'],
  ['follow', 'boolean'],
  ['insecureSkipTLSVerifyBackend', 'boolean'],
  ['limitBytes', 'integer'],
  ['previous', 'boolean'],
  ['sinceSeconds', 'integer'],
  ['tailLines', 'integer'],
  ['timestamps', 'boolean'],
];

/** The first word of an identifier and of a description, by action. */
const WORDS: Readonly<Record<string, string>> = {
  list: 'list',
  deletecollection: 'deletecollection',
  get: 'read',
  post: 'create',
  put: 'replace',
  patch: 'patch',
  delete: 'delete',
};

/** What an operation works on: the kind it names, the types it takes and answers. */
interface Target {
  readonly def: KindDef;
  readonly d: Dialect;
  readonly gvk: { readonly group: string; readonly version: string; readonly kind: string };
  /** Undefined for bytes that are no object. */
  readonly typeName: string | undefined;
  /** `Status`, `ProxyWithPath`: what is added to the name of the kind. */
  readonly suffix: string;
  readonly parameters?: readonly Parameter[];
}

function queryParameter([name, type]: Parameter, d: Dialect): JsonObject {
  const schema = d.v3 ? { schema: { type, uniqueItems: true } } : { type, uniqueItems: true };
  const description = describeParameter(name);
  return { ...(description === undefined ? {} : { description }), name, in: 'query', ...schema };
}

function pathParameter(name: string, kind: string, d: Dialect): JsonObject {
  const schema = d.v3
    ? { schema: { type: 'string', uniqueItems: true } }
    : { type: 'string', uniqueItems: true };
  const texts: Record<string, string> = {
    name: `name of the ${kind}`,
    namespace: 'namespace of the object',
    path: 'what follows in the path',
  };
  return { description: texts[name] ?? name, name, in: 'path', required: true, ...schema };
}

const capital = (text: string): string => text.charAt(0).toUpperCase() + text.slice(1);

/** Letters and digits only; what followed anything else begins with a capital. */
const joined = (text: string): string =>
  text
    .split(/[^A-Za-z0-9_]+/)
    .map((part, i) => (i === 0 ? part : capital(part)))
    .join('');

function tagOf({ group, version }: KindDef): readonly [group: string, version: string] {
  return [group === '' ? 'core' : joined(group.replace(/\.k8s\.io$/, '')), version];
}

/** `listAppsV1NamespacedDeployment`: what generated clients call it. */
function identifier(verb: string, { def, suffix }: Target, isEverywhere: boolean): string {
  const [group, version] = tagOf(def);
  const [, word = verb, rest = ''] = /^(delete|connect)(.*)$/.exec(verb) ?? [];
  const home = def.namespaced && !isEverywhere ? 'Namespaced' : '';
  const end = isEverywhere ? 'ForAllNamespaces' : '';
  const what = `${capital(rest)}${home}${def.kind}${suffix}${end}`;
  return `${word}${capital(group)}${capital(version)}${what}`;
}

function answerOf(action: string, { def, typeName }: Target): string | undefined {
  if (action === 'list') return `${typeName}List`;
  if (action === 'deletecollection') return STATUS_TYPE;
  return action === 'delete' && !returnsDeleted(def) ? STATUS_TYPE : typeName;
}

function operation(action: string, target: Target, isEverywhere = false): JsonObject {
  const { def, d, gvk } = target;
  const word = WORDS[action] ?? action;
  const input = action.startsWith('delete')
    ? OPTIONS_TYPE
    : action === 'patch'
      ? PATCH_TYPE
      : target.typeName;
  const media = mediaTypes(action, { isBuiltin: !isCustom(def), isText: !target.typeName });
  const body = bodyOf(action, input, media, d);
  const query = [...(target.parameters ?? []), ...(PARAMETERS[action] ?? [])];
  const parameters = [...body.parameters, ...query.map((one) => queryParameter(one, d))];
  return {
    ...(d.v3 ? {} : { consumes: media.takes }),
    description: `${word} ${gvk.kind}`,
    operationId: identifier(word, target, isEverywhere),
    ...(parameters.length > 0 ? { parameters } : {}),
    ...(d.v3 ? {} : { produces: media.gives }),
    ...body.request,
    responses: responsesOf(action, answerOf(action, target), media, d),
    ...(d.v3 ? {} : { schemes: ['https'] }),
    tags: [tagOf(def).join('_')],
    'x-kubernetes-action': action,
    'x-kubernetes-group-version-kind': gvk,
  };
}

const isCustom = (def: KindDef): boolean => def.rules?.openApi !== undefined;

type Verbs = readonly (readonly [verb: string, method: string, action: string])[];

const COLLECTION_VERBS: Verbs = [
  ['list', 'get', 'list'],
  ['create', 'post', 'post'],
  ['deletecollection', 'delete', 'deletecollection'],
];
const OBJECT_VERBS: Verbs = [
  ['get', 'get', 'get'],
  ['update', 'put', 'put'],
  ['patch', 'patch', 'patch'],
  ['delete', 'delete', 'delete'],
  ['create', 'post', 'post'],
];

function operations(
  verbs: readonly string[],
  set: Verbs,
  target: Target,
  isEverywhere = false,
): JsonObject {
  const out: JsonObject = {};
  for (const [verb, method, action] of set) {
    if (verbs.includes(verb)) out[method] = operation(action, target, isEverywhere);
  }
  return out;
}

const PROXY_METHODS = ['delete', 'get', 'head', 'options', 'patch', 'post', 'put'];

/** What becomes a connection: a method is only how it begins. */
function connections(target: Target): JsonObject {
  const { def, d, gvk, suffix } = target;
  const methods = suffix.startsWith('Proxy') ? PROXY_METHODS : ['get', 'post'];
  const query = (target.parameters ?? []).map((one) => queryParameter(one, d));
  const media = { takes: ['*/*'], gives: ['*/*'] };
  const one = (method: string): JsonObject => ({
    ...(d.v3 ? {} : { consumes: media.takes }),
    description: `connect ${method.toUpperCase()} requests to ${suffix} of ${def.kind}`,
    operationId: identifier(`connect${capital(method)}`, target, false),
    parameters: query,
    ...(d.v3 ? {} : { produces: media.gives }),
    responses: responsesOf('connect', undefined, media, d),
    ...(d.v3 ? {} : { schemes: ['https'] }),
    tags: [tagOf(def).join('_')],
    'x-kubernetes-action': 'connect',
    'x-kubernetes-group-version-kind': gvk,
  });
  return Object.fromEntries(methods.map((method) => [method, one(method)]));
}

/** The type a subresource speaks; undefined when there is none of it. */
function subresourceType(def: KindDef, sub: SubresourceDef): string | undefined {
  if (sub.kind === def.kind) return def.typeName;
  const group = sub.version ? (sub.group ?? '') : def.group;
  const home = group === '' ? 'core' : (group.split('.')[0] ?? '');
  const name = `${home}.${sub.version ?? def.version}.${sub.kind}`;
  return findType(name) && name;
}

/** The types that the subresources of a kind speak. */
export function subresourceTypes(def: KindDef): string[] {
  return [...def.subresourceDefs.values()].flatMap((sub) => subresourceType(def, sub) ?? []);
}

/** The paths of a kind and its subresources. */
export function kindPaths(def: KindDef, d: Dialect): JsonObject {
  const base = def.group === '' ? `/api/${def.version}` : `/apis/${def.apiVersion}`;
  const home = def.namespaced ? `${base}/namespaces/{namespace}` : base;
  const gvk = { group: def.group, version: def.version, kind: def.kind };
  const target: Target = { def, d, gvk, typeName: def.typeName, suffix: '' };
  const out: JsonObject = {};
  const add = (path: string, ops: JsonObject) => {
    if (Object.keys(ops).length === 0) return;
    const places = [...path.matchAll(/\{(\w+)\}/g)].map((m) =>
      pathParameter(m[1] ?? '', def.kind, d),
    );
    out[path] = { ...ops, parameters: [...places, queryParameter(['pretty', 'string'], d)] };
  };
  if (def.namespaced && def.verbs.includes('list')) {
    add(`${base}/${def.resource}`, operations(['list'], COLLECTION_VERBS, target, true));
  }
  add(`${home}/${def.resource}`, operations(def.verbs, COLLECTION_VERBS, target));
  const verbs = def.verbs.filter((v) => v !== 'create');
  add(`${home}/${def.resource}/{name}`, operations(verbs, OBJECT_VERBS, target));
  for (const [name, sub] of def.subresourceDefs) {
    const path = `${home}/${def.resource}/{name}/${name}`;
    subresourcePaths(name, sub, target).forEach(([below, ops]) => {
      add(path + below, ops);
    });
  }
  return out;
}

function subresourcePaths(
  name: string,
  sub: SubresourceDef,
  { def, d }: Target,
): [below: string, ops: JsonObject][] {
  const group = sub.version ? (sub.group ?? '') : def.group;
  const gvk = { group, version: sub.version ?? def.version, kind: sub.kind };
  const isLog = name === 'log';
  const typeName = isLog ? undefined : subresourceType(def, sub);
  const options = isLog ? LOG_PARAMETERS : CONNECT_PARAMETERS[sub.kind];
  const parameters = options === undefined ? {} : { parameters: options };
  const target: Target = { def, d, gvk, typeName, suffix: capital(name), ...parameters };
  if (options === undefined || isLog) return [['', operations(sub.verbs, OBJECT_VERBS, target)]];
  const whole: [string, JsonObject] = ['', connections(target)];
  if (name !== 'proxy') return [whole];
  return [whole, ['/{path}', connections({ ...target, suffix: 'ProxyWithPath' })]];
}
