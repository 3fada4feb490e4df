import assert from 'node:assert/strict';
import { it } from 'node:test';
import { asStored } from './stored-form.ts';

it('objects are stored as JSON, whatever form is asked for', () => {
  assert.equal(asStored({ storageBackend: '', storageMediaType: 'application/json' }), undefined);
  assert.equal(asStored({ storageBackend: 'etcd3', storageMediaType: '' }), undefined);
  for (const storageMediaType of ['application/yaml', 'application/vnd.kubernetes.protobuf']) {
    const note = asStored({ storageBackend: '', storageMediaType });
    assert.equal(note, `--storage-media-type=${storageMediaType}: objects are stored as JSON`);
  }
});

it('forms and stores that nobody knows are refused', () => {
  const refused = { name: 'ConfigError', message: 'unable to find serializer for "text/html"' };
  assert.throws(() => asStored({ storageBackend: '', storageMediaType: 'text/html' }), refused);
  const message =
    "--storage-backend invalid, allowed values: etcd3. If not specified, it will default to 'etcd3'";
  const config = { storageBackend: 'etcd2', storageMediaType: '' };
  assert.throws(() => asStored(config), { name: 'ConfigError', message });
});
