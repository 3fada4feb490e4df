/**
 * Turns a directory of Kubernetes API facts (openapi-v2.json, protobuf-fields.json, table-columns.json,
 * discovery/) into the generated files of this package. Run: `node scripts/import-facts.ts DIR`.
 * Names, types, numbers and flags are taken; of descriptions only those that Tables carry on the wire.
 */
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Facts } from './facts.ts';
import { kindFacts, tableFacts } from './import-kinds.ts';
import { schemaFacts } from './import-schema.ts';
import { typeFiles } from './import-types.ts';

function readJson<T>(file: string): T {
  return JSON.parse(readFileSync(file, 'utf8')) as T;
}

function readFacts(dir: string): Facts {
  const discovery = readdirSync(join(dir, 'discovery'))
    .filter((f) => /^(api__v\d+|apis__.*__v\d+((alpha|beta)\d+)?)\.json$/.test(f))
    .sort()
    .map((f) => readJson<Facts['discovery'][number]>(join(dir, 'discovery', f)));
  const aggregated = readJson<Facts['aggregated']>(join(dir, 'discovery', 'aggregated_v2.json'));
  return {
    openapi: readJson(join(dir, 'openapi-v2.json')),
    protobuf: readJson(join(dir, 'protobuf-fields.json')),
    tables: readJson(join(dir, 'table-columns.json')),
    discovery,
    aggregated,
  };
}

const dir = process.argv[2];
if (dir === undefined) {
  process.stderr.write('usage: import-facts.ts FACTS-DIRECTORY\n');
  process.exit(2);
}
const facts = readFacts(dir);
const out = join(import.meta.dirname, '..', 'src', 'generated');
mkdirSync(out, { recursive: true });
const kinds = kindFacts(facts);
const schema = schemaFacts(facts, kinds);
writeFileSync(join(out, 'kinds.json'), `${JSON.stringify(kinds)}\n`);
writeFileSync(join(out, 'tables.json'), `${JSON.stringify(tableFacts(facts))}\n`);
writeFileSync(join(out, 'schema.json'), `${JSON.stringify(schema)}\n`);
for (const [name, text] of typeFiles(schema)) writeFileSync(join(out, name), text);
