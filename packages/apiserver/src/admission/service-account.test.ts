import assert from 'node:assert/strict';
import { beforeEach, describe, it } from 'node:test';
import type { Pod, PodSpec, ServiceAccount } from '@kubets/api';
import { ManualClock, seededRandom } from '@kubets/platform';
import { admission, FakeStore, failure } from '../edge-testing.ts';
import { serviceAccount, TOKEN_MOUNT_PATH } from './service-account.ts';

const pod = (
  spec: Partial<PodSpec> = {},
  annotations: Record<string, string> = {},
): Pod & { spec: PodSpec } => ({
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: { namespace: 'ns', name: 'p', annotations },
  spec: { containers: [{ name: 'c' }], ...spec },
});
const account = (name = 'default', more: Partial<ServiceAccount> = {}): ServiceAccount => ({
  apiVersion: 'v1',
  kind: 'ServiceAccount',
  metadata: { namespace: 'ns', name },
  ...more,
});

let store: FakeStore;
let clock: ManualClock;
const admit = async (one: Pod): Promise<void> => {
  const plugin = serviceAccount({ store, clock, random: seededRandom(3) });
  await plugin.admit?.(admission('CREATE', one));
};

beforeEach(() => {
  store = new FakeStore();
  clock = new ManualClock(0);
});

describe('ServiceAccount', () => {
  it('mounts the token of the default account, with CA and namespace', async () => {
    store.seed(account());
    const one = pod({ initContainers: [{ name: 'i' }] });
    await admit(one);
    assert.equal(one.spec.serviceAccountName, 'default');
    assert.equal(one.spec.serviceAccount, 'default');
    const [volume] = one.spec.volumes ?? [];
    assert.match(volume?.name ?? '', /^kube-api-access-[a-z0-9]{5}$/);
    assert.deepEqual(volume?.projected, {
      sources: [
        { serviceAccountToken: { expirationSeconds: 3607, path: 'token' } },
        { configMap: { name: 'kube-root-ca.crt', items: [{ key: 'ca.crt', path: 'ca.crt' }] } },
        {
          downwardAPI: {
            items: [
              {
                path: 'namespace',
                fieldRef: { apiVersion: 'v1', fieldPath: 'metadata.namespace' },
              },
            ],
          },
        },
      ],
      defaultMode: 420,
    });
    const mount = { name: volume?.name, readOnly: true, mountPath: TOKEN_MOUNT_PATH };
    for (const container of [...one.spec.containers, ...(one.spec.initContainers ?? [])]) {
      assert.deepEqual(container.volumeMounts, [mount]);
    }
  });

  it('leaves a container its own mount there, and adds no volume nobody uses', async () => {
    store.seed(account());
    const own = [{ name: 'mine', mountPath: TOKEN_MOUNT_PATH }];
    const one = pod({ containers: [{ name: 'c', volumeMounts: own }] });
    await admit(one);
    assert.deepEqual(one.spec.containers[0]?.volumeMounts, own);
    assert.equal(one.spec.volumes, undefined);
  });

  const mounts: [string, boolean | undefined, boolean | undefined, boolean][] = [
    ['neither says', undefined, undefined, true],
    ['the account says no', undefined, false, false],
    ['the pod says yes, the account no', true, false, true],
    ['the pod says no', false, undefined, false],
  ];
  for (const [what, byPod, byAccount, mounted] of mounts) {
    it(`mounts ${mounted} when ${what}`, async () => {
      store.seed(account('default', { automountServiceAccountToken: byAccount }));
      const one = pod({ automountServiceAccountToken: byPod });
      await admit(one);
      assert.equal(one.spec.volumes !== undefined, mounted);
    });
  }

  it('hands on the account’s pull secrets unless the pod has its own', async () => {
    store.seed(account('default', { imagePullSecrets: [{ name: 'reg' }] }));
    const one = pod();
    await admit(one);
    assert.deepEqual(one.spec.imagePullSecrets, [{ name: 'reg' }]);
    const own = pod({ imagePullSecrets: [{ name: 'own' }] });
    await admit(own);
    assert.deepEqual(own.spec.imagePullSecrets, [{ name: 'own' }]);
  });

  it('refuses an account that does not exist', async () => {
    const error = await failure(() => admit(pod({ serviceAccountName: 'x' })));
    assert.equal(
      error.message,
      'pods "p" is forbidden: error looking up service account ns/x: serviceaccount "x" not found',
    );
  });

  it('waits a moment for the default account of a new namespace', async () => {
    const one = pod();
    let settled = false;
    const admitted = admit(one).finally(() => {
      settled = true;
    });
    for (let i = 0; i < 3; i++) {
      clock.advance(150);
      await new Promise(setImmediate);
    }
    assert.equal(settled, false);
    store.seed(account());
    clock.advance(150);
    await admitted;
    assert.equal(one.spec.serviceAccountName, 'default');
  });

  it('… but not forever', async () => {
    const admitted = failure(() => admit(pod()));
    for (let i = 0; i < 12; i++) {
      clock.advance(150);
      await new Promise(setImmediate);
    }
    assert.match((await admitted).message, /serviceaccount "default" not found$/);
  });

  const mirror = { 'kubernetes.io/config.mirror': 'x' };
  it('leaves mirror pods as they are', async () => {
    const one = pod({}, mirror);
    await admit(one);
    assert.deepEqual(one, pod({}, mirror));
  });

  const refused: [string, Partial<PodSpec>][] = [
    ['service accounts', { serviceAccountName: 'sa' }],
    ['secrets', { volumes: [{ name: 'v', secret: { secretName: 's' } }] }],
    [
      'ServiceAccountToken volume projections',
      {
        volumes: [{ name: 'v', projected: { sources: [{ serviceAccountToken: { path: 't' } }] } }],
      },
    ],
  ];
  it('a mirror pod takes no secrets by its variables either', async () => {
    const containers = [{ name: 'c', envFrom: [{ secretRef: { name: 's' } }] }];
    const error = await failure(() => admit(pod({ containers }, mirror)));
    assert.match(error.message, /a mirror pod may not reference secrets$/);
  });
  for (const [what, spec] of refused) {
    it(`a mirror pod takes no ${what}`, async () => {
      const error = await failure(() => admit(pod(spec, mirror)));
      assert.match(error.message, new RegExp(`a mirror pod may not (use|reference) ${what}$`));
    });
  }

  describe('an account that insists on its secrets', () => {
    const END = 'is not allowed because service account default does not reference that';
    const env = (name: string) => [{ name: 'V', valueFrom: { secretKeyRef: { name, key: 'k' } } }];
    const envFrom = (name: string) => [{ secretRef: { name } }];
    const volumes = (secretName: string) => [{ name: 'v', secret: { secretName } }];
    const insist = (value = 'true'): void =>
      store.seed({
        ...account('default', { secrets: [{ name: 'mine' }], imagePullSecrets: [{ name: 'reg' }] }),
        metadata: {
          ...{ namespace: 'ns', name: 'default' },
          annotations: { 'kubernetes.io/enforce-mountable-secrets': value },
        },
      });
    const cases: [string, (name: string) => Partial<PodSpec>, string][] = [
      [
        'volumes',
        (name) => ({ volumes: volumes(name) }),
        `volume with secret.secretName="other" ${END} secret`,
      ],
      [
        'variables of init containers',
        (name) => ({ initContainers: [{ name: 'i', env: env(name) }] }),
        `init container i with envVar V referencing secret.secretName="other" ${END} secret`,
      ],
      [
        'all variables of init containers',
        (name) => ({ initContainers: [{ name: 'i', envFrom: envFrom(name) }] }),
        `init container i with envFrom referencing secret.secretName="other" ${END} secret`,
      ],
      [
        'variables',
        (name) => ({ containers: [{ name: 'c', env: env(name) }] }),
        `container c with envVar V referencing secret.secretName="other" ${END} secret`,
      ],
      [
        'all variables',
        (name) => ({ containers: [{ name: 'c', envFrom: envFrom(name) }] }),
        `container c with envFrom referencing secret.secretName="other" ${END} secret`,
      ],
      [
        'images',
        (name) => ({ imagePullSecrets: [{ name: name === 'mine' ? 'reg' : name }] }),
        `imagePullSecrets[0].name="other" ${END} imagePullSecret`,
      ],
    ];
    for (const [what, spec, text] of cases) {
      it(`lets pods use those in ${what}, no others`, async () => {
        insist();
        await admit(pod(spec('mine')));
        const error = await failure(() => admit(pod(spec('other'))));
        assert.equal(error.message, `pods "p" is forbidden: ${text}`);
        insist('no');
        await admit(pod(spec('other')));
      });
    }

    it('lets containers that are added use no others', async () => {
      insist();
      const plugin = serviceAccount({ store, clock, random: seededRandom(3) });
      const add = async (name: string): Promise<void> => {
        const ephemeralContainers = [{ name: 'e', env: env(name) }];
        const one = pod({ serviceAccountName: 'default', ephemeralContainers });
        const o = { subresource: 'ephemeralcontainers', oldObject: pod() };
        await plugin.validate?.(admission('UPDATE', one, o));
      };
      await add('mine');
      const text = `ephemeral container e with envVar V referencing secret.secretName="other" ${END} secret`;
      assert.equal((await failure(() => add('other'))).message, `pods "p" is forbidden: ${text}`);
    });
  });
});
