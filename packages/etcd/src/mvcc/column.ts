/** Whole numbers outside the engine's heap, each as wide as the largest among them needs. */

const KINDS = [Uint16Array, Uint32Array, Float64Array] as const;
const LIMITS = [0xffff, 0xffffffff, Number.MAX_SAFE_INTEGER] as const;

/** A fixed number of cells for safe integers from 0 on, 0 at first: two bytes each, or four, or eight. */
export class Column {
  private kind = 0;
  private cells: Uint16Array | Uint32Array | Float64Array;

  constructor(cells: number) {
    this.cells = new Uint16Array(cells);
  }

  get(at: number): number {
    return this.cells[at] ?? 0;
  }

  set(at: number, value: number): void {
    if (value > (LIMITS[this.kind] ?? 0)) this.widen(value);
    this.cells[at] = value;
  }

  private widen(value: number): void {
    while (value > (LIMITS[this.kind] ?? Number.POSITIVE_INFINITY)) this.kind++;
    const Cells = KINDS[this.kind] ?? Float64Array;
    const wide = new Cells(this.cells.length);
    wide.set(this.cells);
    this.cells = wide;
  }
}
