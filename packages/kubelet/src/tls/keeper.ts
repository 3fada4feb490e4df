/** Keeps one certificate fresh for as long as the process lives. */
import {
  type Backoff,
  type Clock,
  certificateFacts,
  errorMessage,
  exponentialBackoff,
  type Logger,
  type Random,
  type Timer,
} from '@kubets/platform';
import type { KeyPairPem } from '@kubets/platform/pki';
import { CERTIFICATE_LOOK_MS, CERTIFICATE_RETRY_MAX_MS, CERTIFICATE_RETRY_MS } from '../limits.ts';
import type { KeptCertificate } from './certificate-figures.ts';
import { fits, isValid, renewAtMs, type WantedIdentity } from './schedule.ts';

export interface KeeperOptions {
  readonly name: string;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Logger;
  readonly wanted: WantedIdentity;
  readonly read: () => KeyPairPem | undefined;
  readonly write: (pair: KeyPairPem) => void;
  readonly request: () => Promise<KeyPairPem>;
  /** There is a certificate to show from now on. */
  readonly onChange: (pair: KeyPairPem) => void;
}

/** Replaces a certificate at 70–90 % of its life, or at once when there is none that fits. Failures are tried again. */
export class CertificateKeeper implements KeptCertificate {
  readonly #options: KeeperOptions;
  readonly #spread: number;
  readonly #backoff: Backoff;
  #timer: Timer | undefined;
  #isLooking = false;
  #stopped = false;
  #failures = 0;

  constructor(options: KeeperOptions) {
    this.#options = options;
    this.#spread = options.random.next();
    const waits = { initialMs: CERTIFICATE_RETRY_MS, maxMs: CERTIFICATE_RETRY_MAX_MS };
    this.#backoff = exponentialBackoff(waits, options.random);
  }

  /** The certificate on disk, if it can be shown now. */
  current(): KeyPairPem | undefined {
    const { read, clock, wanted } = this.#options;
    const pair = read();
    if (pair === undefined) return undefined;
    const facts = certificateFacts(pair.cert);
    return isValid(facts, clock.now()) && fits(facts, wanted) ? pair : undefined;
  }

  untilMs(): number | undefined {
    const pair = this.current();
    return pair === undefined ? undefined : certificateFacts(pair.cert).notAfterMs;
  }

  failures(): number {
    return this.#failures;
  }

  /** Looks now, and in time from now on. */
  start(): void {
    if (this.#isLooking) return;
    this.#timer?.cancel();
    void this.#look();
  }

  stop(): void {
    this.#stopped = true;
    this.#timer?.cancel();
  }

  /** Asks again in steps of a limited length: the clock may be set meanwhile, and timers have a longest span. */
  async #look(): Promise<void> {
    const { clock } = this.#options;
    this.#isLooking = true;
    const pair = this.current();
    const dueMs =
      pair === undefined ? clock.now() : renewAtMs(certificateFacts(pair.cert), this.#spread);
    const waitMs = dueMs - clock.now();
    if (waitMs > 0) {
      this.#again(Math.min(waitMs, CERTIFICATE_LOOK_MS));
      return;
    }
    this.#again(await this.#renew());
  }

  #again(waitMs: number): void {
    this.#isLooking = false;
    if (this.#stopped) return;
    this.#timer = this.#options.clock.setTimeout(() => void this.#look(), waitMs);
  }

  /** @returns how long to wait before the next look */
  async #renew(): Promise<number> {
    const { request, write, onChange, log, name } = this.#options;
    try {
      const pair = await request();
      if (this.#stopped) return 0;
      write(pair);
      onChange(pair);
      this.#backoff.reset();
      const until = new Date(certificateFacts(pair.cert).notAfterMs).toISOString();
      log.info({ certificate: name, until }, 'certificate renewed');
      return 0;
    } catch (error) {
      this.#failures += 1;
      const waitMs = Math.round(this.#backoff.nextMs());
      log.warn({ certificate: name, waitMs, error: errorMessage(error) }, 'no new certificate yet');
      return waitMs;
    }
  }
}
