/** networking.k8s.io/v1beta1 IPAddress: one address of a service range, named by itself, and whose it is. */
import { semanticEqual } from '../equal.ts';
import { type FieldError, invalid, required } from '../field-error.ts';
import type { KubeObject } from '../meta.ts';
import { addMessages, IMMUTABLE, isIp } from '../validation/common.ts';
import { dns1123Subdomain, pathSegmentName } from '../validation/names.ts';
import type { KindDeclaration } from './declaration.ts';

interface IpAddress extends KubeObject {
  readonly spec?: {
    readonly parentRef?: {
      readonly group?: string;
      readonly resource?: string;
      readonly namespace?: string;
      readonly name?: string;
    } | null;
  };
}

const REF = 'spec.parentRef';

function parentErrors({ spec }: IpAddress): FieldError[] {
  const errors: FieldError[] = [];
  const { parentRef } = spec ?? {};
  if (!parentRef) return [required(REF)];
  const { group = '', resource = '', namespace = '', name = '' } = parentRef;
  if (group !== '') addMessages(errors, `${REF}.group`, group, dns1123Subdomain(group));
  for (const [field, value] of [
    ['resource', resource],
    ['name', name],
  ] as const) {
    if (value === '') errors.push(required(`${REF}.${field}`));
    else addMessages(errors, `${REF}.${field}`, value, pathSegmentName(value));
  }
  if (namespace !== '') {
    addMessages(errors, `${REF}.namespace`, namespace, pathSegmentName(namespace));
  }
  return errors;
}

function nameMessages(name: string): string[] {
  if (!isIp(name)) return [`ParseAddr("${name}"): unable to parse IP`];
  // The text form of RFC 5952 is what a URL makes of an address.
  const canonical = name.includes(':') ? new URL(`http://[${name}]`).hostname.slice(1, -1) : name;
  return canonical === name ? [] : ['must be a canonical format IP address'];
}

export const IP_ADDRESS: KindDeclaration = {
  group: 'networking.k8s.io',
  version: 'v1beta1',
  kind: 'IPAddress',
  rules: {
    nameMessages,
    validateCreate: (object) => parentErrors(object as IpAddress),
    validateUpdate(object, old) {
      const [now, before] = [object as IpAddress, old as IpAddress];
      if (semanticEqual(now.spec?.parentRef, before.spec?.parentRef)) return [];
      return [invalid(REF, now.spec?.parentRef, IMMUTABLE)];
    },
  },
};
