/** Addresses on the web as Go's package `net/url` reads those of requests. */
import { EvaluationFailure } from '../errors.ts';
import type { Library } from '../signature.ts';
import { objectType } from '../types.ts';
import { LiteralMap, Opaque } from '../values.ts';

const TYPE = objectType('kubernetes.URL');

/** The parts of an address, each as it is written. */
interface Parts {
  readonly scheme: string;
  readonly host: string;
  readonly path: string;
  readonly query: string;
}

class UrlValue extends Opaque {
  override readonly type = TYPE;
  readonly text: string;
  readonly parts: Parts;

  constructor(text: string, parts: Parts) {
    super();
    this.text = text;
    this.parts = parts;
  }

  override equals(other: unknown): boolean {
    return other instanceof UrlValue && other.text === this.text;
  }

  get hostname(): string {
    const { host } = this.parts;
    const bracketed = /^\[([^\]]*)\]/.exec(host)?.[1];
    return bracketed ?? host.replace(/:\d*$/, '');
  }

  get port(): string {
    return /:(\d*)$/.exec(this.parts.host.replace(/^\[[^\]]*\]/, ''))?.[1] ?? '';
  }

  /** Values by names, in the order they are written. */
  get query(): LiteralMap {
    const found = new Map<string, string[]>();
    for (const [name, value] of new URLSearchParams(this.parts.query)) {
      found.set(name, [...(found.get(name) ?? []), value]);
    }
    const map = new LiteralMap();
    for (const [name, values] of found) map.add(name, values);
    return map;
  }
}

const CONTROL = /\p{Cc}/u;
const BAD_ESCAPE = /%(?![\dA-Fa-f]{2})[\s\S]{0,2}/;
const HOST = /^[\w\-.~!$&'()*+,;=:[\]<>"%\u0080-\u{10FFFF}]*$/u;
/** Signs a path shows as they are. */
const PATH_SIGN = /[^\w\-.~$&+,/:;=@!'()*%[\]]/gu;

/** What a text is as the address of a request, or why it is none. */
export function requestUri(text: string): { parts?: Parts; fault?: string } {
  const fail = (why: string): { fault: string } => ({
    fault: `parse ${JSON.stringify(text)}: ${why}`,
  });
  if (CONTROL.test(text.replaceAll(/[\u0080-\u009f]/g, '')))
    return fail('net/url: invalid control character in URL');
  if (text === '') return fail('empty url');
  if (text.startsWith(':')) return fail('missing protocol scheme');
  const [start = '', scheme = ''] = /^([A-Za-z][A-Za-z\d+.-]*):/.exec(text) ?? [];
  const afterScheme = text.slice(start.length);
  const mark = afterScheme.indexOf('?');
  const rest = mark < 0 ? afterScheme : afterScheme.slice(0, mark);
  const query = mark < 0 ? '' : afterScheme.slice(mark + 1);
  if (!rest.startsWith('/')) {
    if (scheme === '') return fail('invalid URI for request');
    return { parts: { scheme: scheme.toLowerCase(), host: '', path: '', query } };
  }
  const hasHost = scheme !== '' && rest.startsWith('//');
  const [, authority = '', path = rest] = hasHost ? (/^\/\/([^/]*)(.*)$/s.exec(rest) ?? []) : [];
  const host = authority.slice(authority.lastIndexOf('@') + 1);
  const fault = hostFault(host) ?? escapeFault(path);
  if (fault !== undefined) return fail(fault);
  return { parts: { scheme: scheme.toLowerCase(), host, path: escaped(path), query } };
}

function escapeFault(text: string): string | undefined {
  const bad = BAD_ESCAPE.exec(text)?.[0];
  return bad === undefined ? undefined : `invalid URL escape ${JSON.stringify(bad)}`;
}

function hostFault(host: string): string | undefined {
  if (host.startsWith('[') && !host.includes(']')) return "missing ']' in host";
  const after = host.startsWith('[')
    ? host.slice(host.indexOf(']') + 1)
    : /:.*$/s.exec(host)?.[0].replace(/^.*(?=:)/s, '');
  if (after && !/^:\d*$/.test(after)) return `invalid port ${JSON.stringify(after)} after host`;
  if (!host.startsWith('[') && host.split(':').length > 2) {
    return `invalid port ${JSON.stringify(host.slice(host.indexOf(':')))} after host`;
  }
  const bad = [...host].find((char) => !HOST.test(char));
  return bad === undefined
    ? escapeFault(host)
    : `invalid character ${JSON.stringify(bad)} in host name`;
}

const escaped = (path: string): string =>
  path.replaceAll(PATH_SIGN, (char) => encodeURIComponent(char));

/** @throws EvaluationFailure */
function parse(text: unknown): UrlValue {
  const { fault } = requestUri(String(text));
  // Addresses of requests have no fragment; it is no part of path and query here.
  const { parts } = requestUri(String(text).replace(/#.*$/s, ''));
  if (fault === undefined && parts !== undefined) return new UrlValue(String(text), parts);
  throw new EvaluationFailure(`URL parse error during conversion from string: ${fault}`);
}

export function addUrlFunctions(library: Library): void {
  const { name } = TYPE;
  const getter = (field: string, result: string, get: (url: UrlValue) => unknown): void => {
    library.add(field, `${name} -> () ${result}`, (url) => get(url as UrlValue));
  };
  library
    .addType(TYPE)
    .add('url', `(string) ${name}`, parse)
    .add('isURL', '(string) bool', (text) => requestUri(String(text)).fault === undefined);
  getter('getScheme', 'string', ({ parts }) => parts.scheme);
  getter('getHost', 'string', ({ parts }) => parts.host);
  getter('getHostname', 'string', (url) => url.hostname);
  getter('getPort', 'string', (url) => url.port);
  getter('getEscapedPath', 'string', ({ parts }) => parts.path);
  getter('getQuery', 'map(string, list(string))', (url) => url.query);
}
