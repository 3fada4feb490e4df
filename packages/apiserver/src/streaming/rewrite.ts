/** Links in what a proxied server answers: they have to lead back through the proxy. Pure. */

/** Where the answer comes from, and how the client sees it. */
export interface LinkView {
  /** `host[:port]` of the server behind the proxy. */
  readonly backend: string;
  /** Path of its root as the client asks for it, without a slash at the end. */
  readonly prefix: string;
  /** `host[:port]` and scheme by which the client reached us. */
  readonly host: string;
  readonly scheme: string;
}

/** Attributes that hold an address, by element (HTML, "Attributes"). */
const LINKS: Readonly<Record<string, readonly string[]>> = {
  a: ['href'],
  applet: ['codebase'],
  area: ['href'],
  audio: ['src'],
  base: ['href'],
  blockquote: ['cite'],
  body: ['background'],
  button: ['formaction'],
  command: ['icon'],
  del: ['cite'],
  embed: ['src'],
  form: ['action'],
  frame: ['longdesc', 'src'],
  head: ['profile'],
  html: ['manifest'],
  iframe: ['longdesc', 'src'],
  img: ['longdesc', 'src', 'usemap'],
  input: ['src', 'usemap', 'formaction'],
  ins: ['cite'],
  link: ['href'],
  object: ['classid', 'codebase', 'data', 'usemap'],
  q: ['cite'],
  script: ['src'],
  source: ['src'],
  video: ['poster', 'src'],
};

const ADDRESS = /^(?:([a-z][a-z0-9+.-]*):)?(?:\/\/([^/?#]*))?([^?#]*)(.*)$/is;

/** An address as the client has to ask for it; those of other servers, and relative ones, stay as they are. */
export function rewriteLink(link: string, view: LinkView): string {
  const [, scheme, authority, path = '', rest = ''] = ADDRESS.exec(link) ?? [];
  const isForeign = Boolean(authority) && authority !== view.backend && authority !== view.host;
  if (isForeign || !path.startsWith('/')) return link;
  const isWhole = scheme !== undefined || authority !== undefined;
  const origin = isWhole ? `${view.scheme}://${view.host}` : '';
  const isReached = path === view.prefix || path.startsWith(`${view.prefix}/`);
  return `${origin}${isReached ? path : view.prefix + path}${rest}`;
}

/** Longest tag that is looked into; what is longer passes as it is. */
const MAX_TAG_LENGTH = 64 * 1024;
const SPACE = /\s/;
const RAW_ELEMENTS = /^(script|style|textarea|title|xmp|iframe|noembed|noframes)$/;

/**
 * Rewrites the links of a page that comes in pieces. Text is taken byte for byte (`latin1`), so that it
 * does not matter how the page is encoded.
 */
export class HtmlRewriter {
  readonly #view: LinkView;
  #rest = '';
  /** Inside this element nothing is a tag but its end. */
  #raw = '';

  constructor(view: LinkView) {
    this.#view = view;
  }

  /** @returns as much of the page as is known to be complete */
  push(text: string): string {
    const page = this.#rest + text;
    let out = '';
    let at = 0;
    while (at < page.length) {
      const from = page.indexOf('<', at);
      if (from < 0) break;
      out += page.slice(at, from);
      at = from;
      const to = this.#endOf(page, from);
      if (to === undefined) break;
      out += this.#markup(page.slice(from, to));
      at = to;
    }
    this.#rest = page.slice(at);
    if (!this.#rest.startsWith('<') || this.#rest.length > MAX_TAG_LENGTH) {
      out += this.#rest;
      this.#rest = '';
    }
    return out;
  }

  end(): string {
    const rest = this.#rest;
    this.#rest = '';
    return rest;
  }

  /** Where the markup that begins at `from` is over; `undefined` when that has not come yet. */
  #endOf(page: string, from: number): number | undefined {
    if (page.startsWith('<!--', from)) return after(page, '-->', from + 4);
    if ('<!--'.startsWith(page.slice(from))) return undefined;
    if (!/[a-z/!?]/i.test(page[from + 1] ?? '')) return from + 1;
    let quote = '';
    /** The last character that is no space: a quote begins a value after `=` only. */
    let last = '';
    for (let at = from + 1; at < page.length; at++) {
      const char = page[at] ?? '';
      if (quote !== '') quote = char === quote ? '' : quote;
      else if (char === '>') return at + 1;
      else if ((char === '"' || char === "'") && last === '=') quote = char;
      if (!SPACE.test(char)) last = char;
    }
    return undefined;
  }

  #markup(tag: string): string {
    const name = /^<\/?([a-z][a-z0-9]*)/i.exec(tag)?.[1]?.toLowerCase() ?? '';
    if (this.#raw !== '') {
      if (tag.startsWith('</') && name === this.#raw) this.#raw = '';
      return tag;
    }
    if (tag.startsWith('</')) return tag;
    if (RAW_ELEMENTS.test(name) && !tag.endsWith('/>')) this.#raw = name;
    const links = LINKS[name];
    return links === undefined ? tag : this.#withLinks(tag, links);
  }

  #withLinks(tag: string, links: readonly string[]): string {
    const attribute = /(\s)([a-z-]+)(\s*=\s*)("[^"]*"|'[^']*'|[^\s"'>]+)/gi;
    return tag.replace(
      attribute,
      (whole, space: string, name: string, is: string, text: string) => {
        if (!links.includes(name.toLowerCase())) return whole;
        const value = /^["']/.test(text) ? text.slice(1, -1) : text;
        const link = value.replaceAll('&amp;', '&');
        const next = rewriteLink(link, this.#view);
        if (next === link) return whole;
        const written = next.replaceAll('&', '&amp;').replaceAll('"', '&#34;');
        return `${space}${name}${is}"${written}"`;
      },
    );
  }
}

function after(page: string, mark: string, from: number): number | undefined {
  const at = page.indexOf(mark, from);
  return at < 0 ? undefined : at + mark.length;
}
