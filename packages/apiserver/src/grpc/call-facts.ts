/** What a call says about itself. */
import type { Metadata } from '@grpc/grpc-js';
import { pathNotFound } from '@kubets/api';
import type { RequestInfo } from '../ports.ts';
import type { Target } from '../registry/context.ts';
import { isSwitchedOff } from '../registry/kind-rules.ts';
import type { Ref } from './messages.ts';

/** @throws ApiError NotFound for a subresource the kind has not */
export function checkSubresource(target: Target, verb: string): void {
  const { def, subresource } = target;
  if (subresource === '') return;
  const sub = def.subresourceDefs.get(subresource);
  const isServed = sub?.verbs.includes(verb) === true && !isSwitchedOff(def, subresource);
  if (!isServed) throw pathNotFound();
}

/** A call as the stages before its work see it. */
export function infoOf(verb: string, ref: Ref, fieldSelector = ''): RequestInfo {
  const byName = /(?:^|,)metadata\.name==?([^,=]+)(?:,|$)/.exec(fieldSelector);
  return {
    ...(fieldSelector !== '' && { fieldSelector }),
    isResourceRequest: true,
    path: '',
    verb,
    apiGroup: ref.group,
    apiVersion: ref.version,
    namespace: ref.resource === 'namespaces' && ref.group === '' ? ref.name : ref.namespace,
    resource: ref.resource,
    subresource: ref.subresource,
    name: ref.name || (byName?.[1] ?? ''),
    rest: [],
  };
}

export function userAgentOf(call: { readonly metadata: Metadata }): string {
  const [agent] = call.metadata.get('user-agent');
  return agent?.toString() ?? '';
}

/** The same for a path that is no resource. */
export function pathInfoOf(path: string): RequestInfo {
  const nothing = { apiGroup: '', apiVersion: '', namespace: '', resource: '', subresource: '' };
  return { isResourceRequest: false, path, verb: 'get', ...nothing, name: '', rest: [] };
}
