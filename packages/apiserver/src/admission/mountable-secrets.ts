/** Accounts that insist on their secrets: pods that run as them may use no others (deprecated, and heeded, in 1.32). */
import type { Container, Pod, ServiceAccount } from '@kubets/api';
import { switchOf } from '@kubets/platform';

const ANNOTATION = 'kubernetes.io/enforce-mountable-secrets';

/** Whether pods of an account are held to the secrets it names. */
export function insistsOnSecrets({ metadata }: ServiceAccount): boolean {
  return switchOf(metadata.annotations?.[ANNOTATION] ?? '') === true;
}

type Using = Pick<Container, 'name' | 'env' | 'envFrom'>;

/** The first that a pod uses and its account does not name, as a sentence; undefined: there is none. */
export function foreignSecret({ spec }: Pod, account: ServiceAccount): string | undefined {
  const known = namesIn(account.secrets);
  const pulling = namesIn(account.imagePullSecrets);
  const end = `is not allowed because service account ${account.metadata.name} does not reference that`;
  for (const { secret } of spec?.volumes ?? []) {
    const name = secret?.secretName ?? '';
    if (secret && !known.has(name)) {
      return `volume with secret.secretName="${name}" ${end} secret`;
    }
  }
  const inContainers =
    foreignIn('init container', spec?.initContainers, account) ??
    foreignIn('container', spec?.containers, account);
  if (inContainers !== undefined) return inContainers;
  for (const [i, { name = '' }] of (spec?.imagePullSecrets ?? []).entries()) {
    if (!pulling.has(name)) return `imagePullSecrets[${i}].name="${name}" ${end} imagePullSecret`;
  }
  return undefined;
}

/** The same of the containers that are added to a running pod. */
export const foreignSecretAdded = ({ spec }: Pod, account: ServiceAccount): string | undefined =>
  foreignIn('ephemeral container', spec?.ephemeralContainers, account);

const namesIn = (refs: readonly { name?: string | undefined }[] | undefined): Set<string> =>
  new Set((refs ?? []).map(({ name = '' }) => name));

function foreignIn(
  kind: string,
  containers: readonly Using[] = [],
  account: ServiceAccount,
): string | undefined {
  const known = namesIn(account.secrets);
  const end = `is not allowed because service account ${account.metadata.name} does not reference that secret`;
  for (const { name, env = [], envFrom = [] } of containers) {
    for (const { name: variable, valueFrom } of env) {
      const { secretKeyRef } = valueFrom ?? {};
      const secret = secretKeyRef?.name ?? '';
      if (!secretKeyRef || known.has(secret)) continue;
      return `${kind} ${name} with envVar ${variable} referencing secret.secretName="${secret}" ${end}`;
    }
    for (const { secretRef } of envFrom) {
      const secret = secretRef?.name ?? '';
      if (!secretRef || known.has(secret)) continue;
      return `${kind} ${name} with envFrom referencing secret.secretName="${secret}" ${end}`;
    }
  }
  return undefined;
}
