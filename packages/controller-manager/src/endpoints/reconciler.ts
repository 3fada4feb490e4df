import {
  type EndpointSlice,
  type Endpoints,
  isAlreadyExists,
  isNotFound,
  type Node,
  type Pod,
  type Service,
} from '@kubets/api';
import { StaleCacheError, UnfinishedError } from '../errors.ts';
import {
  type Controller,
  type ControllerDeps,
  type KeyQueue,
  queueController,
} from '../host/controller.ts';
import { INDEX } from '../host/informers.ts';
import { isNamespaceTerminating } from '../host/pod-control.ts';
import { sameJson } from '../objects/json.ts';
import {
  annotationsOf,
  isDeleting,
  keyOf,
  labelsOf,
  nameOf,
  namespaceOf,
  splitKey,
  uidOf,
} from '../objects/meta.ts';
import { isManaged, podMatcher } from './pods.ts';
import { decideSlices, MANAGED_BY_LABEL, MANAGER, type SliceView, strayPod } from './slices.ts';
import { decideEndpoints } from './subsets.ts';
import { stamped, TriggerTimes } from './trigger-time.ts';
import { writeSlices } from './write-slices.ts';

const ZONE_LABEL = 'topology.kubernetes.io/zone';
/** Old leader elections keep their record in an Endpoints object without a Service. */
const LEADER_ANNOTATION = 'control-plane.alpha.kubernetes.io/leader';

/** Wakes the Services a pod's change may concern. */
function onPods(deps: ControllerDeps, queue: KeyQueue): () => void {
  const { services, pods } = deps.informers;
  const wake = (...versions: Pod[]): void => {
    const namespace = namespaceOf(versions[0] as Pod);
    for (const service of services.byIndex(INDEX.namespace, namespace)) {
      if (isManaged(service) && versions.some(podMatcher(service))) {
        queue.add(keyOf(service));
      }
    }
  };
  return pods.on({
    add: (pod) => wake(pod),
    update: (old, pod) => {
      if (matters(old, pod)) wake(old, pod);
    },
    delete: (pod) => wake(pod),
  });
}

/** Whether a change of a pod can show in an endpoint: most status updates cannot. */
function matters(old: Pod, pod: Pod): boolean {
  const shown = (p: Pod): unknown => [
    labelsOf(p),
    isDeleting(p),
    p.spec?.nodeName,
    p.status?.phase,
    p.status?.podIPs,
    p.status?.podIP,
    p.status?.conditions?.find((c) => c.type === 'Ready')?.status,
  ];
  return !sameJson(shown(old), shown(pod));
}

/** Keeps EndpointSlices in step with the pods behind each Service. */
export function endpointSliceController(deps: ControllerDeps): Controller {
  const { services, pods, endpointSlices, nodes } = deps.informers;
  const api = deps.api.resource<EndpointSlice>('discovery.k8s.io/v1', 'endpointslices');
  const triggers = new TriggerTimes();
  const enqueue =
    (queue: KeyQueue) =>
    (service: Service): void =>
      queue.add(keyOf(service));

  return queueController({
    name: 'endpointslice-controller',
    queueName: 'endpoint_slice',
    deps,
    needs: [services, pods, endpointSlices, nodes],
    subscribe: (queue) => {
      const wakeOwner = (slice: EndpointSlice): void => {
        for (const key of serviceKeyOf(slice)) queue.add(key);
      };
      return [
        services.on({
          add: enqueue(queue),
          update: (_old, service) => enqueue(queue)(service),
          delete: (service) => triggers.forget(keyOf(service)),
        }),
        onPods(deps, queue),
        endpointSlices.on({ update: (_old, slice) => wakeOwner(slice), delete: wakeOwner }),
      ];
    },
    async reconcile(key) {
      const service = services.get(key);
      if (!service || isDeleting(service) || !isManaged(service)) return;
      const candidates = pods.byIndex(INDEX.namespace, namespaceOf(service));
      const view: SliceView = {
        service,
        pods: candidates,
        slices: endpointSlices.byIndex(INDEX.service, key).filter(isOurs),
        zoneOf: (node) => zoneOf(nodes.get(node)),
        hasNode: (node) => nodes.get(node) !== undefined,
      };
      const changes = decideSlices(view);
      const triggerMs = triggers.look(key, service, candidates);
      const stamp = (slice: EndpointSlice): EndpointSlice => stamped(slice, triggerMs);
      await writeSlices(
        api,
        {
          ...changes,
          create: changes.create.map(stamp),
          update: changes.update.map(stamp),
        },
        { uid: uidOf(service), manager: MANAGER },
      );
      const stray = strayPod(view);
      if (stray) throw new UnfinishedError(`pod ${nameOf(stray)} is on a node that is not there`);
    },
  });
}

const isOurs = (slice: EndpointSlice): boolean => labelsOf(slice)[MANAGED_BY_LABEL] === MANAGER;

const zoneOf = (node: Node | undefined): string | undefined =>
  node === undefined ? undefined : labelsOf(node)[ZONE_LABEL];

function serviceKeyOf(slice: EndpointSlice): string[] {
  const name = labelsOf(slice)['kubernetes.io/service-name'];
  return name !== undefined && isOurs(slice) ? [`${namespaceOf(slice)}/${name}`] : [];
}

/** Keeps the Endpoints object of each Service in step with its pods. */
export function endpointsController(deps: ControllerDeps): Controller {
  const { services, pods, endpoints } = deps.informers;
  const api = deps.api.resource<Endpoints>('v1', 'endpoints');
  const triggers = new TriggerTimes();
  const wakeIfServed = (key: string, queue: KeyQueue): void => {
    if (services.get(key)) queue.add(key);
  };
  return queueController({
    name: 'endpoints-controller',
    queueName: 'endpoint',
    deps,
    needs: [services, pods, endpoints],
    subscribe: (queue) => [
      services.on({
        add: (service) => queue.add(keyOf(service)),
        update: (_old, service) => queue.add(keyOf(service)),
        delete: (service) => queue.add(keyOf(service)),
      }),
      onPods(deps, queue),
      endpoints.on({
        // At the start every one is looked at: its Service may have gone while nobody led. One made
        // later without a Service is its maker's business.
        add: (object) => {
          if (!endpoints.synced()) queue.add(keyOf(object));
        },
        update: (_old, object) => wakeIfServed(keyOf(object), queue),
        delete: (object) => wakeIfServed(keyOf(object), queue),
      }),
    ],
    async reconcile(key) {
      const service = services.get(key);
      const present = endpoints.get(key);
      if (!service) {
        triggers.forget(key);
        if (present) await deleteLeftover(api, key, present);
        return;
      }
      if (isDeleting(service) || !isManaged(service)) return;
      const candidates = pods.byIndex(INDEX.namespace, namespaceOf(service));
      const next = decideEndpoints(service, candidates, present);
      const triggerMs = triggers.look(key, service, candidates);
      if (!next) return;
      if (present) await api.update(stamped(next, triggerMs));
      else await createEndpoints(api, stamped(next, triggerMs));
    },
  });
}

type EndpointsApi = { create(o: Endpoints): Promise<Endpoints> } & Pick<
  ReturnType<ControllerDeps['api']['resource']>,
  'delete'
>;

async function createEndpoints(api: EndpointsApi, next: Endpoints): Promise<void> {
  try {
    await api.create(next);
  } catch (error) {
    if (isNamespaceTerminating(error)) return;
    if (isAlreadyExists(error)) throw new StaleCacheError(`endpoints ${keyOf(next)} exist`);
    throw error;
  }
}

async function deleteLeftover(api: EndpointsApi, key: string, present: Endpoints): Promise<void> {
  if (annotationsOf(present)[LEADER_ANNOTATION] !== undefined) return;
  const { namespace, name } = splitKey(key);
  try {
    await api.delete(namespace, name, { preconditions: { uid: uidOf(present) } });
  } catch (error) {
    if (!isNotFound(error)) throw error;
  }
}
