import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { builtinKinds, KindRegistry } from '@kubets/api';
import { discoverySource } from './discovery-source.ts';

const source = discoverySource(builtinKinds, '192.0.2.1:6443');

describe('discovery', () => {
  it('tells the address clients reach the server at', () => {
    const { versions, serverAddressByClientCIDRs } = source.apiVersions() as {
      versions: string[];
      serverAddressByClientCIDRs: { serverAddress: string }[];
    };
    assert.deepEqual(versions, ['v1']);
    assert.equal(serverAddressByClientCIDRs[0]?.serverAddress, '192.0.2.1:6443');
  });

  it('has a document for every group version', () => {
    const all = source.groupVersions();
    assert.ok(all.length > 15);
    for (const { group, version } of all) {
      assert.ok(source.resourceList(group, version), `${group}/${version}`);
      assert.ok(Object.keys(source.openApiV3(group, version)).length > 0, `${group}/${version}`);
    }
  });

  it('tells the legacy group from the others', () => {
    const names = (root: 'api' | 'apis'): string[] =>
      (source.aggregated(root, 'v2') as { items: { metadata: { name?: string } }[] }).items.map(
        (item) => item.metadata.name ?? '',
      );
    assert.deepEqual(names('api'), ['']);
    assert.ok(names('apis').includes('apps'));
    assert.ok(!names('apis').includes(''));
  });

  it('knows what it does not have', () => {
    assert.equal(source.group('nope'), undefined);
    assert.equal(source.resourceList('apps', 'v9'), undefined);
    assert.deepEqual(source.openApiV3('apps', 'v9'), {});
  });

  it('signs what it says', () => {
    assert.equal(source.signature(), source.signature());
    const kinds = new KindRegistry(builtinKinds.all());
    const own = discoverySource(kinds, 'server:6443');
    const before = own.signature();
    for (const def of kinds.all().slice(0, 1)) kinds.remove(def);
    assert.notEqual(own.signature(), before);
  });
});
