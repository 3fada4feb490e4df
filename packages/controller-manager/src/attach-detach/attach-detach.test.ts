import assert from 'node:assert/strict';
import { afterEach, beforeEach, describe, it } from 'node:test';
import type {
  CSIDriver,
  Node,
  PersistentVolume,
  PersistentVolumeClaim,
  Pod,
  VolumeAttachment,
} from '@kubets/api';
import { nameOf } from '../objects/meta.ts';
import { TestCluster } from '../testing/cluster.ts';
import { attachmentName } from './decide.ts';
import { attachDetachController } from './reconciler.ts';

const MANAGED = { 'volumes.kubernetes.io/controller-managed-attach-detach': 'true' };
const KEY = 'kubernetes.io/csi/d.io^h';
const NAME = attachmentName('d.io', 'h', 'n');
let cluster: TestCluster;
beforeEach(async () => {
  cluster = new TestCluster({ controllers: (deps) => [attachDetachController(deps)] });
  cluster.runsPods = false;
  await cluster.start();
});
afterEach(() => cluster.stop());

function node(name = 'n', more: Partial<Node> = {}, annotations = MANAGED): void {
  const conditions = [{ type: 'Ready', status: 'True' }];
  cluster.addNode({
    ...{ apiVersion: 'v1', kind: 'Node', metadata: { name, annotations } },
    status: { conditions },
    ...more,
  });
}

function volume(modes = ['ReadWriteOnce']): void {
  const uid = 'uid-of-c';
  const claim: PersistentVolumeClaim = {
    ...{ apiVersion: 'v1', kind: 'PersistentVolumeClaim' },
    metadata: { name: 'c', namespace: 'default', uid },
    ...{ spec: { volumeName: 'v' }, status: { phase: 'Bound' } },
  };
  const made: PersistentVolume = {
    ...{ apiVersion: 'v1', kind: 'PersistentVolume', metadata: { name: 'v' } },
    spec: {
      ...{ csi: { driver: 'd.io', volumeHandle: 'h' }, accessModes: modes },
      claimRef: { namespace: 'default', name: 'c', uid },
    },
  };
  cluster.api.seed('v1', 'persistentvolumeclaims', claim);
  cluster.api.seed('v1', 'persistentvolumes', made);
}

function pod(name = 'p', nodeName = 'n'): void {
  const made: Pod = {
    ...{ apiVersion: 'v1', kind: 'Pod', metadata: { name, namespace: 'default' } },
    spec: {
      ...{ nodeName, containers: [{ name: 'c', image: 'i' }] },
      volumes: [{ name: 'v', persistentVolumeClaim: { claimName: 'c' } }],
    },
    status: { phase: 'Running' },
  };
  cluster.api.seed('v1', 'pods', made);
}

async function said(status: VolumeAttachment['status'], name = NAME): Promise<void> {
  const api = cluster.api.resource<VolumeAttachment>('storage.k8s.io/v1', 'volumeattachments');
  const one = cluster.get<VolumeAttachment>('volumeattachments', name);
  await api.updateStatus({ ...one, status });
  await cluster.settle();
}

async function change(edit: (node: Node) => void, name = 'n'): Promise<void> {
  const one = structuredClone(cluster.get<Node>('nodes', name));
  edit(one);
  await cluster.api.resource<Node>('v1', 'nodes').updateStatus(one);
  await cluster.settle();
}

const attachments = (): VolumeAttachment[] => cluster.list<VolumeAttachment>('volumeattachments');
const reported = () => cluster.get<Node>('nodes', 'n').status?.volumesAttached;

async function attached(): Promise<void> {
  node();
  volume();
  pod();
  await cluster.settle();
  await said({ attached: true });
}

describe('a volume of a driver', () => {
  it('is attached to the node of its pod, which is told when that is done', async () => {
    node();
    volume();
    pod();
    await cluster.settle();
    const [one] = attachments();
    assert.equal(one?.metadata.name, NAME);
    assert.deepEqual(one?.spec, {
      ...{ attacher: 'd.io', nodeName: 'n', source: { persistentVolumeName: 'v' } },
    });
    assert.equal(reported(), undefined);
    await said({ attached: true });
    assert.deepEqual(reported(), [{ name: KEY, devicePath: '' }]);
    const told = 'SuccessfulAttachVolume: AttachVolume.Attach succeeded for volume "v" ';
    assert.equal(cluster.events().filter((event) => event === told).length, 1);
  });

  it('is not attached where the kubelet does that, nor by drivers that need not', async () => {
    node('n', {}, {} as typeof MANAGED);
    volume();
    pod();
    await cluster.settle();
    assert.deepEqual(attachments(), []);
    const driver: CSIDriver = {
      ...{ apiVersion: 'storage.k8s.io/v1', kind: 'CSIDriver', metadata: { name: 'd.io' } },
      spec: { attachRequired: false },
    };
    cluster.api.seed('storage.k8s.io/v1', 'csidrivers', driver);
    node('m');
    pod('q', 'm');
    await cluster.settle();
    assert.deepEqual(attachments(), []);
  });

  it('tells why it is not attached', async () => {
    node();
    volume();
    pod();
    await cluster.settle();
    await said({ attached: false, attachError: { message: 'no such disk' } });
    const told = 'FailedAttachVolume: AttachVolume.Attach failed for volume "v" : no such disk';
    assert.ok(cluster.events().includes(told));
  });

  it('is attached to one node only, unless it may be shared', async () => {
    await attached();
    node('m');
    pod('q', 'm');
    await cluster.settle();
    assert.deepEqual(attachments().map(nameOf), [NAME]);
    const why =
      "Volume is already exclusively attached to one node and can't be attached to another";
    const told = `FailedAttachVolume: Multi-Attach error for volume "v" ${why}`;
    assert.ok(cluster.events().includes(told));
    await cluster.delete('pods', 'p');
    await cluster.settle();
    assert.deepEqual(attachments().map(nameOf), [attachmentName('d.io', 'h', 'm')]);
  });

  it('that may be shared is attached to both', async () => {
    node();
    node('m');
    volume(['ReadWriteMany']);
    pod();
    pod('q', 'm');
    await cluster.settle();
    assert.equal(attachments().length, 2);
  });

  it('is detached once it is not mounted any more', async () => {
    await attached();
    await change(({ status }) => {
      if (status) status.volumesInUse = [KEY];
    });
    await cluster.delete('pods', 'p');
    await cluster.pass(20_000);
    assert.equal(attachments().length, 1);
    await change(({ status }) => {
      if (status) status.volumesInUse = [];
    });
    await cluster.pass(6_000);
    assert.deepEqual(attachments(), []);
    assert.deepEqual(reported() ?? [], []);
  });

  it('is taken from a node that fell silent, after a while', async () => {
    await attached();
    await change(({ status }) => {
      if (!status) return;
      status.volumesInUse = [KEY];
      status.conditions = [{ type: 'Ready', status: 'Unknown' }];
    });
    await cluster.delete('pods', 'p');
    await cluster.pass(350_000, 5_000);
    assert.equal(attachments().length, 1);
    await cluster.pass(30_000, 5_000);
    assert.deepEqual(attachments(), []);
  });

  it('is taken at once from a node that is out of service, or gone', async () => {
    await attached();
    await change(({ status }) => {
      if (status) status.volumesInUse = [KEY];
    });
    await cluster.change<Node>('nodes', 'n', (one) => {
      const taint = { key: 'node.kubernetes.io/out-of-service', effect: 'NoExecute' };
      one.spec = { taints: [taint] };
    });
    await cluster.delete('pods', 'p');
    await cluster.settle();
    assert.deepEqual(attachments(), []);
  });

  it('is detached from a node that has gone', async () => {
    await attached();
    await cluster.delete('nodes', 'n');
    await cluster.settle();
    assert.deepEqual(attachments(), []);
  });

  it('leaves attachments of others alone', async () => {
    node();
    volume();
    const metadata = { name: 'mine' };
    const spec = { attacher: 'd.io', nodeName: 'n', source: { persistentVolumeName: 'v' } };
    await cluster.create<VolumeAttachment>('volumeattachments', {
      ...{ apiVersion: 'storage.k8s.io/v1', kind: 'VolumeAttachment', metadata, spec },
    });
    await cluster.settle();
    assert.deepEqual(attachments().map(nameOf), ['mine']);
  });
});
