/** Answers of extenders. Those are written in Go, mostly, where the names of fields are read in whatever case they come. */

/** An object of an answer; what is not there, or of another type, counts as empty. */
export class Answer {
  readonly #fields: ReadonlyMap<string, unknown>;

  constructor(value: unknown) {
    const isObject = typeof value === 'object' && value !== null && !Array.isArray(value);
    const entries = isObject ? Object.entries(value) : [];
    this.#fields = new Map(entries.map(([name, field]) => [name.toLowerCase(), field]));
  }

  text(name: string): string {
    const value = this.#get(name);
    return typeof value === 'string' ? value : '';
  }

  integer(name: string): number {
    const value = this.#get(name);
    return typeof value === 'number' && Number.isSafeInteger(value) ? value : 0;
  }

  list(name: string): Answer[] {
    const value = this.#get(name);
    return Array.isArray(value) ? value.map(readAnswer) : [];
  }

  /** A list of texts; undefined when there is none. */
  names(name: string): string[] | undefined {
    const value = this.#get(name);
    return Array.isArray(value) ? value.map(String) : undefined;
  }

  /** The names of the items of a NodeList; undefined when there is none. */
  nodeNames(name: string): string[] | undefined {
    const value = this.#get(name);
    if (typeof value !== 'object' || value === null) return undefined;
    return new Answer(value)
      .list('items')
      .map((node) => readAnswer(node.#get('metadata')).text('name'));
  }

  /** Texts by their own names. */
  texts(name: string): Map<string, string> {
    return new Map([...this.#entries(name)].map(([key, value]) => [key, String(value)]));
  }

  /** Objects by their own names. */
  children(name: string): Map<string, Answer> {
    return new Map(this.#entries(name).map(([key, value]) => [key, readAnswer(value)]));
  }

  #entries(name: string): [string, unknown][] {
    const value = this.#get(name);
    return typeof value === 'object' && value !== null ? Object.entries(value) : [];
  }

  #get(name: string): unknown {
    return this.#fields.get(name.toLowerCase());
  }
}

export function readAnswer(value: unknown): Answer {
  return new Answer(value);
}
