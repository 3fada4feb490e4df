/** Sizes of objects of any kind that has a scale. */
import { builtinKinds, isNotFound, type Scale } from '@kubets/api';
import type { Api } from '@kubets/client';

/** The resource of a kind; undefined when the version has no such kind. @throws ApiError */
export async function resourceOfKind(
  api: Api,
  apiVersion: string,
  kind: string,
): Promise<string | undefined> {
  const builtin = builtinKinds.forObject({ apiVersion, kind })?.resource;
  if (builtin !== undefined) return builtin;
  const { resources } = await api.discover(apiVersion);
  return resources.find((one) => one.kind === kind && !one.name.includes('/'))?.name;
}

/** The scale of an object, by the reference to it; undefined when there is no such object, or it has none. */
export async function scaleByReference(
  api: Api,
  namespace: string,
  ref: { readonly apiVersion: string; readonly kind: string; readonly name: string },
): Promise<Scale | undefined> {
  try {
    const resource = await resourceOfKind(api, ref.apiVersion, ref.kind);
    if (resource === undefined) return undefined;
    const of = api.resource(ref.apiVersion, resource);
    return (await of.getSubresource(namespace, ref.name, 'scale')) as Scale;
  } catch (error) {
    if (isNotFound(error)) return undefined;
    throw error;
  }
}
