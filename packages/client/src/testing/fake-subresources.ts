import {
  conflict,
  type GroupResource,
  type KubeObject,
  methodNotSupported,
  scaleOf,
} from '@kubets/api';
import { asObject, type Loose } from './fake-rules.ts';

type Json = Record<string, unknown>;

const recordAt = (value: unknown, member: string): Json => {
  const found =
    typeof value === 'object' && value !== null ? Reflect.get(value, member) : undefined;
  return typeof found === 'object' && found !== null ? (found as Json) : {};
};

/** What a subresource shows of an object. */
export function readSubresource(object: Loose, subresource: string): KubeObject {
  if (subresource !== 'scale') return asObject(object);
  return scaleOf(asObject(object)) as KubeObject;
}

/** The object after a write to one of its subresources. @throws ApiError when the fake has no such subresource */
export function writeSubresource(
  gr: GroupResource,
  old: Loose,
  subresource: string,
  sent: Json,
): Loose {
  const next = structuredClone(old);
  if (subresource === 'binding') return bind(gr, next, String(recordAt(sent, 'target').name ?? ''));
  if (subresource === 'scale') {
    next.spec = { ...next.spec, replicas: recordAt(sent, 'spec').replicas ?? 0 };
    next.metadata.generation = (old.metadata.generation ?? 0) + 1;
    return next;
  }
  if (subresource === 'finalize') {
    next.spec = { ...next.spec, finalizers: recordAt(sent, 'spec').finalizers ?? [] };
    return next;
  }
  if (subresource === 'approval') {
    next.status = { ...next.status, conditions: recordAt(sent, 'status').conditions ?? [] };
    return next;
  }
  throw methodNotSupported({ ...gr, resource: `${gr.resource}/${subresource}` }, 'write');
}

function bind(gr: GroupResource, pod: Loose, node: string): Loose {
  const name = pod.metadata.name ?? '';
  const binding = { ...gr, resource: 'pods/binding' };
  if (pod.metadata.deletionTimestamp !== undefined) {
    throw conflict(binding, name, `pod ${name} is being deleted`);
  }
  const bound = pod.spec?.nodeName;
  if (typeof bound === 'string' && bound !== '') {
    const why = `pod ${name} is already assigned to node "${bound}"`;
    throw conflict(binding, name, why);
  }
  pod.spec = { ...pod.spec, nodeName: node };
  const others = Array.isArray(pod.status?.conditions) ? (pod.status.conditions as Json[]) : [];
  const conditions = others.filter((condition) => condition.type !== 'PodScheduled');
  conditions.push({ type: 'PodScheduled', status: 'True' });
  pod.status = { ...pod.status, conditions };
  return pod;
}
