/** Keeps fairness as the objects of the API say, and tells schemas whether their priority level exists. */
import {
  type FlowSchema,
  isConflict,
  isNotFound,
  type PriorityLevelConfiguration,
} from '@kubets/api';
import type { Clock, Logger } from '@kubets/platform';
import type { BackgroundTask, ResourceStore } from '../ports.ts';
import { rfc3339 } from '../registry/time.ts';
import { GVR } from '../resources.ts';
import type { Fairness } from './fairness.ts';

interface ControllerOptions {
  readonly fairness: Fairness;
  readonly store: ResourceStore;
  readonly clock: Clock;
  readonly log: Logger;
}

export class FairnessController implements BackgroundTask {
  readonly name = 'fairness';
  readonly #o: ControllerOptions;
  readonly #undo: (() => void)[] = [];
  #isStarted = false;
  #isDirty = false;
  #running: Promise<void> = Promise.resolve();

  constructor(options: ControllerOptions) {
    this.#o = options;
    const { store } = options;
    const onChange = (): void => this.#changed();
    this.#undo.push(
      store.cache<FlowSchema>(GVR.flowSchemas).onChange(onChange),
      store.cache<PriorityLevelConfiguration>(GVR.priorityLevels).onChange(onChange),
    );
  }

  start(): void {
    this.#isStarted = true;
    this.#changed();
  }

  async stop(): Promise<void> {
    this.#isStarted = false;
    for (const undo of this.#undo.splice(0)) undo();
    await this.#running;
  }

  /** Changes that come together are taken over together. */
  #changed(): void {
    if (this.#isDirty) return;
    this.#isDirty = true;
    this.#running = this.#running.then(() => this.#takeOver());
  }

  async #takeOver(): Promise<void> {
    this.#isDirty = false;
    const { fairness, store, log } = this.#o;
    const schemas = store.cache<FlowSchema>(GVR.flowSchemas).list();
    const levels = store.cache<PriorityLevelConfiguration>(GVR.priorityLevels).list();
    if (schemas.length > 0 && levels.length > 0) fairness.configure(schemas, levels);
    if (!this.#isStarted) return;
    const names = new Set(levels.map(({ metadata }) => metadata.name));
    for (const schema of schemas) {
      const marked = this.#marked(schema, names);
      if (marked === undefined) continue;
      try {
        await store.update(GVR.flowSchemas, marked, 'status');
      } catch (error) {
        // Another apiserver says the same, or the schema is gone: its change comes by and is looked at again.
        if (!isConflict(error) && !isNotFound(error)) {
          log.warn({ schema: schema.metadata.name, err: error }, 'a flow schema was not marked');
        }
      }
    }
  }

  /** The schema with the condition it ought to have; undefined when it has it. */
  #marked(schema: FlowSchema, levels: ReadonlySet<string | undefined>): FlowSchema | undefined {
    const name = schema.spec?.priorityLevelConfiguration.name;
    const isThere = levels.has(name);
    const wanted = {
      type: 'Dangling',
      status: isThere ? 'False' : 'True',
      reason: isThere ? 'Found' : 'NotFound',
      message: `This FlowSchema references the PriorityLevelConfiguration object named ${JSON.stringify(name)} ${isThere ? 'and it exists' : 'but there is no such object'}`,
    };
    const conditions = schema.status?.conditions ?? [];
    const present = conditions.find(({ type }) => type === wanted.type);
    if (present?.status === wanted.status && present.message === wanted.message) return undefined;
    const isTurned = present?.status !== wanted.status;
    const now = rfc3339(this.#o.clock.now());
    const lastTransitionTime = isTurned ? now : (present?.lastTransitionTime ?? now);
    const others = conditions.filter(({ type }) => type !== wanted.type);
    const marked = { ...wanted, lastTransitionTime };
    return { ...schema, status: { ...schema.status, conditions: [...others, marked] } };
  }
}
