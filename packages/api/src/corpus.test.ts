/**
 * Replays recorded answers of a stock kube-apiserver against the object model. The recordings are not part of the
 * project: set KUBETS_API_CORPUS to the directory of the scenarios.
 */
import assert from 'node:assert/strict';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { type Outcome, replay, type Scenario } from './testing/replay.ts';

const beside = join(import.meta.dirname, '../../../..', 'shared', 'api-corpus', 'cases');
const directory = process.env.KUBETS_API_CORPUS ?? beside;
const found = existsSync(directory);

/** Areas whose scenarios are about the server around the object model. */
const OUTSIDE: ReadonlySet<string> = new Set(['crd', 'admission', 'auth', 'concurrency', 'dryrun']);

/** Where we are better: the stock server warns that a projected token overlaps with itself. */
const NOT_SHARED = /^pod-volume-projected-downward #0 .*: \.warnings: /;

/** Exchanges that need an admission plugin, an allocator or a path this test's server leaves out. */
const SERVER_SIDE: readonly RegExp[] = [
  /^binding #[56] /,
  /^crud-apiservice #[1-4] /,
  /^crud-node #[012] /,
  /^crud-service-loadbalancer #0 /,
  /^default-storage-class /,
  /^discovery-api-versions #[01] /,
  /^discovery-version /,
  /^disabled-versions /,
  /^health-endpoints /,
  /^invalid-admission-configs #3 /,
  /^invalid-owner-references #4 /,
  /^invalid-pod-resources #[89] /,
  /^invalid-query-parameters /,
  /^metadata-immutable #(4|7|8|9|1\d) /,
  /^method-not-allowed /,
  /^namespaces-path-forms /,
  /^node-taint-on-create #0 /,
  /^pvc-resize #7 /,
  /^root-paths /,
  /^scale-\w+ #7 /,
  /^service-explicit-clusterip-and-nodeport /,
  /^status-of-many-kinds #(6|12) /,
  /^unsupported-media-type /,
  /^update-requires-resourceversion /,
  /^wrong-version-body /,
];

function isServerSide(failure: string): boolean {
  return NOT_SHARED.test(failure) || SERVER_SIDE.some((r) => r.test(failure));
}

describe('recorded exchanges', { skip: found ? false : `no recordings in ${directory}` }, () => {
  const total: Outcome = { passed: 0, skipped: 0, failures: [] };
  for (const file of found ? readdirSync(directory).sort() : []) {
    const scenario = JSON.parse(readFileSync(join(directory, file), 'utf8')) as Scenario;
    if (OUTSIDE.has(scenario.area)) continue;
    test(scenario.name, () => {
      const outcome = replay(scenario);
      total.passed += outcome.passed;
      assert.deepEqual(
        outcome.failures.filter((f) => !isServerSide(f)),
        [],
      );
    });
  }

  test('enough of them were compared', () => {
    assert.ok(total.passed > 650, `${total.passed} exchanges`);
  });
});
