/** Certificates in PEM text. */
import { X509Certificate } from 'node:crypto';

export interface PemBlock {
  /** What its first line names, such as `CERTIFICATE`. */
  readonly type: string;
  readonly hasHeaders: boolean;
  readonly der: Buffer;
}

const PEM_BLOCK = /-----BEGIN ([^\n]*?)-----\r?\n([\s\S]*?)-----END \1-----/g;

/** The blocks of a text; what stands between them is passed over, as by the stock server. */
export function pemBlocks(text: string): PemBlock[] {
  return [...text.matchAll(PEM_BLOCK)].map(([, type = '', body = '']) => ({
    type,
    hasHeaders: /^[^\n]*: /.test(body),
    der: Buffer.from(body, 'base64'),
  }));
}

/** The certificate of these bytes, if they are one. */
export function certificateOf(der: Buffer): X509Certificate | undefined {
  try {
    return new X509Certificate(der);
  } catch {
    return undefined;
  }
}
