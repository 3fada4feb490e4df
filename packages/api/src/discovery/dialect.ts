/** How the two versions of the documents write names of types. */
const PACKAGES: Readonly<Record<string, string>> = {
  meta: 'io.k8s.apimachinery.pkg.apis.',
  intstr: 'io.k8s.apimachinery.pkg.util.',
  resource: 'io.k8s.apimachinery.pkg.api.',
  runtime: 'io.k8s.apimachinery.pkg.',
  apiextensions: 'io.k8s.apiextensions-apiserver.pkg.apis.',
  apiregistration: 'io.k8s.kube-aggregator.pkg.apis.',
};

/** `core.v1.Pod` → `io.k8s.api.core.v1.Pod`: how documents name a type. */
export function documentTypeName(typeName: string): string {
  // Types that came at run time have a namespace of keys before their own name.
  if (typeName.includes('/')) return typeName.slice(typeName.lastIndexOf('/') + 1);
  const home = typeName.slice(0, typeName.indexOf('.'));
  return (PACKAGES[home] ?? 'io.k8s.api.') + typeName;
}

/** How one of the two document versions writes references. */
export interface Dialect {
  readonly prefix: string;
  readonly v3: boolean;
}

export const V2: Dialect = { prefix: '#/definitions/', v3: false };
export const V3: Dialect = { prefix: '#/components/schemas/', v3: true };
