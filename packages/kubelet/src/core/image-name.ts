/** Image references and pull policies. Pure. */
import type { Container } from '@kubets/api';

const HOST = String.raw`(?:[a-zA-Z0-9][a-zA-Z0-9.-]*(?::\d+)?\/)?`;
const WORD = '[a-z0-9]+(?:[._-]+[a-z0-9]+)*';
const TAG = String.raw`(?::\w[\w.-]{0,127})?`;
const DIGEST = '(?:@[A-Za-z][A-Za-z0-9+._-]*:[0-9a-fA-F]{32,})?';
const REFERENCE = new RegExp(`^${HOST}${WORD}(?:/${WORD})*${TAG}${DIGEST}$`);

export type PullPolicy = 'Always' | 'IfNotPresent' | 'Never';

/** Is this an image reference a registry could understand? */
export const isImageReference = (image: string): boolean => REFERENCE.test(image);

function hasTag(image: string): boolean {
  const last = image.slice(image.lastIndexOf('/') + 1);
  return last.includes(':') || image.includes('@');
}

/** Adds the tag `latest` where there is neither tag nor digest. */
export const withTag = (image: string): string => (hasTag(image) ? image : `${image}:latest`);

/** The registry of an image: the part before the first slash when it looks like a host. */
export function registryOf(image: string): string {
  const slash = image.indexOf('/');
  const first = slash < 0 ? '' : image.slice(0, slash);
  const isHost = first.includes('.') || first.includes(':') || first === 'localhost';
  return isHost ? first : 'docker.io';
}

/** The container's own policy; without one, `latest` is always pulled and other tags when missing. */
export function pullPolicyOf(container: Container): PullPolicy {
  const policy = container.imagePullPolicy;
  if (policy === 'Always' || policy === 'IfNotPresent' || policy === 'Never') return policy;
  return withTag(container.image ?? '').endsWith(':latest') ? 'Always' : 'IfNotPresent';
}
