import { type PersistentVolume, type PersistentVolumeClaim, Quantity } from '@kubets/api';
import { type Controller, type ControllerDeps, queueController } from '../host/controller.ts';
import { keyOf, uidOf } from '../objects/meta.ts';

/** Left on a volume whose file system grows on its node. */
const PRE_RESIZE = 'volume.alpha.kubernetes.io/pre-resize-capacity';

const asked = ({ spec }: PersistentVolumeClaim): Quantity =>
  Quantity.parse(spec?.resources?.requests?.storage ?? '0');
const has = ({ status }: PersistentVolumeClaim): Quantity =>
  Quantity.parse(status?.capacity?.storage ?? '0');

/** Whether a claim asks for more, or got more, than it did before. */
function grew(old: PersistentVolumeClaim, now: PersistentVolumeClaim): boolean {
  return asked(now).cmp(asked(old)) > 0 || has(now).cmp(has(old)) > 0;
}

/**
 * Tells of bound claims that ask for more than their volume has, and who is waited for: volumes grow by the drivers' own
 * controllers, none in this process.
 */
export function volumeExpandController(deps: ControllerDeps): Controller {
  const { claims } = deps.informers;
  const volumes = deps.api.resource<PersistentVolume>('v1', 'persistentvolumes');
  const recorder = deps.recorder('volume_expand');
  return queueController({
    name: 'persistentvolume-expander-controller',
    queueName: 'volume_expand',
    deps,
    needs: [claims],
    subscribe: (queue) => {
      const look = (claim: PersistentVolumeClaim): void => {
        if (claim.status?.phase === 'Bound') queue.add(keyOf(claim));
      };
      return [
        claims.on({
          add: look,
          update: (old, claim) => {
            if (grew(old, claim)) look(claim);
          },
        }),
      ];
    },
    async reconcile(key) {
      const claim = claims.get(key);
      if (claim === undefined) return;
      const volume = await volumes.get('', claim.spec?.volumeName ?? '');
      if (volume.spec?.claimRef?.uid !== uidOf(claim)) return;
      const isMarked = volume.metadata.annotations?.[PRE_RESIZE] !== undefined;
      if (asked(claim).cmp(has(claim)) <= 0 && !isMarked) return;
      const regarding = { ...claim, apiVersion: 'v1', kind: 'PersistentVolumeClaim' };
      const message = 'waiting for an external controller to expand this PVC';
      recorder.event(regarding, 'Warning', 'ExternalExpanding', message);
    },
  });
}
