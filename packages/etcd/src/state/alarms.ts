/** Alarms: conditions of a member that make the whole cluster refuse writes until someone clears them. */

export const ALARM = { none: 0, noSpace: 1, corrupt: 2 } as const;

export interface Alarm {
  readonly memberID: bigint;
  /** A number of {@link ALARM}. */
  readonly alarm: number;
}

/** Hears of what must reach the disk. */
export interface AlarmJournal {
  alarmRaised(alarm: Alarm): void;
  alarmCleared(alarm: Alarm): void;
}

export class Alarms {
  private readonly raised = new Map<string, Alarm>();
  private readonly journal: AlarmJournal | undefined;

  constructor(journal?: AlarmJournal) {
    this.journal = journal;
  }

  /** @returns the alarm, raised now or before */
  raise(alarm: Alarm): Alarm {
    this.raised.set(idOf(alarm), alarm);
    this.journal?.alarmRaised(alarm);
    return alarm;
  }

  /** @returns false when there was no such alarm */
  clear(alarm: Alarm): boolean {
    const existed = this.raised.delete(idOf(alarm));
    if (existed) this.journal?.alarmCleared(alarm);
    return existed;
  }

  has(alarm: number): boolean {
    // Asked for every write; mostly there is none.
    return this.raised.size > 0 && this.list(alarm).length > 0;
  }

  /** All alarms of a type, or of any for `ALARM.none`. */
  list(type: number): Alarm[] {
    const all = [...this.raised.values()];
    return type === ALARM.none ? all : all.filter(({ alarm }) => alarm === type);
  }

  restore(alarms: readonly Alarm[]): void {
    this.raised.clear();
    for (const alarm of alarms) this.raised.set(idOf(alarm), alarm);
  }
}

function idOf({ memberID, alarm }: Alarm): string {
  return `${memberID}/${alarm}`;
}
