/** Shows a start as it goes: a table redrawn in place on a terminal, a line a change elsewhere. */
import type { ClusterFile } from '../supervisor/cluster-file.ts';
import { renderProcesses } from './render.ts';

export interface Screen {
  readonly isTerminal: boolean;
  write(text: string): void;
}

export class LiveStatus {
  readonly #screen: Screen;
  readonly #now: () => number;
  #drawnLines = 0;
  readonly #states = new Map<string, string>();

  constructor(screen: Screen, now: () => number) {
    this.#screen = screen;
    this.#now = now;
  }

  /** A line that stays. */
  say(line: string): void {
    this.#erase();
    this.#screen.write(`${line}\n`);
  }

  update(file: ClusterFile): void {
    if (this.#screen.isTerminal) this.#redraw(file);
    else this.#sayChanges(file);
  }

  #redraw(file: ClusterFile): void {
    this.#erase();
    const lines = renderProcesses(file, this.#now());
    this.#screen.write(`${lines.join('\n')}\n`);
    this.#drawnLines = lines.length;
  }

  #erase(): void {
    // Up to the first line of the last drawing, and clear from there to the end of the screen.
    if (this.#drawnLines > 0) this.#screen.write(`\u001b[${this.#drawnLines}F\u001b[0J`);
    this.#drawnLines = 0;
  }

  #sayChanges(file: ClusterFile): void {
    for (const { name, state, pid } of file.processes) {
      const before = this.#states.get(name);
      this.#states.set(name, state);
      const isNews = state === 'ready' || state === 'backing-off';
      if (before !== state && isNews)
        this.#screen.write(`${name} ${state}${pid ? ` (pid ${pid})` : ''}\n`);
    }
  }
}
