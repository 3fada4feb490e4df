import { isDeepStrictEqual } from 'node:util';
import { isConflict, isInvalid, isNotFound, type Pod, type PodStatus } from '@kubets/api';
import type { Api, ResourceApi } from '@kubets/client';
import {
  type Clock,
  delay,
  errorMessage,
  exponentialBackoff,
  type Logger,
  type Random,
} from '@kubets/platform';
import { nameOf, namespaceOf, podText, uidOf } from '../core/pod.ts';
import { OWN_CONDITIONS } from '../core/pod-status.ts';
import { STATUS_GATHER_MS } from '../limits.ts';

export interface StatusSenderOptions {
  readonly api: Api;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Logger;
}

interface Slot {
  pod: Pod;
  wanted: PodStatus;
  sent: PodStatus | undefined;
  /** The pod's version our last word is in; what is older says nothing about it. */
  sentVersion: bigint;
  sending: Promise<void> | undefined;
}

const RETRY_INITIAL_MS = 200;
const RETRY_MAX_MS = 10_000;

const versionOf = (pod: Pod): bigint => BigInt(pod.metadata.resourceVersion || 0);

/** Whether the API shows another phase or condition than the one that was sent. */
function overwritten(shown: PodStatus | undefined, sent: PodStatus): boolean {
  // A pod that somebody else declared over stays over.
  if (shown?.phase === 'Succeeded' || shown?.phase === 'Failed') return false;
  if (shown?.phase !== sent.phase) return true;
  const own = (sent.conditions ?? []).filter((one) => OWN_CONDITIONS.has(one.type));
  return own.some(({ type, status }) => {
    return shown?.conditions?.find((one) => one.type === type)?.status !== status;
  });
}

/** As it looks after a trip through the API: without undefined fields. */
const plain = (status: PodStatus): PodStatus => JSON.parse(JSON.stringify(status)) as PodStatus;

/**
 * The change to send. Conditions others own are left out: they are merged by type. Lists of addresses are merged by the API too,
 * so they are marked as replaced; a condition's old reason stays unless it is taken away.
 */
export function statusPatch(pod: Pod, status: PodStatus): object {
  const replaced = (list: readonly object[] | undefined): object =>
    list === undefined ? [] : [...list, { $patch: 'replace' }];
  const own = (status.conditions ?? []).filter((one) => OWN_CONDITIONS.has(one.type));
  return {
    metadata: { uid: uidOf(pod) },
    status: {
      ...status,
      conditions: own.map((one) => ({ reason: null, message: null, ...one })),
      ...(status.podIPs === undefined ? {} : { podIPs: replaced(status.podIPs) }),
      ...(status.hostIPs === undefined ? {} : { hostIPs: replaced(status.hostIPs) }),
    },
  };
}

/** Brings pod statuses to the API: the newest one per pod, one request at a time, until it is there. */
export class StatusSender {
  readonly #options: StatusSenderOptions;
  readonly #pods: ResourceApi<Pod>;
  readonly #slots = new Map<string, Slot>();
  #stopped = false;

  constructor(options: StatusSenderOptions) {
    this.#options = options;
    this.#pods = options.api.resource<Pod>('v1', 'pods');
  }

  /** Sends a status unless the API has it already. */
  publish(pod: Pod, status: PodStatus): void {
    const uid = uidOf(pod);
    const wanted = plain(status);
    const slot = this.#slots.get(uid);
    if (slot === undefined) {
      const sent = pod.status === undefined ? undefined : plain(pod.status);
      const sentVersion = versionOf(pod);
      this.#start(uid, { pod, wanted, sent, sentVersion, sending: undefined });
      return;
    }
    // Others may write there too, as the node controller does while it hears nothing from us: our word is put back.
    const isNews = slot.sending === undefined && versionOf(pod) > slot.sentVersion;
    if (isNews && slot.sent && overwritten(pod.status, slot.sent)) slot.sent = undefined;
    slot.pod = pod;
    slot.wanted = wanted;
    this.#start(uid, slot);
  }

  /** The status last published; newer than what the API shows. */
  latest(podUid: string): PodStatus | undefined {
    return this.#slots.get(podUid)?.wanted;
  }

  /** Resolves when everything published for the pod has arrived, or cannot any more. */
  async flushed(podUid: string): Promise<void> {
    await this.#slots.get(podUid)?.sending;
  }

  forget(podUid: string): void {
    this.#slots.delete(podUid);
  }

  stop(): void {
    this.#stopped = true;
  }

  #start(uid: string, slot: Slot): void {
    this.#slots.set(uid, slot);
    if (slot.sending !== undefined || isDeepStrictEqual(slot.wanted, slot.sent)) return;
    slot.sending = this.#send(uid, slot);
  }

  async #send(uid: string, slot: Slot): Promise<void> {
    try {
      await this.#sendAll(uid, slot);
    } finally {
      slot.sending = undefined;
    }
  }

  async #sendAll(uid: string, slot: Slot): Promise<void> {
    const { random } = this.#options;
    const range = { initialMs: RETRY_INITIAL_MS, maxMs: RETRY_MAX_MS };
    const backoff = exponentialBackoff(range, random);
    // A pod that comes up at once says so in one request.
    await delay(STATUS_GATHER_MS, { clock: this.#options.clock });
    while (!this.#stopped && this.#slots.get(uid) === slot) {
      const { wanted } = slot;
      if (isDeepStrictEqual(wanted, slot.sent)) return;
      const version = await this.#sendOnce(slot.pod, wanted);
      if (version !== undefined) {
        slot.sent = wanted;
        slot.sentVersion = version;
        backoff.reset();
      } else {
        await delay(backoff.nextMs(), { clock: this.#options.clock });
      }
    }
  }

  /** @returns the pod's version that has it; undefined: try again */
  async #sendOnce(pod: Pod, wanted: PodStatus): Promise<bigint | undefined> {
    const { log } = this.#options;
    const body = statusPatch(pod, wanted);
    try {
      const options = { subresource: 'status' };
      const name = nameOf(pod);
      const now = await this.#pods.patch(namespaceOf(pod), name, 'strategic', body, options);
      return versionOf(now);
    } catch (error) {
      // Gone, or another pod has its name: nobody is left to tell.
      if (isNotFound(error)) return versionOf(pod);
      if (isConflict(error)) return (await this.#isReplaced(pod)) ? versionOf(pod) : undefined;
      const facts = { pod: podText(pod), error: errorMessage(error) };
      if (isInvalid(error)) {
        log.error(facts, 'pod status refused');
        return versionOf(pod);
      }
      log.debug(facts, 'cannot send pod status');
      return undefined;
    }
  }

  /** A conflict means another pod of the same name, or only many writers at once. */
  async #isReplaced(pod: Pod): Promise<boolean> {
    try {
      const present = await this.#pods.get(namespaceOf(pod), nameOf(pod));
      return uidOf(present) !== uidOf(pod);
    } catch (error) {
      return isNotFound(error);
    }
  }
}
