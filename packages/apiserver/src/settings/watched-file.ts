/** A configuration file whose changes are taken over while the server runs. */
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import {
  type Clock,
  CounterTable,
  GaugeTable,
  type Logger,
  type Metrics,
  type Timer,
} from '@kubets/platform';
import { LIMITS } from '../edge-limits.ts';
import type { BackgroundTask } from '../ports.ts';

/** `sha256:…` of a name that labels must not show; empty of an empty one. As the stock server makes it. */
export const hashLabel = (name: string): string =>
  name === '' ? '' : `sha256:${createHash('sha256').update(name).digest('hex')}`;

const MS_PER_S = 1_000;

/** How often a file was taken over, and when last, under the stock names of one controller. */
export class ReloadFigures {
  readonly #count: (status: string) => void;

  constructor(
    registry: Metrics,
    o: { readonly subject: string; readonly serverId: string; readonly clock: Clock },
  ) {
    const labels = ['status', 'apiserver_id_hash'] as const;
    const prefix = `apiserver_${o.subject}_config_controller_automatic_reload`;
    const total = new CounterTable({
      ...{ registry, labels },
      name: `${prefix}s_total`,
      help: `Reloads of the ${o.subject} configuration by outcome.`,
    });
    const last = new GaugeTable({
      ...{ registry, labels },
      name: `${prefix}_last_timestamp_seconds`,
      help: `When the ${o.subject} configuration was last reloaded, by outcome.`,
    });
    const id = hashLabel(o.serverId);
    this.#count = (status) => {
      total.at(status, id).inc();
      last.at(status, id).count = o.clock.now() / MS_PER_S;
    };
  }

  taken(): void {
    this.#count('success');
  }

  refused(): void {
    this.#count('failure');
  }
}

export interface WatchedFileOptions {
  /** Of the task, and in what is logged. */
  readonly name: string;
  readonly file: string;
  /** What the file held when it was read first. */
  readonly text: string;
  /** Takes over a new text; one that throws or rejects leaves everything as it is. Gives up when the signal says so. */
  readonly take: (text: string, signal: AbortSignal) => void | Promise<void>;
  /** Whether a text that could not be taken over is tried again as it is. */
  readonly again?: boolean;
  readonly figures?: ReloadFigures | undefined;
  readonly clock: Clock;
  readonly log: Logger;
}

/** Looks at a file now and then; what cannot be used changes nothing. */
export class WatchedFile implements BackgroundTask {
  readonly name: string;
  readonly #o: WatchedFileOptions;
  #text: string;
  #timer: Timer | undefined;
  #looking: Promise<void> | undefined;
  readonly #stop = new AbortController();

  constructor(options: WatchedFileOptions) {
    this.name = options.name;
    this.#o = options;
    this.#text = options.text;
  }

  start(): void {
    this.#timer = this.#o.clock.setInterval(() => this.look(), LIMITS.configReloadMs);
  }

  async stop(): Promise<void> {
    this.#timer?.cancel();
    this.#stop.abort();
    await this.#looking;
  }

  /** Looks now. Resolves when what was found is taken over or refused. */
  look(): Promise<void> {
    this.#looking ??= this.#look().finally(() => {
      this.#looking = undefined;
    });
    return this.#looking;
  }

  async #look(): Promise<void> {
    const { file, take, again, figures, log, name } = this.#o;
    try {
      const text = readFileSync(file, 'utf8');
      if (text === this.#text) return;
      if (!again) this.#text = text;
      await take(text, this.#stop.signal);
      this.#text = text;
      figures?.taken();
      log.info({ file, name }, 'the configuration file is taken over');
    } catch (err) {
      if (this.#stop.signal.aborted) return;
      figures?.refused();
      log.error({ file, name, err }, 'the configuration file cannot be used; what was stays');
    }
  }
}
