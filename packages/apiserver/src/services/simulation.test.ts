import assert from 'node:assert/strict';
import { it } from 'node:test';
import { type Service, type ServiceSpec, serviceUnavailable } from '@kubets/api';
import { ManualClock, seededRandom, silentLogger } from '@kubets/platform';
import { LIMITS } from '../edge-limits.ts';
import { FakeStore, user } from '../edge-testing.ts';
import type { WriteHook } from '../ports.ts';
import { GVR } from '../resources.ts';
import { RangeAllocator } from './allocator.ts';
import { createServiceHook, holdings } from './hook.ts';
import { nodePortRange, serviceIpRange } from './ranges.ts';
import { ServiceRepair } from './repair.ts';

const SCOPE = { user: user('sim'), dryRun: false, subresource: '' };
const NAMES = 12;
const STEPS = 150;
const SEEDS = 25;

/**
 * Three apiservers on one store, under faults: a server dies before or after its write, the store is away for
 * a moment, answers are lost. At no time two services hold one item; once all is quiet and the claims are
 * repaired, exactly what services hold is claimed.
 */
class Simulation {
  readonly #random;
  readonly #store = new FakeStore();
  readonly #clock = new ManualClock(1_000_000);
  readonly #hooks: WriteHook[];
  readonly #allocators;
  #uids = 0;

  constructor(seed: number) {
    this.#random = seededRandom(seed);
    const common = { store: this.#store.raw, clock: this.#clock, random: this.#random };
    const range = serviceIpRange('10.0.0.0/27');
    const ips = new RangeAllocator({ ...common, range, prefix: '/registry/ranges/serviceips' });
    const ports = new RangeAllocator({
      ...common,
      range: nodePortRange('30000-30029'),
      prefix: '/registry/ranges/servicenodeports',
    });
    this.#allocators = { ips, ports };
    this.#hooks = [1, 2, 3].map(() =>
      createServiceHook(this.#allocators, async ({ namespace, name, uid }) => {
        const { items } = await this.#store.list<Service>(GVR.services, namespace);
        return items.find(({ metadata }) => metadata.name === name && metadata.uid === uid);
      }),
    );
  }

  async run(): Promise<void> {
    for (let step = 0; step < STEPS; step++) {
      await this.#step();
      this.#checkUnique();
    }
    await this.#settle();
    this.#checkClaims();
  }

  async #step(): Promise<void> {
    const name = `s${this.#random.int(NAMES)}`;
    const present = this.#services().find((one) => one.metadata.name === name);
    this.#clock.advance(this.#random.int(2_000));
    this.#store.raw.before = this.#chance(10)
      ? () => {
          throw serviceUnavailable('the store is away');
        }
      : () => undefined;
    try {
      if (!present) await this.#create(name);
      else if (this.#chance(40)) await this.#delete(present);
      else await this.#update(present);
      if (this.#chance(5)) await this.#repair();
    } catch {
      // A refusal (taken, full, away) is an answer like any other here: the state of the world is what counts.
    }
    this.#store.raw.before = () => undefined;
  }

  #chance(percent: number): boolean {
    return this.#random.int(100) < percent;
  }

  #services(): Service[] {
    return this.#store.all(GVR.services) as Service[];
  }

  #hook(): WriteHook {
    return this.#hooks[this.#random.int(3)] as WriteHook;
  }

  #spec(): ServiceSpec {
    const type = ['ClusterIP', 'NodePort', 'LoadBalancer'][this.#random.int(3)] as string;
    const nodePort = type !== 'ClusterIP' && this.#chance(30) ? 30_000 + this.#random.int(30) : 0;
    const clusterIP = this.#chance(30) ? `10.0.0.${1 + this.#random.int(30)}` : '';
    const externalTrafficPolicy = type === 'LoadBalancer' ? { externalTrafficPolicy: 'Local' } : {};
    return {
      type,
      ...externalTrafficPolicy,
      selector: { a: 'b' },
      ports: [{ port: 80, ...(nodePort ? { nodePort } : {}) }],
      ...(clusterIP ? { clusterIP } : {}),
    };
  }

  async #create(name: string): Promise<void> {
    this.#uids += 1;
    const object: Service = {
      apiVersion: 'v1',
      kind: 'Service',
      metadata: { namespace: 'ns', name, uid: `uid-${this.#uids}` },
      spec: this.#spec(),
    };
    const finish = await this.#hook().beginCreate?.(object, SCOPE);
    await this.#finish(object, finish);
  }

  async #update(old: Service): Promise<void> {
    const object = structuredClone(old);
    const wanted = this.#spec();
    delete wanted.clusterIP;
    object.spec = { ...wanted, clusterIP: old.spec?.clusterIP, clusterIPs: old.spec?.clusterIPs };
    const finish = await this.#hook().beginUpdate?.(object, structuredClone(old), SCOPE);
    await this.#finish(object, finish);
  }

  /** The write succeeds, fails, succeeds with a lost answer, or the server dies on either side of it. */
  async #finish(
    object: Service,
    finish: ((stored: boolean) => Promise<void> | void) | undefined,
  ): Promise<void> {
    const fate = this.#random.int(100);
    const isStored = fate < 60 || (fate >= 75 && fate < 90);
    const isToldSo = fate < 60;
    const isDead = fate >= 85;
    if (isStored) this.#store.seed(object);
    if (!isDead) await finish?.(isToldSo);
  }

  async #delete(service: Service): Promise<void> {
    const { namespace = '', name = '' } = service.metadata;
    await this.#store.delete({ ...GVR.services, namespace, name });
    if (!this.#chance(20)) await this.#hook().afterDelete?.(service);
  }

  async #repair(): Promise<void> {
    const allocators = this.#allocators;
    const o = { store: this.#store, allocators, clock: this.#clock, log: silentLogger };
    const { duplicates } = await new ServiceRepair(o).repair();
    assert.deepEqual(duplicates, []);
  }

  async #settle(): Promise<void> {
    this.#clock.advance(LIMITS.claimGraceMs + 1);
    await this.#repair();
  }

  #checkUnique(): void {
    const seen = new Map<number, string>();
    for (const { metadata, spec } of this.#services()) {
      const { ip, ports } = holdings(spec ?? {});
      for (const item of [...(ip === undefined ? [] : [ip]), ...ports]) {
        const other = seen.get(item);
        assert.equal(other, undefined, `${item} is held by ${other} and ${metadata.name}`);
        seen.set(item, metadata.name ?? '');
      }
    }
  }

  #checkClaims(): void {
    const wanted = new Set<string>();
    for (const { metadata, spec } of this.#services()) {
      const { ip, ports } = holdings(spec ?? {});
      if (ip !== undefined) wanted.add(`${this.#allocators.ips.range.format(ip)} ${metadata.uid}`);
      for (const port of ports) wanted.add(`${port} ${metadata.uid}`);
    }
    const claimed = [...this.#store.raw.values].flatMap(([key, { value }]) => {
      const { free, uid } = JSON.parse(value.toString()) as { free?: boolean; uid?: string };
      return free ? [] : [`${key.split('/').at(-1)} ${uid}`];
    });
    assert.deepEqual(claimed.sort(), [...wanted].sort());
  }
}

for (let seed = 1; seed <= SEEDS; seed++) {
  it(`no item is held twice, none is lost: seed ${seed}`, () => new Simulation(seed).run());
}
