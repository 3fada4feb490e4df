import type { KubeObject } from '@kubets/api';
import { plainValue } from '../../cel/values.ts';
import type { AdmissionAttributes } from '../../ports.ts';
import { admissionRequest, namedObject } from '../webhooks/review.ts';

/** What the expressions of policies and webhooks may speak of. */
export function factsOf(
  a: AdmissionAttributes,
  o: { uid: string; namespace: KubeObject | undefined; params: KubeObject | undefined },
): Record<string, unknown> {
  const { object: _object, oldObject: _old, ...request } = admissionRequest(a, o.uid);
  return {
    object: plainValue(namedObject(a, a.object)),
    oldObject: plainValue(namedObject(a, a.oldObject)),
    request: plainValue(request),
    namespaceObject: plainValue(o.namespace ?? null),
    params: plainValue(o.params ?? null),
  };
}
