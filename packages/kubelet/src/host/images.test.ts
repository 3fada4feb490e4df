import assert from 'node:assert/strict';
import { beforeEach, describe, it } from 'node:test';
import type { Secret } from '@kubets/api';
import { ManualClock } from '@kubets/platform';
import { RuntimeFault, StartFault } from '../errors.ts';
import type { ContainerRuntime, ImageInfo, ObjectSource, RegistryAuth } from '../ports.ts';
import { aContainer, aPod } from '../testing/pods.ts';
import { Images } from './images.ts';
import { PodEvents } from './pod-events.ts';

const info = (id: string): ImageInfo => ({
  id,
  tags: [],
  digests: [],
  sizeBytes: 7,
  uid: undefined,
  username: '',
});

describe('Images', () => {
  let clock: ManualClock;
  let present: Set<string>;
  let pulls: [image: string, auth: RegistryAuth | undefined][];
  let broken: string | undefined;
  let events: string[];
  let images: Images;
  const secrets = new Map<string, Secret>();
  const never = new AbortController().signal;

  beforeEach(() => {
    clock = new ManualClock();
    present = new Set();
    pulls = [];
    broken = undefined;
    events = [];
    const runtime = {
      imageStatus: async (image: string) => (present.has(image) ? info(image) : undefined),
      pullImage: async (image: string, auth: RegistryAuth | undefined, signal: AbortSignal) => {
        pulls.push([image, auth]);
        if (signal.aborted) throw new RuntimeFault('cancelled');
        if (broken !== undefined) throw new RuntimeFault(broken, { code: 'NotFound' });
        present.add(image);
        return image;
      },
    } as unknown as ContainerRuntime;
    const objects = {
      secret: async (_namespace: string, name: string) => secrets.get(name),
    } as unknown as ObjectSource;
    const sink = {
      event: (_p: unknown, type: string, reason: string, text: string) =>
        events.push(`${type} ${reason}: ${text}`),
    };
    images = new Images({ runtime, objects, events: new PodEvents(sink), clock });
  });

  const ensure = (image: string, imagePullPolicy?: string, signal = never, pod = aPod()) =>
    images.ensure(pod, aContainer({ image, imagePullPolicy }), signal);
  const reasonOf = async (attempt: Promise<unknown>): Promise<string> => {
    const error = await attempt.then(
      () => undefined,
      (thrown: unknown) => thrown,
    );
    assert.ok(error instanceof StartFault);
    return error.reason;
  };

  it('takes what is there', async () => {
    present.add('a:1');
    assert.equal((await ensure('a:1')).id, 'a:1');
    assert.deepEqual(pulls, []);
    assert.deepEqual(events, ['Normal Pulled: Container image "a:1" already present on machine']);
  });

  it('pulls what is missing, and says how large it is', async () => {
    await ensure('a:1');
    assert.equal(pulls.length, 1);
    assert.equal(events[0], 'Normal Pulling: Pulling image "a:1"');
    assert.match(
      events[1] ?? '',
      /^Normal Pulled: Successfully pulled image "a:1" in .*Image size: 7 bytes\.$/,
    );
  });

  it('pulls always what has no tag, or when told so', async () => {
    present.add('a:latest').add('b:1');
    await ensure('a');
    await ensure('b:1', 'Always');
    assert.deepEqual(
      pulls.map(([image]) => image),
      ['a:latest', 'b:1'],
    );
  });

  it('never pulls when told not to', async () => {
    assert.equal(await reasonOf(ensure('a:1', 'Never')), 'ErrImageNeverPull');
    assert.deepEqual(pulls, []);
  });

  it('refuses what is no image', async () => {
    assert.equal(await reasonOf(ensure('Not An Image')), 'InvalidImageName');
    assert.match(events[0] ?? '', /InspectFailed/);
  });

  it('backs off after a failure, pod by pod, and tries again', async () => {
    broken = 'no route to registry';
    assert.equal(await reasonOf(ensure('a:1')), 'ErrImagePull');
    assert.equal(await reasonOf(ensure('a:1')), 'ImagePullBackOff');
    assert.equal(pulls.length, 1);
    assert.ok(images.remainingMs(aPod(), aContainer({ image: 'a:1' })) > 0);
    const other = aPod({}, { uid: 'uid-2' });
    assert.equal(await reasonOf(ensure('a:1', undefined, never, other)), 'ErrImagePull');
    clock.advance(10_001);
    broken = undefined;
    assert.equal((await ensure('a:1')).id, 'a:1');
    assert.equal(images.remainingMs(aPod(), aContainer({ image: 'a:1' })), 0);
  });

  it('tells why, with the status of the call, and of each reason', async () => {
    broken = 'no such host';
    await ensure('a:1').catch(() => undefined);
    const why = 'rpc error: code = NotFound desc = no such host';
    const again = await ensure('a:1').catch((error: unknown) => error);
    assert.ok(again instanceof StartFault);
    assert.equal(again.message, `Back-off pulling image "a:1": ErrImagePull: ${why}`);
    assert.deepEqual(events, [
      'Normal Pulling: Pulling image "a:1"',
      `Warning Failed: Failed to pull image "a:1": ${why}`,
      'Warning Failed: Error: ErrImagePull',
      'Normal BackOff: Back-off pulling image "a:1"',
      'Warning Failed: Error: ImagePullBackOff',
    ]);
  });

  it('forgets the failures of a pod that goes', async () => {
    broken = 'x';
    await reasonOf(ensure('a:1'));
    images.forget('uid-1');
    assert.equal(await reasonOf(ensure('a:1')), 'ErrImagePull');
  });

  it('gives up a pull when the pod goes', async () => {
    assert.equal(await reasonOf(ensure('a:1', undefined, AbortSignal.abort())), 'ErrImagePull');
  });

  it('shows the credentials of the right registry', async () => {
    const auths = { 'reg.example': { username: 'me', password: 'pw' } };
    const text = Buffer.from(JSON.stringify({ auths })).toString('base64');
    secrets.set('keys', { metadata: {}, data: { '.dockerconfigjson': text } });
    const pod = aPod({ imagePullSecrets: [{ name: 'gone' }, { name: 'keys' }] });
    await ensure('reg.example/a:1', undefined, never, pod);
    await ensure('other.example/a:1', undefined, never, pod);
    assert.deepEqual(
      pulls.map(([, auth]) => auth?.username),
      ['me', undefined],
    );
  });
});
