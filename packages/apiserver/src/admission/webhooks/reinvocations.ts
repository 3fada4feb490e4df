import type { KubeObject } from '@kubets/api';
import type { AdmissionRound } from '../../ports.ts';

/**
 * Which webhooks are asked a second time. A webhook that wishes for it (`reinvocationPolicy: IfNeeded`) is due once
 * something changed the object after its answer: a later webhook, or a plugin of the second round.
 */
export class Reinvocations {
  readonly #asked = new Set<string>();
  readonly #due = new Set<string>();
  #left = '';

  /** Those of a write: kept over its rounds. */
  static of(round: AdmissionRound, plugin: string): Reinvocations {
    const known = round.notes.get(plugin);
    if (known instanceof Reinvocations) return known;
    const fresh = new Reinvocations();
    round.notes.set(plugin, fresh);
    return fresh;
  }

  begin(round: number, object: KubeObject | undefined): void {
    if (round > 0 && JSON.stringify(object) !== this.#left) this.changed();
  }

  /** Remembers what webhooks left of the object. */
  end(object: KubeObject | undefined): void {
    this.#left = JSON.stringify(object) ?? '';
  }

  /** The object changed: who has been asked before is due. */
  changed(): void {
    for (const id of this.#asked) this.#due.add(id);
    this.#asked.clear();
  }

  asked(id: string): void {
    this.#asked.add(id);
  }

  isDue(id: string): boolean {
    return this.#due.has(id);
  }
}
