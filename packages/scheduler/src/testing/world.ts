/** A scheduler on an API in memory, for tests. */
import type { Event, Node, Pod } from '@kubets/api';
import { EventRecorder, FakeApi } from '@kubets/client';
import { ManualClock, Metrics, seededRandom, silentLogger } from '@kubets/platform';
import type { Profile } from '../config/profile.ts';
import type { Extender } from '../extenders/extender.ts';
import { Extenders } from '../extenders/extenders.ts';
import { Scheduler } from '../host/scheduler.ts';
import { instrument, stateOf } from '../runtime/instrument.ts';
import { type PodDraft, testPod } from './builders.ts';

export class World {
  readonly clock = new ManualClock();
  readonly api = new FakeApi({ clock: this.clock, gracefulPods: true });
  readonly pods = this.api.resource<Pod>('v1', 'pods');
  readonly nodes = this.api.resource<Node>('v1', 'nodes');
  readonly metrics = new Metrics();
  readonly scheduler: Scheduler;
  readonly leading = new AbortController();

  /** @param profiles absent: the stock scheduler's one */
  constructor(profiles?: readonly Profile[], extenders: readonly Extender[] = []) {
    const { api, clock } = this;
    const log = silentLogger;
    this.scheduler = new Scheduler({
      ...{ api, clock, log, random: seededRandom(1) },
      recorder: (component) => new EventRecorder({ api, component, clock, log }),
      ...(profiles && { profiles }),
      ...(extenders.length > 0 && { extenders: new Extenders(extenders, log) }),
      figures: instrument(this.metrics, () => stateOf(this.scheduler)),
    });
  }

  /** @param lead whether to place pods from the beginning */
  async start(lead = true): Promise<this> {
    this.scheduler.start();
    if (lead) void this.scheduler.lead(this.leading.signal);
    await this.api.settle();
    return this;
  }

  async node(...list: Node[]): Promise<void> {
    for (const node of list) await this.nodes.create(node);
    await this.api.settle();
  }

  async pod(name: string, draft: PodDraft = {}): Promise<void> {
    const { uid: _, ...metadata } = testPod(name, draft).metadata;
    await this.pods.create({ ...testPod(name, draft), metadata });
    await this.api.settle();
  }

  async pass(ms: number): Promise<void> {
    for (let left = ms; left > 0; left -= 250) {
      this.clock.advance(250);
      await this.api.settle();
    }
  }

  async nodeOf(name: string): Promise<string | undefined> {
    return (await this.pods.get('default', name)).spec?.nodeName;
  }

  /** Who told of a pod. */
  reporters(name: string): (string | undefined)[] {
    return this.api
      .objects<Event>('v1', 'events')
      .filter(({ involvedObject }) => involvedObject.name === name)
      .map(({ source }) => source?.component);
  }

  events(name: string): string[] {
    return this.api
      .objects<Event>('v1', 'events')
      .filter(({ involvedObject }) => involvedObject.name === name)
      .map(({ type, reason, message }) => `${type} ${reason} ${message}`);
  }
}
