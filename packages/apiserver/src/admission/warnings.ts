import { type KubeObject, type Secret, objectWarnings as warningsOf } from '@kubets/api';
import type { AdmissionAttributes, AdmissionPlugin } from '../ports.ts';
import { concerns, objectAs } from './support.ts';
import { keyPairProblem } from './tls-warning.ts';

/** Tells about what is accepted but will not do what its author thinks. Never refuses. */
export function objectWarnings(): AdmissionPlugin {
  return {
    name: 'ObjectWarnings',
    validate(a) {
      if (a.operation !== 'CREATE' && a.operation !== 'UPDATE') return;
      if (a.subresource !== '' || !a.object) return;
      for (const text of textsOf(a, a.object)) a.addWarning(text);
    },
  };
}

function textsOf(a: AdmissionAttributes, object: KubeObject): readonly string[] {
  if (!concerns(a, '', 'secrets', 'CREATE', 'UPDATE')) {
    return warningsOf(a.kind, object, a.operation === 'UPDATE' ? a.oldObject : undefined);
  }
  const text = tlsProblem(objectAs<Secret>(a));
  return text === undefined ? [] : [text];
}

/** What is wrong with the pair of a TLS secret; clients would only find out when they use it. */
function tlsProblem(secret: Secret): string | undefined {
  if (secret.type !== 'kubernetes.io/tls') return undefined;
  const text = (key: string): string =>
    Buffer.from(String(secret.data?.[key] ?? ''), 'base64').toString('latin1');
  return keyPairProblem(text('tls.crt'), text('tls.key'));
}
