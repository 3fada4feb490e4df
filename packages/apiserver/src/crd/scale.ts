/** The replica count of a custom resource, where its definition says it lies. */
import {
  type CustomResourceSubresourceScale,
  type ExactInteger,
  fieldErrors,
  isInt64,
  type KubeObject,
  type Scale,
  type ScaleRules,
} from '@kubets/api';
import { findAll, parseJsonPath, setAt } from './json-path.ts';

type Paths = CustomResourceSubresourceScale;

function numberAt(object: KubeObject, path: string): ExactInteger {
  const [found] = findAll(object, parseJsonPath(path) ?? []);
  return isInt64(found) ? found : 0;
}

export function scaleRules(paths: Paths): ScaleRules {
  return {
    of(object) {
      const { name, namespace, uid, resourceVersion, creationTimestamp } = object.metadata;
      const replicas = Number(numberAt(object, paths.specReplicasPath));
      const [selector] = paths.labelSelectorPath
        ? findAll(object, parseJsonPath(paths.labelSelectorPath) ?? [])
        : [];
      const scale: Scale = {
        kind: 'Scale',
        apiVersion: 'autoscaling/v1',
        metadata: {
          ...{ name, ...(namespace ? { namespace } : {}), uid, resourceVersion },
          creationTimestamp,
        },
        spec: replicas === 0 ? {} : { replicas },
        status: {
          replicas: Number(numberAt(object, paths.statusReplicasPath)),
          ...(typeof selector === 'string' && selector !== '' ? { selector } : {}),
        },
      };
      return scale;
    },
    missing(object) {
      const found = findAll(object, parseJsonPath(paths.specReplicasPath) ?? []);
      return found.length === 0 ? paths.specReplicasPath : undefined;
    },
    apply(object, scale) {
      const out = structuredClone(object);
      setAt(out, parseJsonPath(paths.specReplicasPath) ?? [], scale.spec?.replicas ?? 0);
      const { resourceVersion, uid } = scale.metadata;
      if (resourceVersion) out.metadata.resourceVersion = resourceVersion;
      if (uid) out.metadata.uid = uid;
      return out;
    },
  };
}

const MAX_REPLICAS = 2 ** 31 - 1;

/** Replica counts that make no sense. */
export function scaleErrors(
  object: KubeObject,
  paths: Paths | undefined,
): fieldErrors.FieldError[] {
  if (paths === undefined) return [];
  return [paths.specReplicasPath, paths.statusReplicasPath].flatMap((path) => {
    const replicas = numberAt(object, path);
    if (replicas < 0) {
      return [fieldErrors.invalid(path, replicas, 'should be a non-negative integer')];
    }
    if (replicas <= MAX_REPLICAS) return [];
    const why = `should be less than or equal to ${MAX_REPLICAS}`;
    return [fieldErrors.invalid(path, replicas, why)];
  });
}
