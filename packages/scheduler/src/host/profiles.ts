/** The profiles at work: what chooses nodes for the pods that ask for each by `schedulerName`. */
import type { EventRecorder } from '@kubets/client';
import type { Random } from '@kubets/platform';
import { DEFAULT_PROFILE_NAME, type Profile } from '../config/profile.ts';
import type { ClusterState } from '../core/cluster-state.ts';
import type { Nominations } from '../core/nominations.ts';
import type { PodInfo } from '../core/pod-info.ts';
import type { SelectorOf } from '../core/pod-terms.ts';
import { SchedulerCore } from '../core/schedule.ts';
import { filtersOf } from '../filters/index.ts';
import { scoresOf } from '../scores/index.ts';

/** A profile ready for work. */
export interface ActiveProfile {
  readonly profile: Profile;
  readonly core: SchedulerCore;
  /** Tells of its pods in its name. */
  readonly events: EventRecorder;
}

export interface ProfilesOptions {
  readonly profiles: readonly Profile[];
  readonly state: ClusterState;
  readonly nominations: Nominations;
  readonly selectorOf: SelectorOf;
  readonly random: Random;
  recorder(component: string): EventRecorder;
}

export class Profiles {
  readonly #byName: ReadonlyMap<string, ActiveProfile>;

  constructor(options: ProfilesOptions) {
    const { state, nominations, selectorOf, random, recorder } = options;
    const active = (profile: Profile): ActiveProfile => ({
      profile,
      core: new SchedulerCore({
        ...{ state, nominations, random, percentageOfNodes: profile.percentageOfNodes },
        filters: filtersOf(profile, selectorOf),
        scores: scoresOf(selectorOf, profile),
      }),
      events: recorder(profile.name),
    });
    this.#byName = new Map(options.profiles.map((one) => [one.name, active(one)]));
  }

  /** @param schedulerName as pods have it. @returns undefined when another scheduler places such pods */
  named(schedulerName: string | undefined): ActiveProfile | undefined {
    return this.#byName.get(schedulerName ?? DEFAULT_PROFILE_NAME);
  }

  /** The profile of a pod that is placed here. @throws Error for a pod of another scheduler */
  of({ key, pod }: PodInfo): ActiveProfile {
    const found = this.named(pod.spec?.schedulerName);
    if (found === undefined) throw new Error(`pod ${key} is not placed by this scheduler`);
    return found;
  }
}
