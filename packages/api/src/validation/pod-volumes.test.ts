import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { podComplaints } from '../testing/make.ts';

const V = 'spec.volumes[0]';

function complaints(source: object): string[] {
  return podComplaints({ volumes: [{ name: 'v', ...source }], serviceAccountName: 's' });
}

describe('volumes that lack something', () => {
  const cases: readonly [object, string[]][] = [
    [{ hostPath: { path: '' } }, [`${V}.hostPath.path: Required value`]],
    [
      { hostPath: { path: '/a/../b' } },
      [`${V}.hostPath.path: Invalid value: "/a/../b": must not contain '..'`],
    ],
    [{ gitRepo: { repository: '' } }, [`${V}.gitRepo.repository: Required value`]],
    [{ gcePersistentDisk: { pdName: '' } }, [`${V}.persistentDisk.pdName: Required value`]],
    [
      { awsElasticBlockStore: { volumeID: '' } },
      [`${V}.awsElasticBlockStore.volumeID: Required value`],
    ],
    [{ secret: {} }, [`${V}.secret.secretName: Required value`]],
    [{ configMap: {} }, [`${V}.configMap.name: Required value`]],
    [
      { nfs: { server: '', path: 'rel' } },
      [
        `${V}.nfs.server: Required value`,
        `${V}.nfs.path: Invalid value: "rel": must be an absolute path`,
      ],
    ],
    [
      { iscsi: { targetPortal: '', iqn: 'iqn.2024-01.example.com:a', lun: 300 } },
      [
        `${V}.iscsi.targetPortal: Required value`,
        `${V}.iscsi.lun: Invalid value: 300: must be between 0 and 255, inclusive`,
      ],
    ],
    [
      { glusterfs: { endpoints: '', path: '' } },
      [`${V}.glusterfs.endpoints: Required value`, `${V}.glusterfs.path: Required value`],
    ],
    [
      { persistentVolumeClaim: { claimName: '' } },
      [`${V}.persistentVolumeClaim.claimName: Required value`],
    ],
    [
      { rbd: { monitors: [], image: '' } },
      [`${V}.rbd.monitors: Required value`, `${V}.rbd.image: Required value`],
    ],
    [{ cinder: { volumeID: '' } }, [`${V}.cinder.volumeID: Required value`]],
    [{ cephfs: { monitors: [] } }, [`${V}.cephfs.monitors: Required value`]],
    [{ flexVolume: { driver: '' } }, [`${V}.flexVolume.driver: Required value`]],
    [
      { azureFile: { secretName: '', shareName: '' } },
      [`${V}.azureFile.secretName: Required value`, `${V}.azureFile.shareName: Required value`],
    ],
    [{ vsphereVolume: { volumePath: '' } }, [`${V}.vsphereVolume.volumePath: Required value`]],
    [{ portworxVolume: { volumeID: '' } }, [`${V}.portworxVolume.volumeID: Required value`]],
    [
      { azureDisk: { diskName: '', diskURI: 'https://a/b/c.vhd' } },
      [`${V}.azureDisk.diskName: Required value`],
    ],
    [
      { csi: { driver: 'd', nodePublishSecretRef: {} } },
      [`${V}.csi.nodePublishSecretRef.name: Required value`],
    ],
    [
      { fc: { targetWWNs: ['a'], wwids: ['b'] } },
      [
        `${V}.fc.targetWWNs: Invalid value: []string{"a"}: targetWWNs and wwids can not be specified simultaneously`,
        `${V}.fc.lun: Required value: lun is required if targetWWNs is specified`,
      ],
    ],
    [
      { flexVolume: { driver: 'd', options: { 'a.k8s.io/x': 'y' } } },
      [
        `${V}.flexVolume.options[a.k8s.io/x]: Invalid value: "a.k8s.io/x": kubernetes.io and k8s.io namespaces are reserved`,
      ],
    ],
    [{ ephemeral: {} }, [`${V}.ephemeral.volumeClaimTemplate: Required value`]],
    [
      { emptyDir: { sizeLimit: '-1' } },
      [`${V}.emptyDir.sizeLimit: Forbidden: SizeLimit field must be a valid resource quantity`],
    ],
  ];
  for (const [source, expected] of cases) {
    test(Object.keys(source)[0] ?? '', () => {
      assert.deepEqual(complaints(source), expected);
    });
  }
});

describe('files out of the pod itself', () => {
  const file = (item: object) => complaints({ downwardAPI: { items: [{ path: 'f', ...item }] } });
  const I = `${V}.downwardAPI`;

  test('labels, annotations and limits are fine', () => {
    assert.deepEqual(file({ fieldRef: { fieldPath: 'metadata.labels' } }), []);
    assert.deepEqual(file({ fieldRef: { fieldPath: "metadata.annotations['a']" } }), []);
    assert.deepEqual(
      file({ resourceFieldRef: { containerName: 'c', resource: 'limits.memory', divisor: '1Mi' } }),
      [],
    );
  });

  test('one source, of the fields that do not change', () => {
    assert.deepEqual(file({}), [
      `${I}: Required value: one of fieldRef and resourceFieldRef is required`,
    ]);
    assert.match(
      file({ fieldRef: { fieldPath: 'status.podIP' } }).join(),
      /fieldPath: Unsupported value: "status\.podIP"/,
    );
    assert.match(
      file({ resourceFieldRef: { resource: 'limits.cpu' } }).join(),
      /containerName: Required value/,
    );
  });

  test('divisors that fit', () => {
    const ref = { containerName: 'c', resource: 'limits.cpu', divisor: '2' };
    assert.match(file({ resourceFieldRef: ref }).join(), /divisor: Invalid value: "limits\.cpu"/);
  });
});

describe('projections', () => {
  const projected = (...sources: object[]) => complaints({ projected: { sources } });
  const S = `${V}.projected.sources[0]`;

  test('all kinds together', () => {
    assert.deepEqual(
      projected(
        { secret: { name: 's' } },
        { configMap: { name: 'c' } },
        { downwardAPI: { items: [{ path: 'l', fieldRef: { fieldPath: 'metadata.labels' } }] } },
        { serviceAccountToken: { path: 't' } },
      ),
      [],
    );
  });

  test('one kind a source, with a name', () => {
    assert.deepEqual(projected({ secret: { name: 's' }, configMap: { name: 'c' } }), [
      `${S}: Forbidden: may not specify more than 1 volume type per source`,
    ]);
    assert.deepEqual(projected({ secret: {} }), [`${S}.secret.name: Required value`]);
  });

  test('tokens live ten minutes at least', () => {
    assert.deepEqual(projected({ serviceAccountToken: { path: 't', expirationSeconds: 60 } }), [
      `${S}.serviceAccountToken.expirationSeconds: Invalid value: 60: may not specify a duration less than 10 minutes`,
    ]);
  });

  test('no two files at one place', () => {
    const items = [{ key: 'k', path: 'p' }];
    const found = projected({ secret: { name: 's', items } }, { configMap: { name: 'c', items } });
    assert.deepEqual(found, [`${V}.projected: Invalid value: "c": conflicting duplicate paths`]);
  });
});

test('the claim of an ephemeral volume needs a name that fits', () => {
  const spec = { accessModes: ['ReadWriteOnce'], resources: { requests: { storage: '1' } } };
  const ephemeral = { volumeClaimTemplate: { spec } };
  const name = 'v'.repeat(63);
  assert.deepEqual(podComplaints({ volumes: [{ name, ephemeral }] }), []);
});

describe('volumes among others', () => {
  const spec = { accessModes: ['ReadWriteOnce'], resources: { requests: { storage: '1' } } };
  const ephemeral = { volumeClaimTemplate: { spec } };

  test('every kind of source is one', () => {
    assert.deepEqual(complaints({ quobyte: { registry: 'h:1', volume: 'v' } }), []);
    assert.deepEqual(complaints({ flocker: { datasetName: 'd' } }), []);
  });

  test('a source too many, under the names the stock server gives them', () => {
    const two = { emptyDir: {}, gcePersistentDisk: { pdName: '' }, downwardAPI: {}, cephfs: {} };
    const why = 'Forbidden: may not specify more than 1 volume type';
    assert.deepEqual(complaints(two), [
      `${V}.gcePersistentDisk: ${why}`,
      `${V}.cephFS: ${why}`,
      `${V}.downwarAPI: ${why}`,
    ]);
  });

  test('a claim that is only made for another volume', () => {
    const volumes = [
      { name: 'a', persistentVolumeClaim: { claimName: 'x-b' } },
      { name: 'b', ephemeral },
    ];
    assert.deepEqual(podComplaints({ volumes }), [
      `${V}.persistentVolumeClaim.claimName: Invalid value: "x-b": must not reference a PVC that gets created for an ephemeral volume`,
    ]);
  });

  test('what a claim template must not say, in the order of the fields', () => {
    const metadata = { uid: 'u', namespace: 'n', name: 'm', labels: { a: 'b' } };
    const at = `${V}.ephemeral.volumeClaimTemplate.metadata`;
    assert.deepEqual(complaints({ ephemeral: { volumeClaimTemplate: { metadata, spec } } }), [
      `${at}.name: Forbidden: cannot be set`,
      `${at}.namespace: Forbidden: cannot be set`,
      `${at}.uID: Forbidden: cannot be set`,
    ]);
  });

  test('an iSCSI portal too long for the initiator', () => {
    const iscsi = {
      ...{ targetPortal: 'p'.repeat(63), iqn: 'iqn.2024-01.example.com:a' },
      initiatorName: 'iqn.2024-01.example.com:b',
    };
    assert.deepEqual(complaints({ iscsi }), [
      `${V}.name: Invalid value: "v": Total length of <volume name>:<iscsi.targetPortal> must be under 64 characters if iscsi.initiatorName is specified.`,
    ]);
  });
});

test('what ephemeral containers must not have', () => {
  const given = { restartPolicy: 'Always', lifecycle: {}, resources: {} };
  const found = podComplaints({ ephemeralContainers: [{ name: 'e', image: 'i', ...given }] });
  const why = 'Forbidden: cannot be set for an Ephemeral Container';
  assert.deepEqual(found.slice(0, -1), [
    `spec.ephemeralContainers[0].restartPolicy: ${why}`,
    `spec.ephemeralContainers[0].lifecycle: ${why}`,
  ]);
});
