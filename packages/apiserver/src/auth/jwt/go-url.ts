/** Addresses of issuers as the stock server reads them. */
import { type FieldError, fieldErrors, goQuote } from '@kubets/api';

/** The parts that issuers' addresses are judged by. */
interface UrlParts {
  readonly scheme: string;
  readonly hasUser: boolean;
  readonly query: string;
  readonly fragment: string;
}

const SCHEME = /^([a-zA-Z][a-zA-Z0-9+.-]*):/;

/** @returns what is wrong as a text, or the parts */
function urlParts(url: string): UrlParts | string {
  const failed = (why: string): string => `parse ${goQuote(url)}: ${why}`;
  // biome-ignore lint/suspicious/noControlCharactersInRegex: exactly those are refused
  if (/[\x00-\x1f\x7f]/.test(url)) return failed('net/url: invalid control character in URL');
  if (url.startsWith(':')) return failed('missing protocol scheme');
  const [whole = '', fragment = ''] = url.split(/#(.*)/s);
  const [beforeQuery = '', query = ''] = whole.split(/\?(.*)/s);
  const scheme = SCHEME.exec(beforeQuery)?.[1] ?? '';
  const rest = scheme === '' ? beforeQuery : beforeQuery.slice(scheme.length + 1);
  if (scheme === '' && rest.split('/', 1)[0]?.includes(':')) {
    return failed('first path segment in URL cannot contain colon');
  }
  const authority = rest.startsWith('//') ? (rest.slice(2).split('/', 1)[0] ?? '') : '';
  const host = authority.slice(authority.lastIndexOf('@') + 1);
  if (/[ <>"]/.test(host)) {
    return failed(`invalid character ${goQuote(/[ <>"]/.exec(host)?.[0] ?? '')} in host name`);
  }
  const port = /:([^\]]*)$/.exec(host)?.[1];
  if (port !== undefined && !/^\d*$/.test(port)) {
    return failed(`invalid port ${goQuote(`:${port}`)} after host`);
  }
  const broken = /%(?![0-9a-fA-F]{2}).{0,2}/s.exec(rest)?.[0];
  if (broken !== undefined) return failed(`invalid URL escape ${goQuote(broken)}`);
  return { scheme: scheme.toLowerCase(), hasUser: authority.includes('@'), query, fragment };
}

/** What is wrong with an address that has to be https and nothing but a place. */
export function httpsUrlErrors(at: string, url: string): FieldError[] {
  const bad = (why: string): FieldError => fieldErrors.invalid(at, url, why);
  const parts = urlParts(url);
  if (typeof parts === 'string') return [bad(parts)];
  return [
    ...(parts.scheme === 'https' ? [] : [bad('URL scheme must be https')]),
    ...(parts.hasUser ? [bad('URL must not contain a username or password')] : []),
    ...(parts.query === '' ? [] : [bad('URL must not contain a query')]),
    ...(parts.fragment === '' ? [] : [bad('URL must not contain a fragment')]),
  ];
}
