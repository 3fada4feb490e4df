/** Apiservers that come and go while things change: in the end every view agrees. The seed is printed when it does not. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { ConfigMap } from '@kubets/api';
import { isConflict, isNotFound } from '@kubets/api';
import { seededRandom, silentLogger, systemClock } from '@kubets/platform';
import { Informer } from '../cache/informer.ts';
import { TransportError } from '../errors.ts';
import { FakeApi } from '../testing/fake-api.ts';
import { FakeDoor } from '../testing/fake-door.ts';
import { ApiClient } from './api-client.ts';

const ROUNDS = 12;
const WRITES_A_ROUND = 8;

/** A door that can be killed and comes back on the same port. */
class Flaky {
  readonly #world: FakeApi;
  #door: FakeDoor | undefined;
  at = '';

  constructor(world: FakeApi) {
    this.#world = world;
  }

  async up(): Promise<void> {
    if (this.#door !== undefined) return;
    this.#door = new FakeDoor(this.#world, silentLogger);
    this.at = await this.#door.listen(Number(this.at.split(':')[1] ?? 0));
  }

  async down(): Promise<void> {
    const door = this.#door;
    this.#door = undefined;
    await door?.kill();
  }
}

async function until(holds: () => boolean): Promise<void> {
  while (!holds()) await new Promise<void>((resolve) => setImmediate(resolve));
}

const expected = (error: unknown): boolean =>
  error instanceof TransportError || isConflict(error) || isNotFound(error);

async function history(seed: number): Promise<void> {
  const random = seededRandom(seed);
  const world = new FakeApi();
  const doors = [new Flaky(world), new Flaky(world), new Flaky(world)];
  for (const door of doors) await door.up();
  const endpoints = doors.map(({ at }) => at);
  const client = new ApiClient({ endpoints, userAgent: 'test', log: silentLogger, random });
  const maps = client.resource<ConfigMap>('v1', 'configmaps');
  const shared = { api: client, clock: systemClock, random, log: silentLogger };
  const informer = new Informer<ConfigMap>({ ...shared, gv: 'v1', resource: 'configmaps' });
  informer.start();
  const acknowledged = new Map<string, string>();
  const write = async (value: string): Promise<void> => {
    const name = `map-${random.int(5)}`;
    try {
      const old = await maps.get('default', name).catch(() => undefined);
      const metadata = { name, namespace: 'default' };
      if (old === undefined) await maps.create({ metadata, data: { value } });
      else await maps.update({ ...old, data: { value } });
      acknowledged.set(name, value);
    } catch (error) {
      assert.ok(expected(error), String(error));
      acknowledged.delete(name);
    }
  };
  for (let round = 0; round < ROUNDS; round += 1) {
    const victim = doors[random.int(doors.length)];
    // One is down at a time, as when masters are killed one after the other.
    for (const door of doors) if (door !== victim) await door.up();
    const killed = victim?.down();
    if (random.int(3) === 0) world.compact();
    for (let i = 0; i < WRITES_A_ROUND; i += 1) await write(`${round}-${i}`);
    await killed;
  }
  for (const door of doors) await door.up();
  const truth = new Map(
    world.objects<ConfigMap>('v1', 'configmaps').map((map) => [map.metadata.name ?? '', map]),
  );
  for (const [name, value] of acknowledged) assert.equal(truth.get(name)?.data?.value, value);
  await until(() =>
    [...truth].every(
      ([name, map]) =>
        informer.get(`default/${name}`)?.metadata.resourceVersion === map.metadata.resourceVersion,
    ),
  );
  assert.equal(informer.size, truth.size);
  informer.stop();
  client.close();
  for (const door of doors) await door.down();
}

describe('failover', () => {
  for (const seed of [1, 2, 3]) {
    it(`loses no acknowledged write and misses no change (seed ${seed})`, () => history(seed));
  }
});
