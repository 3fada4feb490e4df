/**
 * Seats over all levels. A level may always use what is reserved for it; beyond that, what others lend and nobody uses just
 * now. Invariant: the sum over the levels of max(in use, reserved) stays within the total.
 */
import type { Level } from './level.ts';

export class Seats {
  #total = 0;
  #levels: Level[] = [];

  get levels(): readonly Level[] {
    return this.#levels;
  }

  configure(levels: readonly Level[]): void {
    this.#levels = [...levels];
    this.#total = levels.reduce((sum, { config }) => sum + config.nominal, 0);
  }

  /** Whether a level may take so many seats more. */
  fits(level: Level, width: number): boolean {
    const { exempt, most } = level.config;
    if (exempt) return true;
    if (level.inUse > 0 && level.inUse + width > most) return false;
    return this.#committed(level, width) <= this.#total || level.inUse === 0;
  }

  /** Lets run what waits and finds seats, those furthest below their share first. */
  dispatch(run: (level: Level) => void): void {
    for (;;) {
      let neediest: Level | undefined;
      let least = Number.POSITIVE_INFINITY;
      for (const level of this.#levels) {
        if (level.waiting === 0) continue;
        const used = level.inUse / Math.max(1, level.config.nominal);
        if (used >= least) continue;
        const width = level.next()?.one.width ?? 1;
        if (!this.fits(level, width)) continue;
        least = used;
        neediest = level;
      }
      if (neediest === undefined) return;
      run(neediest);
    }
  }

  #committed(taker: Level, width: number): number {
    let sum = 0;
    for (const level of this.#levels) {
      if (level.config.exempt) continue;
      const used = level === taker ? level.inUse + width : level.inUse;
      sum += Math.max(used, level.config.reserved);
    }
    return sum;
  }
}
