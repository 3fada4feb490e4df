/** Extension servers: APIService objects, their availability, discovery, and the requests passed on to them. */
import { serviceUnavailable } from '@kubets/api';
import { NoBackendError } from '../outbound/service-backend.ts';
import type { ExtensionRoute, ExtensionRoutes } from '../ports.ts';
import { type ApiServices, type Extension, isAvailable } from './api-services.ts';

export { ApiServices } from './api-services.ts';
export { withExtensions } from './discovery.ts';

/** Which extension servers can be used, by the names of their APIServices. */
export function* availability(
  services: ApiServices,
): Iterable<{ name: string; isAvailable: boolean }> {
  for (const { api } of services.all()) {
    yield { name: api.metadata.name ?? '', isAvailable: isAvailable(api) };
  }
}

/** Finds who answers a path: `/apis/GROUP/VERSION/…` and the OpenAPI document of the version. */
export function extensionRoutes(services: ApiServices): ExtensionRoutes {
  return {
    find(path) {
      if (services.isEmpty) return undefined;
      const [, first, ...rest] = path.split('/');
      const below = first === 'openapi' && rest[0] === 'v3' ? rest.slice(1) : [first, ...rest];
      const [root, group = '', version = ''] = below;
      if (root !== 'apis' || version === '') return undefined;
      const extension = services.find(group, version);
      return extension && routeTo(extension);
    },
  };
}

function routeTo(extension: Extension): ExtensionRoute {
  const { server, api } = extension;
  return {
    isAvailable: isAvailable(api),
    handle: (stream, response) => reached(() => server.handle(stream, response)),
    upgrade: (stream, socket, head) => reached(() => server.upgrade(stream, socket, head)),
  };
}

async function reached(work: () => Promise<void>): Promise<void> {
  try {
    await work();
  } catch (error) {
    if (error instanceof NoBackendError) throw serviceUnavailable(error.message);
    throw error;
  }
}
