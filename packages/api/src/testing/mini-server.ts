/**
 * The least server that lets recorded exchanges run against the object model: a map of objects, and the steps
 * decode → default → prepare → validate → store. No watches, no authorization, no admission beyond pod defaults.
 */

import * as errors from '../errors.ts';
import type { Binding, Pod, Scale, Service } from '../generated/types.ts';
import {
  aggregatedDiscovery,
  apiGroup,
  apiResourceList,
  applyPatch,
  bindPod,
  convertObject,
  decodeObject,
  defaultObject,
  fieldSelectorFor,
  objectWarnings,
  parseIncludeObject,
  prepareForCreate,
  prepareForUpdate,
  scaleOf,
  selectableFields,
  tableFor,
  validateCreate,
  validateScale,
  validateUpdate,
  withScale,
} from '../lazy.ts';
import { type JsonObject, type KubeObject, parseApiVersion } from '../meta.ts';
import { generateName } from '../names.ts';
import { PATCH_MEDIA_TYPES } from '../patch/media-types.ts';
import { builtinKinds, type KindDef } from '../registry.ts';
import { matchesFields } from '../selectors/fields.ts';
import { matchesLabels, parseLabelSelector } from '../selectors/labels.ts';

export interface MiniRequest {
  method: string;
  path: string;
  headers: Record<string, string | null>;
  body?: unknown;
  rawBody?: string;
}

export interface MiniAnswer {
  status: number;
  body: unknown;
  /** Left out by answers that never warn. */
  warnings?: string[];
}

/** The exchange needs something this server leaves out. */
export class Unsupported extends Error {}

interface Target {
  def: KindDef;
  namespace: string;
  name: string | undefined;
  subresource: string | undefined;
  query: URLSearchParams;
}

const TIME = '2024-01-02T03:04:05Z';
const TOLERATED = ['not-ready', 'unreachable'];

/** What admission adds to pods by default. */
function admitPod(pod: Pod): void {
  const spec = pod.spec;
  if (!spec || spec.priorityClassName) throw new Unsupported('priority classes');
  spec.priority ??= 0;
  spec.preemptionPolicy ??= 'PreemptLowerPriority';
  for (const name of TOLERATED) {
    const key = `node.kubernetes.io/${name}`;
    const known = spec.tolerations?.some(
      (t) => (t.key === key || !t.key) && (t.effect === 'NoExecute' || !t.effect),
    );
    if (known) continue;
    const added = { key, operator: 'Exists', effect: 'NoExecute', tolerationSeconds: 300 };
    spec.tolerations = [...(spec.tolerations ?? []), added];
  }
}

function storageKind(def: KindDef): KindDef {
  return builtinKinds.forKind({ ...def.storageVersion, kind: def.kind }) ?? def;
}

export class MiniServer {
  private readonly objects = new Map<string, KubeObject>();
  private counter = 0;
  private warnings: string[] = [];

  private id(): number {
    this.counter += 1;
    return this.counter;
  }

  private locate(path: string): Target {
    const url = new URL(path, 'http://server');
    const parts = url.pathname
      .split('/')
      .filter((p) => p !== '')
      .map(decodeURIComponent);
    const core = parts[0] === 'api';
    const gv = core
      ? { group: '', version: parts[1] ?? '' }
      : { group: parts[1] ?? '', version: parts[2] ?? '' };
    let rest = parts.slice(core ? 2 : 3);
    let namespace = '';
    if (
      rest[0] === 'namespaces' &&
      rest.length > 2 &&
      !['status', 'finalize'].includes(rest[2] ?? '')
    ) {
      namespace = rest[1] ?? '';
      rest = rest.slice(2);
    }
    const def = builtinKinds.forResource({ ...gv, resource: rest[0] ?? '' });
    if (!def) throw errors.pathNotFound();
    const [, name, subresource, more] = rest;
    if (more !== undefined) throw new Unsupported(path);
    return { def, namespace, name, subresource, query: url.searchParams };
  }

  private key(t: Target, name: string): string {
    return `${t.def.storagePath}/${t.namespace}/${name}`;
  }

  private load(t: Target): KubeObject {
    const object = this.objects.get(this.key(t, t.name ?? ''));
    if (!object) throw errors.notFound(t.def, t.name ?? '');
    return structuredClone(convertObject(storageKind(t.def), t.def, object));
  }

  private save(t: Target, object: KubeObject): KubeObject {
    if (t.query.has('dryRun')) {
      if (!this.objects.has(this.key(t, object.metadata.name ?? ''))) {
        delete object.metadata.resourceVersion;
      }
    } else {
      object.metadata.resourceVersion = String(this.id() + 1000);
      const stored = convertObject(t.def, storageKind(t.def), object);
      this.objects.set(this.key(t, object.metadata.name ?? ''), structuredClone(stored));
    }
    return { kind: t.def.kind, apiVersion: t.def.apiVersion, ...object };
  }

  private decode(t: Target, request: MiniRequest): KubeObject {
    if (request.rawBody !== undefined && request.body === undefined) {
      return decodeObject(t.def, request.rawBody).object;
    }
    const body = request.body as JsonObject;
    const version = body.apiVersion;
    if (typeof version === 'string' && version !== t.def.apiVersion) {
      const text = `the API version in the data (${version}) does not match the expected API version (${t.def.apiVersion})`;
      throw errors.badRequest(text);
    }
    const decoded = decodeObject(t.def, JSON.stringify(body));
    this.warnings.push(...decoded.warnings);
    return decoded.object;
  }

  private allocate(service: Service): void {
    const spec = service.spec;
    if (!spec || spec.type === 'ExternalName') return;
    if (!spec.clusterIP) {
      spec.clusterIP = `10.96.1.${this.id()}`;
      spec.clusterIPs = [spec.clusterIP];
    }
    const open = spec.type === 'NodePort' || spec.type === 'LoadBalancer';
    if (!open || spec.allocateLoadBalancerNodePorts === false) return;
    for (const port of spec.ports ?? []) port.nodePort ??= 30000 + this.id();
  }

  private create(t: Target, request: MiniRequest): MiniAnswer {
    const object = this.decode(t, request);
    const meta = object.metadata;
    if (t.def.namespaced) meta.namespace ??= t.namespace;
    const n = String(this.id()).padStart(12, '0');
    meta.uid = `00000000-0000-4000-8000-${n}`;
    meta.creationTimestamp = TIME;
    if (!meta.name && meta.generateName) meta.name = generateName(meta.generateName, () => 0.5);
    defaultObject(t.def, object);
    if (t.def.kind === 'Pod') admitPod(object as Pod);
    if (t.def.kind.startsWith('PersistentVolume')) {
      meta.finalizers ??= [`kubernetes.io/pv${t.def.kind.endsWith('Claim') ? 'c' : ''}-protection`];
    }
    this.warnings.push(...objectWarnings(t.def, object));
    prepareForCreate(t.def, object);
    const problems = validateCreate(t.def, object, { allowPrivileged: false });
    if (problems.length > 0) throw errors.invalidObject(t.def, meta.name ?? '', problems);
    if (t.def.kind === 'Service') this.allocate(object as Service);
    if (this.objects.has(this.key(t, meta.name ?? ''))) {
      throw errors.alreadyExists(t.def, meta.name ?? '');
    }
    return { status: 201, body: this.save(t, object) };
  }

  private replace(t: Target, object: KubeObject, old: KubeObject): MiniAnswer {
    object.metadata.namespace ??= old.metadata.namespace;
    object.metadata.name ??= old.metadata.name;
    defaultObject(t.def, object);
    if (t.def.kind === 'Pod' && t.subresource === undefined) admitPod(object as Pod);
    this.warnings.push(...objectWarnings(t.def, object, old));
    prepareForUpdate(t.def, object, old, t.subresource);
    const wanted = object.metadata.resourceVersion;
    const problems = validateUpdate(t.def, object, old, {
      subresource: t.subresource,
      allowPrivileged: false,
    });
    if (problems.length > 0) throw errors.invalidObject(t.def, t.name ?? '', problems);
    if (wanted && wanted !== old.metadata.resourceVersion)
      throw errors.conflict(t.def, t.name ?? '');
    if (t.def.kind === 'Service') this.allocate(object as Service);
    object.metadata.resourceVersion = old.metadata.resourceVersion;
    const { kind: _k, apiVersion: _v, ...bare } = object;
    const { kind: _ok, apiVersion: _ov, ...oldBare } = old;
    if (JSON.stringify(sorted(bare)) === JSON.stringify(sorted(oldBare))) {
      return { status: 200, body: { kind: t.def.kind, apiVersion: t.def.apiVersion, ...old } };
    }
    return { status: 200, body: this.save(t, object) };
  }

  private patch(t: Target, request: MiniRequest): MiniAnswer {
    const type =
      PATCH_MEDIA_TYPES[
        request.headers['content-type'] ?? 'application/strategic-merge-patch+json'
      ];
    if (!type) throw new Unsupported('patch type');
    const old = this.load(t);
    if (request.rawBody !== undefined && request.body === undefined) {
      throw new Unsupported('raw patch');
    }
    const before = { kind: t.def.kind, apiVersion: t.def.apiVersion, ...old };
    if (t.subresource === 'scale') {
      const scale = applyPatch(type, 'autoscaling.v1.Scale', scaleOf(before), request.body);
      return this.rescale(t, scale, old);
    }
    const patched = applyPatch(type, t.def.typeName, before, request.body);
    const { object, warnings } = decodeObject(t.def, patched as unknown as JsonObject);
    this.warnings.push(...warnings);
    if (object.metadata.name !== old.metadata.name) {
      const text = `the name of the object (${object.metadata.name}) does not match the name on the URL (${old.metadata.name})`;
      throw errors.badRequest(text);
    }
    return this.replace(t, object, old);
  }

  private rescale(t: Target, scale: Scale, old: KubeObject): MiniAnswer {
    const problems = validateScale(scale);
    if (problems.length > 0) {
      throw errors.invalidObject({ group: 'autoscaling', kind: 'Scale' }, t.name ?? '', problems);
    }
    const answer = this.replace(t, withScale(old, scale), old);
    return { status: 200, body: scaleOf(answer.body as KubeObject) };
  }

  private list(t: Target): KubeObject[] {
    const labels = parseLabelSelector(t.query.get('labelSelector') ?? '');
    const fields = fieldSelectorFor(t.def, t.query.get('fieldSelector') ?? '');
    return [...this.objects]
      .filter(([k]) => k.startsWith(`${t.def.storagePath}/${t.namespace ? `${t.namespace}/` : ''}`))
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map(([, o]) => convertObject(storageKind(t.def), t.def, o))
      .filter((o) => matchesLabels(labels, o.metadata.labels))
      .filter((o) => matchesFields(fields, selectableFields(t.def, o)));
  }

  private get(t: Target, request: MiniRequest): MiniAnswer {
    const accept = request.headers.accept ?? '';
    const objects = t.name === undefined ? this.list(t) : [this.load(t)];
    const own = { kind: t.def.kind, apiVersion: t.def.apiVersion };
    if (accept.includes('as=Table')) {
      const nowMs = Date.parse(TIME) + 5000;
      const includeObject = parseIncludeObject(t.query.get('includeObject'));
      const options = { nowMs, includeObject };
      const metadata = { resourceVersion: String(this.counter) };
      return { status: 200, body: { ...tableFor(t.def, objects, options), metadata } };
    }
    if (accept !== '' && accept !== 'application/json') throw new Unsupported(accept);
    const first = objects[0];
    if (t.name !== undefined && first) {
      if (t.subresource === 'scale') return { status: 200, body: scaleOf({ ...own, ...first }) };
      return { status: 200, body: { ...own, ...first } };
    }
    const items = objects.map(({ kind: _k, apiVersion: _v, ...rest }) => rest);
    const metadata = { resourceVersion: String(this.counter) };
    return { status: 200, body: { ...own, kind: t.def.listKind, metadata, items } };
  }

  private remove(t: Target): MiniAnswer {
    const object = this.load(t);
    const special = ['Pod', 'Namespace'].includes(t.def.kind);
    if (special || (object.metadata.finalizers ?? []).length > 0) throw new Unsupported('deletion');
    if (t.def.group === '' && t.def.kind === 'Service') throw new Unsupported('service deletion');
    this.objects.delete(this.key(t, t.name ?? ''));
    throw new Unsupported('deletion answers');
  }

  private bind(t: Target, request: MiniRequest): MiniAnswer {
    const pod = this.load(t) as Pod;
    bindPod(pod, request.body as Binding, TIME);
    this.save(t, pod);
    const body = { kind: 'Status', apiVersion: 'v1', metadata: {}, status: 'Success', code: 201 };
    return { status: 201, body };
  }

  private discover(path: string, request: MiniRequest): unknown {
    if (request.headers.accept?.includes('apidiscovery')) {
      return aggregatedDiscovery(builtinKinds, { legacy: path.startsWith('/api/') });
    }
    const parts = path.split('/').filter((p) => p !== '');
    if (parts[0] === 'api' && parts.length === 2) {
      return apiResourceList(builtinKinds, { group: '', version: parts[1] ?? '' });
    }
    if (parts[0] !== 'apis') return undefined;
    if (parts.length === 2) return apiGroup(builtinKinds, parts[1] ?? '');
    if (parts.length !== 3) return undefined;
    return apiResourceList(builtinKinds, parseApiVersion(`${parts[1]}/${parts[2]}`));
  }

  private route(request: MiniRequest): MiniAnswer {
    const found = request.method === 'GET' ? this.discover(request.path, request) : undefined;
    if (found) return { status: 200, body: found };
    const t = this.locate(request.path);
    const sub = t.subresource;
    if (sub === 'binding') return this.bind(t, request);
    if (sub !== undefined && sub !== 'status' && sub !== 'scale') throw new Unsupported(sub);
    if (t.query.has('watch') || t.query.has('limit') || t.query.has('force')) {
      throw new Unsupported('query');
    }
    switch (request.method) {
      case 'GET':
        return this.get(t, request);
      case 'POST':
        return this.create(t, request);
      case 'PUT': {
        const old = this.load(t);
        if (sub === 'scale') return this.rescale(t, request.body as Scale, old);
        return this.replace(t, this.decode(t, request), old);
      }
      case 'PATCH':
        return this.patch(t, request);
      default:
        return this.remove(t);
    }
  }

  /** Answers one request. Throws Unsupported when this server can not know the answer. */
  handle(request: MiniRequest): MiniAnswer {
    this.warnings = [];
    try {
      return { ...this.route(request), warnings: this.warnings };
    } catch (err) {
      if (err instanceof errors.ApiError) return { status: err.code, body: err.status };
      throw err;
    }
  }
}

/** The same value with sorted keys, to compare by text. */
function sorted(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(sorted);
  if (typeof value !== 'object' || value === null) return value;
  const entries = Object.entries(value).filter(([, v]) => v !== undefined);
  return Object.fromEntries(
    entries.sort(([a], [b]) => (a < b ? -1 : 1)).map(([k, v]) => [k, sorted(v)]),
  );
}
