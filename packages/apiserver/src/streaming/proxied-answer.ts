import type { IncomingMessage } from 'node:http';
import { type Duplex, Transform } from 'node:stream';
import { createGunzip, createInflate } from 'node:zlib';
import { lookup } from '@kubets/api';
import { HtmlRewriter, type LinkView, rewriteLink } from './rewrite.ts';

/** What becomes of a proxied answer. */
export interface Adaptation {
  /** Headers that are other than the backend sent them; `undefined`: they are left out. */
  readonly replaced: Readonly<Record<string, string | undefined>>;
  /** What its body has to pass. */
  readonly through: readonly Duplex[];
}

const AS_IT_IS: Adaptation = { replaced: {}, through: [] };

const DECODERS: Readonly<Record<string, () => Duplex>> = lookup({
  gzip: createGunzip,
  deflate: createInflate,
});

/** Makes what the answer links to lead back through the proxy. */
export function adapted(answer: IncomingMessage, view: LinkView): Adaptation {
  const { location } = answer.headers;
  if (location !== undefined) {
    return { replaced: { location: rewriteLink(location, view) }, through: [] };
  }
  const type = (answer.headers['content-type'] ?? '').split(';', 1)[0]?.trim().toLowerCase();
  if (type !== 'text/html') return AS_IT_IS;
  const encoding = answer.headers['content-encoding'] ?? '';
  const decoder = DECODERS[encoding];
  if (encoding !== '' && decoder === undefined) return AS_IT_IS;
  return {
    replaced: { 'content-length': undefined, 'content-encoding': undefined },
    through: [...(decoder ? [decoder()] : []), rewriting(view)],
  };
}

function rewriting(view: LinkView): Transform {
  const rewriter = new HtmlRewriter(view);
  const bytes = (text: string): Buffer => Buffer.from(text, 'latin1');
  return new Transform({
    transform(chunk: Buffer, _encoding, done) {
      done(null, bytes(rewriter.push(chunk.toString('latin1'))));
    },
    flush(done) {
      done(null, bytes(rewriter.end()));
    },
  });
}
