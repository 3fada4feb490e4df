/** Whether bytes are a signing request, as far as its outermost parts tell, in the words of Go's decoder. */

const PEM_TEXT = 'PEM block type must be CERTIFICATE REQUEST';
const BLOCK = /(?:^|\n)-----BEGIN ([^\n]*)-----[ \t\r]*\n([A-Za-z\d+/=\s]*?)-----END \1-----/;

/** What is wrong with a request; undefined when its beginning is fine. */
export function requestComplaint(bytes: Buffer): string | undefined {
  const [, type, body = ''] = BLOCK.exec(bytes.toString('latin1')) ?? [];
  if (type !== 'CERTIFICATE REQUEST') return PEM_TEXT;
  try {
    const der = Buffer.from(body, 'base64');
    const { content, next } = sequence(der, 'certificateRequest');
    if (next < der.length) throw new DerError('syntax', 'trailing data');
    sequence(content, 'tbsCertificateRequest');
  } catch (error) {
    if (error instanceof DerError) return error.message;
    throw error;
  }
  return undefined;
}

class DerError extends Error {
  constructor(kind: 'syntax' | 'structure', why: string) {
    super(`asn1: ${kind} error: ${why}`);
  }
}

interface Head {
  readonly tag: number;
  readonly length: number;
  /** Where the content begins. */
  readonly at: number;
}

const SEQUENCE = 0x30;
const NO_OPTIONS =
  '{optional:false explicit:false application:false private:false defaultValue:<nil> tag:<nil> ' +
  'stringType:0 timeType:0 set:false omitEmpty:false}';

/** The sequence that bytes begin with. @throws DerError */
function sequence(bytes: Buffer, name: string): { content: Buffer; next: number } {
  if (bytes.length === 0) throw new DerError('syntax', 'sequence truncated');
  const { tag, length, at } = headOf(bytes);
  if (tag !== SEQUENCE) {
    const isCompound = (tag & 0x20) !== 0;
    const seen = `{class:${tag >> 6} tag:${tag & 0x1f} length:${length} isCompound:${isCompound}}`;
    throw new DerError(
      'structure',
      `tags don't match (16 vs ${seen}) ${NO_OPTIONS} ${name} @${at}`,
    );
  }
  const next = at + length;
  if (next > bytes.length) throw new DerError('syntax', 'data truncated');
  return { content: bytes.subarray(at, next), next };
}

function headOf(bytes: Buffer): Head {
  const byteAt = (at: number): number => {
    const byte = bytes[at];
    if (byte === undefined) throw new DerError('syntax', 'truncated tag or length');
    return byte;
  };
  const tag = byteAt(0);
  const first = byteAt(1);
  if (first < 0x80) return { tag, length: first, at: 2 };
  const count = first & 0x7f;
  if (count === 0) throw new DerError('syntax', 'indefinite length found (not DER)');
  let length = 0;
  for (let i = 0; i < count; i += 1) {
    const byte = byteAt(2 + i);
    if (length >= 1 << 23) throw new DerError('structure', 'length too large');
    length = length * 256 + byte;
    if (length === 0) throw new DerError('structure', 'superfluous leading zeros in length');
  }
  if (length < 0x80) throw new DerError('structure', 'non-minimal length');
  return { tag, length, at: 2 + count };
}
