/** Streams are admitted before they are opened: webhooks and policies may be asked about the operation CONNECT. */
import type { KindRegistry, KubeObject } from '@kubets/api';
import type {
  AdmissionAttributes,
  AdmissionChain,
  StreamHandler,
  StreamRequest,
} from '../ports.ts';

/** What a stream is told to do, by resource and subresource, is an object of this kind; logs are only read. */
const OPTIONS: Readonly<Record<string, string>> = {
  'pods/exec': 'PodExecOptions',
  'pods/attach': 'PodAttachOptions',
  'pods/portforward': 'PodPortForwardOptions',
  'pods/proxy': 'PodProxyOptions',
  'services/proxy': 'ServiceProxyOptions',
  'nodes/proxy': 'NodeProxyOptions',
};

const SWITCHES = ['stdin', 'stdout', 'stderr', 'tty'] as const;

interface Stages {
  readonly admission: AdmissionChain;
  readonly kinds: KindRegistry;
}

/** The handler, behind admission. */
export function admitted(handler: StreamHandler, { admission, kinds }: Stages): StreamHandler {
  const { group, resource, subresource } = handler;
  const kind = OPTIONS[`${resource}/${subresource}`];
  if (kind === undefined) return handler;
  const ask = async (request: StreamRequest): Promise<void> => {
    const attributes = attributesOf(request, kind, kinds);
    if (attributes === undefined) return;
    await admission.admit(attributes);
    await admission.validate(attributes);
  };
  return {
    ...{ group, resource, subresource },
    async handle(request, response) {
      await ask(request);
      return handler.handle(request, response);
    },
    ...(handler.upgrade && {
      async upgrade(request, socket, head) {
        await ask(request);
        return handler.upgrade?.(request, socket, head);
      },
    }),
  };
}

function attributesOf(
  { info, user, query }: StreamRequest,
  kind: string,
  kinds: KindRegistry,
): AdmissionAttributes | undefined {
  const gvr = { group: info.apiGroup, version: info.apiVersion, resource: info.resource };
  const def = kinds.forResource(gvr);
  if (def === undefined) return undefined;
  return {
    operation: 'CONNECT',
    kind: { ...def, group: '', version: 'v1', apiVersion: 'v1', kind },
    resource: gvr,
    subresource: info.subresource,
    namespace: info.namespace,
    name: info.name,
    object: optionsOf(kind, query),
    oldObject: undefined,
    options: {},
    dryRun: false,
    user,
    // An answer that becomes a stream has no place for warnings.
    addWarning: () => undefined,
  };
}

function optionsOf(kind: string, query: URLSearchParams): KubeObject {
  const given = SWITCHES.filter((name) => ['true', '1'].includes(query.get(name) ?? ''));
  const container = query.get('container');
  const command = query.getAll('command');
  const path = query.get('path');
  return {
    ...{ apiVersion: 'v1', kind, metadata: {} },
    ...Object.fromEntries(given.map((name) => [name, true])),
    ...(container && { container }),
    ...(command.length > 0 && { command }),
    ...(path && { path }),
  };
}
