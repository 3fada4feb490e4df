/** Reading header blocks with a table that the other side fills as it goes (RFC 7541, sections 2.3 and 6). */

import {
  ADDED,
  BlockReader,
  type HeaderField,
  HpackError,
  INDEXED,
  STATIC,
  TABLE_SIZE,
} from './hpack.ts';

/** What a table may hold until settings say otherwise, which this side's never do. */
const TABLE_BYTES = 4_096;
/** What an entry counts beside its text (section 4.1), in tables and in the size of lists of fields. */
export const FIELD_BYTES = 32;
/** Entries that were evicted are forgotten once there are so many. */
const FORGET_AT = 256;

const bytesOf = ([name, value]: HeaderField): number => name.length + value.length + FIELD_BYTES;

export class HeaderTable {
  /** The newest last; those before `#first` are evicted. */
  #entries: HeaderField[] = [];
  #first = 0;
  #bytes = 0;
  #maxBytes = TABLE_BYTES;

  /**
   * Calls back with each field of a block, in order.
   * @throws HpackError for a block that breaks the rules; the connection cannot go on
   */
  read(block: Buffer, take: (field: HeaderField) => void): void {
    const reader = new BlockReader(block);
    let isFirst = true;
    while (!reader.isOver) {
      const kind = reader.peek();
      if ((kind & INDEXED) !== 0) take(this.#entryAt(reader.integer(7)));
      else if ((kind & ADDED) !== 0) take(this.#add(this.#literal(reader, 6)));
      else if ((kind & TABLE_SIZE) !== 0) {
        if (!isFirst) throw new HpackError('the table changes its size within a block');
        this.#resize(reader.integer(5));
        continue;
      } else take(this.#literal(reader, 4));
      isFirst = false;
    }
  }

  #literal(reader: BlockReader, bits: number): HeaderField {
    const index = reader.integer(bits);
    const name = index === 0 ? reader.text() : this.#entryAt(index)[0];
    return [name, reader.text()];
  }

  #entryAt(index: number): HeaderField {
    const own = index - STATIC.length;
    const at = this.#entries.length - own;
    const entry = own <= 0 ? STATIC[index - 1] : at >= this.#first ? this.#entries[at] : undefined;
    if (entry === undefined) throw new HpackError(`no header field ${index}`);
    return entry;
  }

  #add(field: HeaderField): HeaderField {
    this.#bytes += bytesOf(field);
    this.#entries.push(field);
    this.#evict();
    return field;
  }

  #resize(bytes: number): void {
    if (bytes > TABLE_BYTES) throw new HpackError('the header table is larger than agreed');
    this.#maxBytes = bytes;
    this.#evict();
  }

  /** An entry larger than the table leaves it empty (section 4.4). */
  #evict(): void {
    while (this.#bytes > this.#maxBytes) {
      const oldest = this.#entries[this.#first];
      if (oldest === undefined) break;
      this.#bytes -= bytesOf(oldest);
      this.#first += 1;
    }
    if (this.#first < FORGET_AT) return;
    this.#entries = this.#entries.slice(this.#first);
    this.#first = 0;
  }
}
