/** How objects lie in the store: as JSON in etcd’s API of version 3, and in no other form. */
import { ConfigError } from '@kubets/platform';

const FORMS = ['application/json', 'application/yaml', 'application/vnd.kubernetes.protobuf'];

/** What has to be told about the form that was asked for. */
export function asStored(config: {
  readonly storageBackend: string;
  readonly storageMediaType: string;
}): string | undefined {
  const { storageBackend: backend, storageMediaType: form } = config;
  if (backend !== '' && backend !== 'etcd3') {
    throw new ConfigError(
      "--storage-backend invalid, allowed values: etcd3. If not specified, it will default to 'etcd3'",
    );
  }
  if (form === '' || form === FORMS[0]) return undefined;
  if (!FORMS.includes(form)) throw new ConfigError(`unable to find serializer for "${form}"`);
  return `--storage-media-type=${form}: objects are stored as JSON`;
}
