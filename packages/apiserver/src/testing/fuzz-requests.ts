/** Requests nobody should send, and some that nearly are as they should be: what the fuzz of the HTTPS door sends. */
import fc from 'fast-check';

export interface FuzzRequest {
  readonly method: string;
  /** With its query. */
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Buffer | undefined;
}

const NAMESPACES = ['default', 'kube-system', 'fuzz', 'no-such', 'Bad_Name', ''];
const NAMES = ['a', 'b', 'default', 'system:admin', 'Bad_Name', 'x'.repeat(300), '.', '..', '%2e'];
const COLLECTIONS = [
  ...['pods', 'configmaps', 'services', 'secrets', 'serviceaccounts', 'events', 'endpoints'],
  ...['namespaces', 'nodes', 'persistentvolumes', 'resourcequotas', 'limitranges', 'bindings'],
  'replicationcontrollers',
].map((resource) => `/api/v1|${resource}`);
const GROUPED = [
  ...['apps/v1|deployments', 'apps/v1|statefulsets', 'apps/v1|daemonsets', 'batch/v1|jobs'],
  ...[
    'batch/v1|cronjobs',
    'autoscaling/v2|horizontalpodautoscalers',
    'policy/v1|poddisruptionbudgets',
  ],
  ...[
    'networking.k8s.io/v1|ingresses',
    'rbac.authorization.k8s.io/v1|roles',
    'events.k8s.io/v1|events',
  ],
  ...[
    'rbac.authorization.k8s.io/v1|clusterroles',
    'coordination.k8s.io/v1|leases',
    'no.such/v1|things',
  ],
  ...['apiextensions.k8s.io/v1|customresourcedefinitions', 'discovery.k8s.io/v1|endpointslices'],
  ...[
    'admissionregistration.k8s.io/v1|validatingadmissionpolicies',
    'storage.k8s.io/v1|storageclasses',
  ],
  ...['authorization.k8s.io/v1|subjectaccessreviews', 'authentication.k8s.io/v1|tokenreviews'],
  ...['certificates.k8s.io/v1|certificatesigningrequests', 'scheduling.k8s.io/v1|priorityclasses'],
].map((each) => `/apis/${each}`);
const SUBRESOURCES = [
  ...['status', 'scale', 'binding', 'eviction', 'log', 'exec', 'attach', 'portforward', 'proxy'],
  ...['ephemeralcontainers', 'resize', 'token', 'approval', 'finalize', 'nothing', 'proxy/x/y'],
];
const PLAIN_PATHS = [
  ...['/', '/version', '/healthz', '/livez', '/readyz', '/readyz?verbose', '/openapi/v2', '/api'],
  ...[
    '/openapi/v3',
    '/openapi/v3/api/v1',
    '/apis',
    '/apis/apps',
    '/apis/apps/v1',
    '/api/v1',
    '//',
    '/%',
  ],
  ...['/apis//v1/pods', '/api/v1/namespaces//pods', '/api/v1/watch/pods', '/..%2f..%2fetc/passwd'],
  ...[
    '/.well-known/openid-configuration',
    '/openid/v1/jwks',
    '/metrics',
    '/api/v1/namespaces/%00/pods',
  ],
];

const anyOf = <T>(values: readonly T[]): fc.Arbitrary<T> => fc.constantFrom(...values);
/** Text that may stand in a path: printable ASCII, without what would end it. */
const junk = fc
  .string({ unit: fc.constantFrom(...'abcXYZ0189-._~%!$&()*+,;=:@{}|^`<>"\\[]'), maxLength: 40 })
  .map((text) => text.replaceAll('\\', '%5C'));

const resourcePath: fc.Arbitrary<string> = fc
  .record({
    collection: anyOf([...COLLECTIONS, ...GROUPED]),
    namespace: fc.option(fc.oneof(anyOf(NAMESPACES), junk)),
    name: fc.option(fc.oneof(anyOf(NAMES), junk)),
    subresource: fc.option(fc.oneof(anyOf(SUBRESOURCES), junk), { freq: 3 }),
  })
  .map(({ collection, namespace, name, subresource }) => {
    const [prefix = '', resource = ''] = collection.split('|');
    const scope = namespace === null ? '' : `/namespaces/${namespace}`;
    const rest = name === null ? '' : `/${name}${subresource === null ? '' : `/${subresource}`}`;
    return `${prefix}${scope}/${resource}${rest}`;
  });

const PARAMETERS: Readonly<Record<string, readonly string[]>> = {
  limit: ['1', '0', '-1', 'x', '99999999999999999999'],
  continue: ['x', 'eyJ2IjoibWV0YS5rOHMuaW8vdjEiLCJydiI6MSwic3RhcnQiOiJhIn0', '%7B%7D', ''],
  resourceVersion: ['0', '1', '-1', 'x', '999999999999', '99999999999999999999999'],
  resourceVersionMatch: ['Exact', 'NotOlderThan', 'x', ''],
  fieldSelector: [
    'metadata.name=a',
    'spec.nodeName!=',
    'a=b,c',
    '=',
    ',,,',
    'metadata.name in (a)',
  ],
  labelSelector: ['a=b', 'a in (b', '!', 'a,,b', '((', 'x notin ()', `${'a'.repeat(300)}=b`],
  dryRun: ['All', 'x', ''],
  fieldValidation: ['Strict', 'Warn', 'Ignore', 'x'],
  fieldManager: ['me', '', 'x'.repeat(200), '%00'],
  force: ['true', 'false', 'x'],
  pretty: ['true', 'false', 'x'],
  gracePeriodSeconds: ['0', '-1', 'x', '1e99'],
  propagationPolicy: ['Foreground', 'Orphan', 'x'],
  orphanDependents: ['true', 'x'],
  watch: ['true', '1', 'x'],
  allowWatchBookmarks: ['true', 'x'],
  sendInitialEvents: ['true', 'false', 'x'],
  timeoutSeconds: ['1', '-1', 'x'],
  timeout: ['1s', 'x'],
  includeObject: ['None', 'Object', 'x'],
  command: ['sh'],
  ports: ['80', 'x'],
};
const query: fc.Arbitrary<string> = fc
  .array(
    anyOf(Object.keys(PARAMETERS)).chain((name) =>
      fc
        .oneof({ weight: 3, arbitrary: anyOf(PARAMETERS[name] ?? ['']) }, junk)
        .map((value) => `${name}=${value}`),
    ),
    { maxLength: 4 },
  )
  .map((parts) => (parts.length === 0 ? '' : `?${parts.join('&')}`));

const ACCEPTS = [
  ...[
    'application/json',
    '*/*',
    'application/yaml',
    'application/vnd.kubernetes.protobuf',
    'text/html',
  ],
  ...[
    'application/json;as=Table;v=v1;g=meta.k8s.io,application/json',
    'application/json;q=0',
    ';;;,,=',
  ],
  ...['application/json;as=PartialObjectMetadata;v=v1;g=meta.k8s.io', 'application/cbor', ''],
  ...['application/json;as=PartialObjectMetadataList;v=v1;g=meta.k8s.io', 'application/json;as=X'],
];
const CONTENT_TYPES = [
  ...['application/json', 'application/json; charset=utf-8', 'application/yaml', 'text/plain', ''],
  ...[
    'application/merge-patch+json',
    'application/json-patch+json',
    'application/apply-patch+yaml',
  ],
  ...['application/strategic-merge-patch+json', 'application/vnd.kubernetes.protobuf', ';', 'x'],
];

const headers: fc.Arbitrary<Record<string, string>> = fc
  .record({
    accept: fc.option(anyOf(ACCEPTS)),
    'content-type': fc.option(anyOf(CONTENT_TYPES), { freq: 8 }),
    'user-agent': fc.option(anyOf(['kubectl/v1.32', '', 'curl/8', 'x'.repeat(500), '/'])),
    'accept-encoding': fc.option(anyOf(['gzip', 'identity', 'x'])),
    'impersonate-user': fc.option(anyOf(['joe', '', 'system:serviceaccount:a:b']), { freq: 1 }),
    authorization: fc.option(anyOf(['Bearer x', 'Basic eDp5', 'Bearer', 'x']), { freq: 1 }),
    'x-forwarded-for': fc.option(anyOf(['1.2.3.4', 'x']), { freq: 1 }),
  })
  .map((all) => {
    const kept = Object.entries(all).filter((pair): pair is [string, string] => pair[1] !== null);
    return Object.fromEntries(kept);
  });

/** Keys that plain objects inherit something under. */
const INHERITED = ['__proto__', 'constructor', 'toString', 'hasOwnProperty', 'valueOf'];

const value: fc.Arbitrary<unknown> = fc.oneof(
  fc.jsonValue({ maxDepth: 3 }),
  fc
    .tuple(anyOf(INHERITED), anyOf<unknown>(['a', 1, null, { a: 'b' }, [1]]))
    .map(([key, inner]) => Object.fromEntries([[key, inner]])),
  anyOf<unknown>([null, -1, 0, 1e30, '', 'a', '1Gi', '🜚', {}, [], [null], [[]], { a: null }, true]),
);

/** Objects that are nearly as they should be: a field or two is something else. */
const almost: fc.Arbitrary<unknown> = fc
  .tuple(
    anyOf(Object.keys(OBJECTS())),
    fc.array(fc.tuple(fc.nat(), fc.option(value, { freq: 4 })), { maxLength: 3 }),
  )
  .map(([which, changes]) => {
    const object = OBJECTS()[which] as object;
    for (const [at, next] of changes) changeAt(object, at, next);
    return object;
  });

function OBJECTS(): Record<string, object> {
  const metadata = { name: 'a', namespace: 'default', labels: { app: 'a' } };
  const template = {
    metadata: { labels: { app: 'a' } },
    spec: { containers: [{ name: 'c', image: 'i', ports: [{ containerPort: 80 }] }] },
  };
  const selector = { matchLabels: { app: 'a' } };
  return {
    Pod: {
      ...{ apiVersion: 'v1', kind: 'Pod', metadata },
      spec: {
        ...{ ...template.spec, activeDeadlineSeconds: 9, terminationGracePeriodSeconds: 1 },
        securityContext: { runAsUser: 1, fsGroup: 1 },
        tolerations: [{ key: 'a', operator: 'Exists', effect: 'NoExecute', tolerationSeconds: 1 }],
      },
    },
    Job: {
      ...{ apiVersion: 'batch/v1', kind: 'Job', metadata },
      spec: {
        ...{ parallelism: 1, completions: 2, activeDeadlineSeconds: 9, backoffLimit: 1 },
        template: { spec: { ...template.spec, restartPolicy: 'Never' } },
      },
    },
    HorizontalPodAutoscaler: {
      ...{ apiVersion: 'autoscaling/v2', kind: 'HorizontalPodAutoscaler', metadata },
      spec: {
        ...{ minReplicas: 1, maxReplicas: 3 },
        scaleTargetRef: { apiVersion: 'apps/v1', kind: 'Deployment', name: 'a' },
      },
    },
    PriorityClass: {
      ...{ apiVersion: 'scheduling.k8s.io/v1', kind: 'PriorityClass' },
      ...{ metadata: { name: 'a' }, value: 7 },
    },
    Event: {
      ...{ apiVersion: 'v1', kind: 'Event', metadata, count: 1, reason: 'r', message: 'm' },
      ...{ involvedObject: { kind: 'Pod', namespace: 'default', name: 'a' }, type: 'Normal' },
    },
    Deployment: {
      apiVersion: 'apps/v1',
      kind: 'Deployment',
      metadata,
      spec: { selector, template },
    },
    ConfigMap: { apiVersion: 'v1', kind: 'ConfigMap', metadata, data: { k: 'v' } },
    Service: {
      ...{ apiVersion: 'v1', kind: 'Service', metadata },
      spec: { selector: { app: 'a' }, ports: [{ port: 80, targetPort: 'http' }] },
    },
    CustomResourceDefinition: {
      ...{ apiVersion: 'apiextensions.k8s.io/v1', kind: 'CustomResourceDefinition' },
      metadata: { name: 'things.no.such' },
      spec: {
        ...{ group: 'no.such', scope: 'Namespaced' },
        names: { plural: 'things', kind: 'Thing', singular: 'thing', listKind: 'ThingList' },
        versions: [
          {
            ...{ name: 'v1', served: true, storage: true },
            schema: {
              openAPIV3Schema: { type: 'object', 'x-kubernetes-preserve-unknown-fields': true },
            },
          },
        ],
      },
    },
    Thing: { apiVersion: 'no.such/v1', kind: 'Thing', metadata, spec: { a: [1, { b: 'c' }] } },
    Role: {
      ...{ apiVersion: 'rbac.authorization.k8s.io/v1', kind: 'Role', metadata },
      rules: [{ apiGroups: [''], resources: ['pods'], verbs: ['get'] }],
    },
    Lease: {
      apiVersion: 'coordination.k8s.io/v1',
      kind: 'Lease',
      metadata,
      spec: { leaseDurationSeconds: 4 },
    },
    Eviction: { apiVersion: 'policy/v1', kind: 'Eviction', metadata },
    Scale: { apiVersion: 'autoscaling/v1', kind: 'Scale', metadata, spec: { replicas: 1 } },
    DeleteOptions: { apiVersion: 'v1', kind: 'DeleteOptions', gracePeriodSeconds: 0 },
    JsonPatch: [{ op: 'replace', path: '/metadata/labels/app', value: 'b' }],
  };
}

/** Puts a value (null: nothing) at one of the object's fields, counted in order. */
function changeAt(object: object, at: number, next: unknown): void {
  const places: [Record<string, unknown>, string][] = [];
  const walk = (node: unknown): void => {
    if (typeof node !== 'object' || node === null) return;
    for (const key of Object.keys(node)) {
      places.push([node as Record<string, unknown>, key]);
      walk((node as Record<string, unknown>)[key]);
    }
  };
  walk(object);
  const place = places[at % Math.max(1, places.length)];
  if (place === undefined) return;
  const [parent, key] = place;
  if (next === null) delete parent[key];
  // A copy: the next change may be one within it, and the value stands for many requests.
  else parent[key] = structuredClone(next);
}

/** Numbers that JavaScript writes otherwise, or cannot hold. */
const NUMBERS = [
  ...['9007199254740993', '-9007199254740993', '9223372036854775807', '-9223372036854775808'],
  ...['9223372036854775808', '18446744073709551616', '1e400', '-1e400', '1.0', '1E3', '-0', '0.5'],
  ...['2147483648', '-2147483649', '1e-7', '12345678901234567890.5'],
];
/** A whole scalar of a JSON text. */
const SCALAR = /(?<=[:[,])(?:"[^"\\]*"|-?\d+|true|false|null)(?=[,}\]])/g;

/** An object's text, perhaps with such a number in the place of one of its scalars, counted in order. */
const textOf = fc.option(fc.tuple(fc.nat(), anyOf(NUMBERS)), { freq: 2 }).map((change) => {
  return (object: unknown): Buffer => {
    const text = JSON.stringify(object);
    const places = change === null ? [] : [...text.matchAll(SCALAR)];
    if (change === null || places.length === 0) return Buffer.from(text);
    const [at, number] = change;
    const place = places[at % places.length];
    const [index, old] = [place?.index ?? 0, place?.[0] ?? ''];
    return Buffer.from(text.slice(0, index) + number + text.slice(index + old.length));
  };
});

/** Protobuf begins with these bytes; what follows seldom is any. */
const MAGIC = Buffer.from([0x6b, 0x38, 0x73, 0]);

const body: fc.Arbitrary<Buffer> = fc.oneof(
  { weight: 6, arbitrary: fc.tuple(almost, textOf).map(([object, text]) => text(object)) },
  { weight: 1, arbitrary: fc.json({ maxDepth: 4 }).map((text) => Buffer.from(text)) },
  { weight: 1, arbitrary: fc.uint8Array({ maxLength: 200 }).map((bytes) => Buffer.from(bytes)) },
  {
    weight: 1,
    arbitrary: fc
      .uint8Array({ maxLength: 100 })
      .map((bytes) => Buffer.concat([MAGIC, Buffer.from(bytes)])),
  },
  {
    weight: 1,
    arbitrary: anyOf([
      ...[
        '',
        '{',
        'null',
        '[]',
        '""',
        '{"a":',
        '- a\n- b',
        '&a [*a]',
        '{"kind":1}',
        'a: &x {b: *x}',
      ],
      ...['a: 1\na: 2', '%YAML 9.9\n---\n', '? !!binary x', '{"metadata":{"name":{}}}', '\uFEFF{}'],
      ...[
        '['.repeat(2_000),
        `${'{"a":'.repeat(2_000)}1${'}'.repeat(2_000)}`,
        '---\n---\n',
        '<<: *a',
      ],
    ]).map((text) => Buffer.from(text)),
  },
);

const WITH_BODY = new Set(['POST', 'PUT', 'PATCH', 'DELETE']);

const DEFAULT = 'namespaces/default';
const HOMES: Readonly<Record<string, string>> = {
  Pod: `/api/v1/${DEFAULT}/pods`,
  Job: `/apis/batch/v1/${DEFAULT}/jobs`,
  HorizontalPodAutoscaler: `/apis/autoscaling/v2/${DEFAULT}/horizontalpodautoscalers`,
  PriorityClass: '/apis/scheduling.k8s.io/v1/priorityclasses',
  Event: `/api/v1/${DEFAULT}/events`,
  Deployment: `/apis/apps/v1/${DEFAULT}/deployments`,
  ConfigMap: `/api/v1/${DEFAULT}/configmaps`,
  Service: `/api/v1/${DEFAULT}/services`,
  CustomResourceDefinition: '/apis/apiextensions.k8s.io/v1/customresourcedefinitions',
  Thing: `/apis/no.such/v1/${DEFAULT}/things`,
  Role: `/apis/rbac.authorization.k8s.io/v1/${DEFAULT}/roles`,
  Lease: `/apis/coordination.k8s.io/v1/${DEFAULT}/leases`,
};
const OWN_TYPES: Readonly<Record<string, readonly string[]>> = {
  PATCH: CONTENT_TYPES.filter((type) => type.includes('patch')),
};

/** Requests that get far: an object that is nearly right, where it belongs. */
const fitting: fc.Arbitrary<FuzzRequest> = fc
  .record({
    kind: anyOf(Object.keys(HOMES)),
    method: anyOf(['POST', 'POST', 'PUT', 'PATCH', 'DELETE', 'GET']),
    changes: fc.array(fc.tuple(fc.nat(), fc.option(value, { freq: 4 })), { maxLength: 2 }),
    subresource: fc.option(anyOf(['status', 'scale']), { freq: 1 }),
    query,
    type: fc.nat(),
    bytes: textOf,
  })
  .map(({ kind, method, changes, subresource, query: text, type, bytes }) => {
    const object = OBJECTS()[kind] ?? {};
    const { name } = (object as { metadata: { name: string } }).metadata;
    for (const [at, next] of changes) changeAt(object, at, next);
    const types = OWN_TYPES[method] ?? ['application/json', 'application/yaml'];
    const isOne = method !== 'POST';
    const sub = subresource === null ? '' : `/${subresource}`;
    return {
      method,
      path: `${HOMES[kind] ?? ''}${isOne ? `/${name}${sub}` : ''}${text}`,
      headers: { 'content-type': types[type % types.length] ?? '' },
      body: method === 'GET' || method === 'DELETE' ? undefined : bytes(object),
    };
  });

const anything: fc.Arbitrary<FuzzRequest> = fc
  .record({
    method: anyOf([
      'GET',
      'GET',
      'POST',
      'POST',
      'PUT',
      'PATCH',
      'PATCH',
      'DELETE',
      'HEAD',
      'OPTIONS',
      'X',
    ]),
    path: fc.oneof(
      { weight: 8, arbitrary: resourcePath },
      { weight: 2, arbitrary: anyOf(PLAIN_PATHS) },
      { weight: 1, arbitrary: junk.map((text) => `/${text}`) },
    ),
    query,
    headers,
    body: fc.option(body, { freq: 6 }),
  })
  .map(({ method, path, query: text, headers: sent, body: bytes }) => ({
    method,
    path: path.includes('?') ? path : `${path}${text}`,
    headers: sent,
    body: WITH_BODY.has(method) ? (bytes ?? undefined) : undefined,
  }));

/** One request. */
export const fuzzRequest: fc.Arbitrary<FuzzRequest> = fc
  .oneof({ weight: 2, arbitrary: anything }, { weight: 1, arbitrary: fitting })
  // A space would end the path: that is no request at all.
  .map((request) => ({ ...request, path: request.path.replaceAll(' ', '%20') }));
