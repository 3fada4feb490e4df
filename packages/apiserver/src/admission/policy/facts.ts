import type { KubeObject } from '@kubets/api';
import { plainValue } from '../../cel/json-values.ts';
import { AuthorizerValue } from '../../cel/library/authorization.ts';
import type { AdmissionAttributes } from '../../ports.ts';
import { admissionRequest, namedObject } from '../webhooks/review.ts';
import type { Decisions } from './decisions.ts';

/** What the expressions of policies and webhooks may speak of. */
export function factsOf(
  a: AdmissionAttributes,
  o: {
    uid: string;
    namespace: KubeObject | undefined;
    params: KubeObject | undefined;
    decisions: Decisions;
  },
): Record<string, unknown> {
  const { object: _object, oldObject: _old, ...request } = admissionRequest(a, o.uid);
  return {
    object: plainValue(namedObject(a, a.object)),
    oldObject: plainValue(namedObject(a, a.oldObject)),
    request: plainValue(request),
    namespaceObject: plainValue(o.namespace ?? null),
    params: plainValue(o.params ?? null),
    authorizer: authorizerOf(a, o.decisions),
  };
}

function authorizerOf(a: AdmissionAttributes, { ask }: Decisions): AuthorizerValue {
  const { group, resource } = a.resource;
  const { subresource, namespace, name } = a;
  return new AuthorizerValue(ask, {}, { group, resource, subresource, namespace, name });
}
