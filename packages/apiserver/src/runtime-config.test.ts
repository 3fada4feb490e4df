import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { builtinKinds, type KindDef } from '@kubets/api';
import { ConfigError } from '@kubets/platform';
import { kindsFor } from './runtime-config.ts';

const has = (texts: string[], apiVersion: string, resource: string): boolean =>
  kindsFor(texts).some((def) => def.apiVersion === apiVersion && def.resource === resource);

const BETA = 'networking.k8s.io/v1beta1';
const CASES: readonly [string[], string, string, boolean][] = [
  [[], BETA, 'servicecidrs', false],
  [[BETA], BETA, 'servicecidrs', true],
  [[`${BETA}=true`], BETA, 'ipaddresses', true],
  [[`${BETA}/servicecidrs=true`], BETA, 'servicecidrs', true],
  [[`${BETA}/servicecidrs=true`], BETA, 'ipaddresses', false],
  [['api/beta=true'], 'resource.k8s.io/v1beta1', 'resourceclaims', true],
  [['api/beta=true'], 'resource.k8s.io/v1alpha3', 'resourceclaims', false],
  [['api/alpha=true'], 'storagemigration.k8s.io/v1alpha1', 'storageversionmigrations', true],
  [['api/all=true', 'api/alpha=false'], 'resource.k8s.io/v1alpha3', 'resourceslices', false],
  [['api/all=false', 'api/v1=true'], 'v1', 'pods', true],
  [['api/all=false', 'api/v1=true'], 'apps/v1', 'deployments', false],
  [['autoscaling/v1=false'], 'autoscaling/v2', 'horizontalpodautoscalers', true],
  [['autoscaling/v1=false'], 'autoscaling/v1', 'horizontalpodautoscalers', false],
];

describe('the runtime configuration', () => {
  for (const [texts, apiVersion, resource, expected] of CASES) {
    it(`${texts.join(',') || '(none)'}: ${apiVersion} ${resource} ${expected ? 'on' : 'off'}`, () => {
      assert.equal(has(texts, apiVersion, resource), expected);
    });
  }

  it('keeps the order of the stock server', () => {
    const names = (defs: readonly KindDef[]): string[] =>
      defs.map((def) => `${def.apiVersion}/${def.resource}`);
    const known = new Set(names(builtinKinds.all()));
    const all = names(kindsFor(['api/all=true']));
    assert.deepEqual(
      all.filter((name) => known.has(name)),
      [...known],
    );
    assert.ok(all.indexOf(`${BETA}/servicecidrs`) > all.indexOf('networking.k8s.io/v1/ingresses'));
  });

  it('tells what leaves, and when', () => {
    const rules = (apiVersion: string, resource: string) =>
      kindsFor([apiVersion]).find(
        (def) => def.apiVersion === apiVersion && def.resource === resource,
      )?.rules;
    const told = ' is deprecated in v1.31+, unavailable in v1.34+';
    const policies = 'admissionregistration.k8s.io/v1beta1';
    assert.deepEqual(rules(policies, 'validatingadmissionpolicies'), {
      warning: `${policies} ValidatingAdmissionPolicy${told}`,
      removedRelease: '1.34',
    });
    assert.equal(
      rules('authentication.k8s.io/v1beta1', 'selfsubjectreviews')?.warning,
      'authentication.k8s.io/v1beta1 SelfSubjectReview is deprecated in v1.30+, unavailable in v1.33+; use authentication.k8s.io/v1 SelfSubjectReview',
    );
    assert.equal(rules(BETA, 'servicecidrs')?.warning, undefined);
  });

  it('knows what there is', () => {
    for (const text of ['nope/v1', 'apps/v1/pods', 'apps/v1=maybe']) {
      assert.throws(() => kindsFor([text]), ConfigError, text);
    }
  });
});
