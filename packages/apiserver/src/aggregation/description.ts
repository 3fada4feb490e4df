/** The OpenAPI documents of an extension server. */
import { isJsonObject, type JsonObject } from '@kubets/api';
import type { ExtensionServer } from './extension-server.ts';
import { extensionPart } from './merge-open-api.ts';

export interface Description {
  /** Where the server has the OpenAPI v3 document of the version, as its own index says. */
  readonly v3: string | undefined;
  /** What its OpenAPI v2 document says of API groups. */
  readonly v2: JsonObject | undefined;
}

export const NO_DESCRIPTION: Description = { v3: undefined, v2: undefined };

/** Asks a server how it describes itself. Not every one does. @param path `apis/GROUP/VERSION` */
export async function descriptionBy(server: ExtensionServer, path: string): Promise<Description> {
  const [v3, v2] = await Promise.all([
    attempted(async () => placeOf(await server.fetch('/openapi/v3'), path)),
    attempted(async () => extensionPart((await server.fetch('/openapi/v2')) as JsonObject)),
  ]);
  return { v3, v2 };
}

async function attempted<T>(work: () => Promise<T>): Promise<T | undefined> {
  try {
    return await work();
  } catch {
    // Its kinds are served all the same, undescribed.
    return undefined;
  }
}

/** Only a path of the version's own document: requests for others would not come back to this server. */
function placeOf(index: object, path: string): string | undefined {
  const { paths } = index as { paths?: unknown };
  const entry = isJsonObject(paths) ? paths[path] : undefined;
  if (!isJsonObject(entry)) return undefined;
  const { serverRelativeURL: url } = entry;
  const own = `/openapi/v3/${path}`;
  return typeof url === 'string' && url.split('?', 1)[0] === own ? url : own;
}
