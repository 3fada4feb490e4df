import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { HtmlRewriter, type LinkView, rewriteLink } from './rewrite.ts';

const PREFIX = '/api/v1/namespaces/n/pods/p:80/proxy';
const view: LinkView = {
  backend: '10.0.0.7:80',
  prefix: PREFIX,
  host: 'api:6443',
  scheme: 'https',
};

describe('a link in a proxied answer', () => {
  const cases: [string, string][] = [
    ['/rewriteme', `${PREFIX}/rewriteme`],
    ['/', `${PREFIX}/`],
    ['/a/?b=/c#d', `${PREFIX}/a/?b=/c#d`],
    ['relative', 'relative'],
    ['?q', '?q'],
    ['#top', '#top'],
    ['mailto:a@b', 'mailto:a@b'],
    ['http://10.0.0.7:80/x', `https://api:6443${PREFIX}/x`],
    ['//10.0.0.7:80/x', `https://api:6443${PREFIX}/x`],
    ['http://api:6443/x', `https://api:6443${PREFIX}/x`],
    ['http://elsewhere/x', 'http://elsewhere/x'],
    [`${PREFIX}/known`, `${PREFIX}/known`],
  ];
  for (const [link, expected] of cases) {
    it(`${link} → ${expected}`, () => assert.equal(rewriteLink(link, view), expected));
  }
});

const rewritten = (page: string): string => {
  const rewriter = new HtmlRewriter(view);
  return rewriter.push(page) + rewriter.end();
};

describe('a proxied page', () => {
  const cases: [string, string, string][] = [
    ['links', '<a href="/x">/x</a>', `<a href="${PREFIX}/x">/x</a>`],
    ['any case, any quotes', "<IMG SRC='/x'>", `<IMG SRC="${PREFIX}/x">`],
    ['no quotes', '<a href=/x>', `<a href="${PREFIX}/x">`],
    ['entities', '<a href="/x?a=1&amp;b=2">', `<a href="${PREFIX}/x?a=1&amp;b=2">`],
    ['other attributes stay', '<a title="/x" data-href="/y">', '<a title="/x" data-href="/y">'],
    ['comments stay', '<!-- <a href="/x"> -->', '<!-- <a href="/x"> -->'],
    ['scripts stay', '<script>"<a href=\'/x\'>"</script>', '<script>"<a href=\'/x\'>"</script>'],
    ['their source does not', '<script src="/s">', `<script src="${PREFIX}/s">`],
    ['text stays', 'a < b, 1<2 & "c"', 'a < b, 1<2 & "c"'],
    ['a tag that never ends stays', '<a href="/x', '<a href="/x'],
    ['a bracket in a value', '<a title="a>b" href="/x">', `<a title="a>b" href="${PREFIX}/x">`],
    [
      'spaces before a value',
      '<a title = "a>b" href="/x">',
      `<a title = "a>b" href="${PREFIX}/x">`,
    ],
    ['quotes that begin no value', '<a "x>" href="/x">', '<a "x>" href="/x">'],
  ];
  for (const [what, page, expected] of cases) {
    it(what, () => assert.equal(rewritten(page), expected));
  }

  it('is the same however it is cut', () => {
    const page = cases.map(([, text]) => text).join('\n<p>');
    const whole = rewritten(page);
    fc.assert(
      fc.property(fc.array(fc.nat(page.length), { maxLength: 6 }), (cuts) => {
        const at = [0, ...cuts.sort((a, b) => a - b), page.length];
        const rewriter = new HtmlRewriter(view);
        const parts = at.slice(1).map((to, i) => rewriter.push(page.slice(at[i], to)));
        assert.equal(parts.join('') + rewriter.end(), whole);
      }),
    );
  });

  it('does not hold back a tag without end for ever', () => {
    const rewriter = new HtmlRewriter(view);
    assert.ok(rewriter.push(`<a title="${'x'.repeat(70_000)}`).length > 70_000);
  });
});
