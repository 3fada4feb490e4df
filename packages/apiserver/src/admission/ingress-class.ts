import { type Ingress, type IngressClass, newestDefault } from '@kubets/api';
import type { AdmissionPlugin, ResourceStore } from '../ports.ts';
import { GVR } from '../resources.ts';
import { concerns, filled, objectAs } from './support.ts';

const DEFAULT_CLASS = ['ingressclass.kubernetes.io/is-default-class'];
const CLASS_ANNOTATION = 'kubernetes.io/ingress.class';

/** An ingress that names no class gets the default one, if there is one. */
export function defaultIngressClass(store: ResourceStore): AdmissionPlugin {
  const classes = store.cache<IngressClass>(GVR.ingressClasses);
  return {
    name: 'DefaultIngressClass',
    only: ['ingresses'],
    async admit(a) {
      if (!concerns(a, 'networking.k8s.io', 'ingresses', 'CREATE')) return;
      const ingress = objectAs<Ingress>(a);
      if (ingress.metadata.annotations?.[CLASS_ANNOTATION] !== undefined) return;
      if (ingress.spec?.ingressClassName) return;
      const chosen = newestDefault((await filled(classes)).list(), DEFAULT_CLASS);
      if (!chosen?.metadata.name) return;
      ingress.spec = { ...ingress.spec, ingressClassName: chosen.metadata.name };
    },
  };
}
