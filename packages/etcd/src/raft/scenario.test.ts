/** Golden scenarios: `UPDATE=1` writes what happens now; review it as a diff. The language: `testing/scenario.ts`. */
import assert from 'node:assert/strict';
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { replay } from '../testing/scenario.ts';

const DIR = join(import.meta.dirname, 'testdata');

for (const name of readdirSync(DIR).sort()) {
  test(`scenario ${name}`, () => {
    const file = join(DIR, name);
    const script = readFileSync(file, 'utf8');
    const now = replay(script);
    if (process.env.UPDATE === '1') writeFileSync(file, now);
    else assert.equal(now, script);
  });
}
