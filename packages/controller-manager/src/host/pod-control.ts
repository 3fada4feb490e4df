import { ApiError, isNotFound, type KubeObject, type Pod, type PodTemplateSpec } from '@kubets/api';
import type { EventRecorder, ResourceApi } from '@kubets/client';
import { MAX_MESSAGE_LENGTH } from '../limits.ts';
import { nameOf, namespaceOf, type OwnerKind, uidOf } from '../objects/meta.ts';
import { podFromTemplate } from '../objects/pods.ts';

/** Creates and deletes pods in the name of an owner, and tells the owner's events. */
export class PodControl {
  readonly #pods: ResourceApi<Pod>;
  readonly #events: EventRecorder;

  constructor(pods: ResourceApi<Pod>, events: EventRecorder) {
    this.#pods = pods;
    this.#events = events;
  }

  /** @throws ApiError; the owner's event FailedCreate tells it too */
  async create(owner: KubeObject, kind: OwnerKind, template: PodTemplateSpec): Promise<Pod> {
    return this.createPod(owner, kind, podFromTemplate(template, owner, kind));
  }

  /** As {@link create}, for pods that are more than their template. */
  async createPod(owner: KubeObject, kind: OwnerKind, pod: Pod): Promise<Pod> {
    const regarding = { ...owner, ...kind };
    try {
      const made = await this.#pods.create(pod);
      this.#events.event(regarding, 'Normal', 'SuccessfulCreate', `Created pod: ${nameOf(made)}`);
      return made;
    } catch (error) {
      if (!isNamespaceTerminating(error)) {
        const message = `Error creating: ${failureText(error)}`;
        this.#events.event(regarding, 'Warning', 'FailedCreate', message);
      }
      throw error;
    }
  }

  /** A pod that is gone already counts as deleted. @throws ApiError; event FailedDelete */
  async delete(owner: KubeObject, kind: OwnerKind, pod: Pod): Promise<void> {
    const regarding = { ...owner, ...kind };
    try {
      await this.#pods.delete(namespaceOf(pod), nameOf(pod), {
        preconditions: { uid: uidOf(pod) },
      });
      this.#events.event(regarding, 'Normal', 'SuccessfulDelete', `Deleted pod: ${nameOf(pod)}`);
    } catch (error) {
      if (isNotFound(error)) return;
      const message = `Error deleting: ${failureText(error)}`;
      this.#events.event(regarding, 'Warning', 'FailedDelete', message);
      throw error;
    }
  }
}

/** What an API error says, short enough for a status or an event. */
export function failureText(error: unknown): string {
  const text = error instanceof Error ? error.message : String(error);
  return text.slice(0, MAX_MESSAGE_LENGTH);
}

/** Creation was refused because the namespace is being deleted: no use in trying again. */
export function isNamespaceTerminating(error: unknown): boolean {
  if (!(error instanceof ApiError)) return false;
  const causes = error.status.details?.causes ?? [];
  return causes.some((cause) => cause.reason === 'NamespaceTerminating');
}
