/** networking.k8s.io/v1beta1 ServiceCIDR: a range that cluster IPs may come from. */
import { semanticEqual } from '../equal.ts';
import { type FieldError, invalid, required } from '../field-error.ts';
import type { KubeObject } from '../meta.ts';
import { IMMUTABLE, isCidr, validateCidr } from '../validation/common.ts';
import type { KindDeclaration } from './declaration.ts';

interface ServiceCidr extends KubeObject {
  readonly spec?: { readonly cidrs?: readonly string[] | null };
}

const AT = 'spec.cidrs';
const MAX_CIDRS = 2;

function rangeErrors({ spec }: ServiceCidr): FieldError[] {
  const cidrs = spec?.cidrs ?? [];
  if (cidrs.length === 0) return [required(AT, 'at least one CIDR required')];
  if (cidrs.length > MAX_CIDRS) return [invalid(AT, spec, 'may only hold up to 2 values')];
  const families = new Set(cidrs.map((cidr) => cidr.includes(':')));
  if (cidrs.length === MAX_CIDRS && !(cidrs.every(isCidr) && families.size === MAX_CIDRS)) {
    const why =
      'may specify no more than one IP for each IP family, i.e 192.168.0.0/24 and 2001:db8::/96';
    return [invalid(AT, spec, why)];
  }
  const errors: FieldError[] = [];
  cidrs.forEach((cidr, i) => {
    validateCidr(errors, `${AT}[${i}]`, cidr);
  });
  return errors;
}

export const SERVICE_CIDR: KindDeclaration = {
  group: 'networking.k8s.io',
  version: 'v1beta1',
  kind: 'ServiceCIDR',
  rules: {
    validateCreate: (object) => rangeErrors(object as ServiceCidr),
    validateUpdate(object, old) {
      const [now, before] = [object as ServiceCidr, old as ServiceCidr];
      if (semanticEqual(now.spec?.cidrs, before.spec?.cidrs)) return [];
      return [invalid(AT, now.spec?.cidrs, IMMUTABLE)];
    },
  },
};
