import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import {
  parseQuantity,
  Quantity,
  QuantityError,
  quantityBytes,
  quantityMilli,
} from './quantity.ts';

const CANONICAL: readonly [given: string | number, text: string][] = [
  ['0', '0'],
  ['0m', '0'],
  ['0.0', '0'],
  ['1', '1'],
  [1, '1'],
  [1.5, '1500m'],
  ['+5', '5'],
  ['-3', '-3'],
  ['0.5', '500m'],
  ['.5', '500m'],
  ['5.', '5'],
  ['1000m', '1'],
  ['100m', '100m'],
  ['0.1m', '100u'],
  ['10n', '10n'],
  ['1500', '1500'],
  ['1000', '1k'],
  ['1000k', '1M'],
  ['12345', '12345'],
  ['1e3', '1e3'],
  ['1E6', '1e6'],
  ['1e-3', '1e-3'],
  ['5E', '5E'],
  ['1Ki', '1Ki'],
  ['1024Ki', '1Mi'],
  ['1024Mi', '1Gi'],
  ['1.5Gi', '1536Mi'],
  ['0.5Ki', '512'],
  ['0.5Mi', '512Ki'],
  ['500Ki', '500Ki'],
  ['1023', '1023'],
  ['0.0000000001', '1n'],
  ['-0.0000000001', '-1n'],
  ['100000000000000000000', '9223372036854775807'],
];

describe('the canonical text of a quantity', () => {
  for (const [given, text] of CANONICAL) {
    test(`${given} is written ${text}`, () => {
      assert.equal(Quantity.parse(given).toString(), text);
    });
  }

  test('reading back what was written changes nothing', () => {
    const suffix = fc.constantFrom('n', 'u', 'm', '', 'k', 'M', 'G', 'Ki', 'Mi', 'Gi', 'Ti');
    fc.assert(
      fc.property(fc.integer({ min: -1e9, max: 1e9 }), suffix, (n, s) => {
        const once = Quantity.parse(`${n}${s}`);
        const twice = Quantity.parse(once.toString());
        assert.equal(twice.nanos, once.nanos);
        assert.equal(twice.toString(), once.toString());
      }),
    );
  });
});

describe('what is no quantity', () => {
  for (const bad of ['', 'x', '1x', '1.2.3', '--1', '1 Gi', 'Gi', '.', '1e', '1KI', '1e999']) {
    test(JSON.stringify(bad), () => {
      assert.throws(() => Quantity.parse(bad), QuantityError);
    });
  }

  test('the message is the one clients know', () => {
    assert.throws(() => Quantity.parse('abc'), /must match the regular expression '\^\(\[\+-\]\?/);
    assert.throws(() => Quantity.parse('1x'), /regular expression/);
    assert.throws(() => Quantity.parse('1KK'), /unable to parse quantity's suffix/);
  });
});

describe('arithmetic', () => {
  test('sums are exact and keep a format', () => {
    assert.equal(Quantity.parse('0.1').add(Quantity.parse('0.2')).toString(), '300m');
    assert.equal(Quantity.parse('1Gi').add(Quantity.parse('1Gi')).toString(), '2Gi');
    assert.equal(Quantity.zero.add(Quantity.parse('1Gi')).toString(), '1Gi');
    assert.equal(Quantity.parse('1').sub(Quantity.parse('250m')).toString(), '750m');
  });

  test('comparison does not look at the format', () => {
    assert.equal(Quantity.parse('1Ki').cmp(Quantity.parse('1024')), 0);
    assert.ok(Quantity.parse('1k').cmp(Quantity.parse('1Ki')) < 0);
    assert.ok(Quantity.parse('1').cmp(Quantity.parse('999m')) > 0);
  });

  test('numbers are rounded up', () => {
    assert.equal(quantityMilli('250m'), 250);
    assert.equal(quantityMilli('2'), 2000);
    assert.equal(quantityMilli('1u'), 1);
    assert.equal(quantityBytes('1Gi'), 1_073_741_824);
    assert.equal(quantityBytes('1500m'), 2);
    assert.equal(Quantity.of(3).toString(), '3');
    assert.equal(Quantity.ofMilli(1500).toString(), '1500m');
    assert.equal(Quantity.parse('1500m').isInteger(), false);
  });

  test('parsed quantities are shared', () => {
    assert.equal(parseQuantity('17Mi'), parseQuantity('17Mi'));
  });

  test('a + b - b is a', () => {
    const any = fc.integer({ min: 0, max: 1e9 });
    fc.assert(
      fc.property(any, any, (a, b) => {
        const x = Quantity.ofMilli(a);
        const y = Quantity.ofMilli(b);
        assert.equal(x.add(y).sub(y).cmp(x), 0);
      }),
    );
  });
});
