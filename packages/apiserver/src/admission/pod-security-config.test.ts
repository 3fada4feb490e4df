import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, beforeEach, describe, it } from 'node:test';
import type { KubeObject, PodSpec } from '@kubets/api';
import { admission, FakeStore, failure } from '../edge-testing.ts';
import { controlConfigOf } from './control-config.ts';
import { podSecurity } from './pod-security.ts';

const dir = mkdtempSync(join(tmpdir(), 'kubets-admission-'));
after(() => rmSync(dir, { recursive: true }));

function file(name: string, content: object): string {
  const path = join(dir, name);
  writeFileSync(path, JSON.stringify(content));
  return path;
}

const OWN = {
  apiVersion: 'pod-security.admission.config.k8s.io/v1',
  kind: 'PodSecurityConfiguration',
  defaults: { enforce: 'baseline', 'enforce-version': 'v1.20', warn: 'restricted' },
  exemptions: { usernames: ['boss'], namespaces: ['free'], runtimeClasses: ['kata'] },
};

const around = (plugin: object): object => ({
  apiVersion: 'apiserver.config.k8s.io/v1',
  kind: 'AdmissionConfiguration',
  plugins: [{ name: 'PodSecurity', ...plugin }],
});

let store: FakeStore;
beforeEach(() => {
  store = new FakeStore();
});

const namespace = (name: string, labels: Record<string, string> = {}): KubeObject => ({
  apiVersion: 'v1',
  kind: 'Namespace',
  metadata: { name, labels },
});

const pod = (namespaceName: string, spec: Partial<PodSpec> = {}): KubeObject => ({
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: { namespace: namespaceName, name: 'x' },
  spec: { containers: [{ name: 'c' }], ...spec },
});

/** Writes; returns the warnings and what the audit log is told. */
async function write(config: object, object: KubeObject, o: object = {}) {
  const warnings: string[] = [];
  const notes: Record<string, string> = {};
  const addAuditAnnotation = (key: string, value: string): void => {
    notes[key.slice(key.indexOf('/') + 1)] = value;
  };
  const { podSecurity: settings } = controlConfigOf(file('config.yaml', config));
  const attributes = admission('CREATE', object, { warnings, addAuditAnnotation, ...o });
  await podSecurity(store, settings).validate?.(attributes);
  return { warnings, notes };
}

describe('the PodSecurityConfiguration', () => {
  it('says what holds without labels', async () => {
    store.seed(
      namespace('ns'),
      namespace('own', { 'pod-security.kubernetes.io/enforce': 'privileged' }),
    );
    const { message } = await failure(() =>
      write(around({ configuration: OWN }), pod('ns', { hostPID: true })),
    );
    assert.equal(
      message,
      'pods "x" is forbidden: violates PodSecurity "baseline:v1.20": host namespaces (hostPID=true)',
    );
    const { warnings } = await write(around({ configuration: OWN }), pod('own', { hostPID: true }));
    assert.match(
      warnings.join(),
      /^would violate PodSecurity "restricted:latest": host namespaces/,
    );
  });

  it('leaves namespaces, users and runtime classes alone, and tells the audit log so', async () => {
    store.seed(namespace('ns'), namespace('free'));
    const bad = { hostPID: true };
    const config = around({ configuration: OWN });
    const free = await write(config, pod('free', bad));
    assert.deepEqual(free, { warnings: [], notes: { exempt: 'namespace' } });
    const boss = await write(config, pod('ns', bad), { user: { name: 'boss', groups: [] } });
    assert.deepEqual(boss, { warnings: [], notes: { exempt: 'user' } });
    const kata = await write(config, pod('ns', { ...bad, runtimeClassName: 'kata' }));
    assert.deepEqual(kata, { warnings: [], notes: { exempt: 'runtimeClass' } });
  });

  it('may lie in a file of its own, beside the one that names it', async () => {
    store.seed(namespace('ns'));
    file('own.yaml', OWN);
    await failure(() => write(around({ path: 'own.yaml' }), pod('ns', { hostPID: true })));
  });

  it('is not taken with mistakes, all of them named', () => {
    const wrong = {
      ...OWN,
      defaults: { enforce: 'sloppy', 'audit-version': '1.2' },
      exemptions: { usernames: ['', 'a', 'a'], namespaces: ['N'] },
    };
    const path = file('config.yaml', around({ configuration: wrong }));
    assert.throws(() => controlConfigOf(path), {
      message:
        `--admission-control-config-file: ${path}: PodSecurity: ` +
        '[defaults.enforce: Invalid value: "sloppy": must be one of privileged, baseline, restricted, ' +
        'defaults.audit-version: Invalid value: "1.2": must be "latest" or "v1.x", ' +
        'exemptions.namespaces[0]: Invalid value: "N": this is no name, ' +
        'exemptions.usernames[0]: Required value, exemptions.usernames[2]: Duplicate value: "a"]',
    });
  });

  it('is of the kind and version there is', () => {
    const path = file('config.yaml', around({ name: 'AlwaysDeny' }));
    assert.throws(() => controlConfigOf(path), /plugin "AlwaysDeny" takes nothing here/);
    const other = file('config.yaml', { kind: 'Other' });
    assert.throws(() => controlConfigOf(other), /want kind AdmissionConfiguration/);
  });
});
