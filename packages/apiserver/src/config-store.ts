/** The flags about the store, under the stock names. */
import { flag } from '@kubets/platform';
import { DELETE_CONCURRENCY } from './limits.ts';

export const storeFlags = {
  'etcd-servers': flag.list({ required: true, help: 'URLs of the store, all members' }),
  'etcd-cafile': flag.string({ default: '', help: 'CA of the store' }),
  'etcd-certfile': flag.string({ default: '', help: 'client certificate for the store' }),
  'etcd-keyfile': flag.string({ default: '', help: 'its private key' }),
  'etcd-prefix': flag.string({ default: '/registry', help: 'what all keys begin with' }),
  'etcd-compaction-interval': flag.durationMs({
    default: '5m0s',
    help: 'the store keeps at least so much history, at most twice as much; 0: all of it',
  }),
  'etcd-healthcheck-timeout': flag.durationMs({
    default: '2s',
    help: 'what the store may take to answer for the check etcd',
  }),
  'etcd-readycheck-timeout': flag.durationMs({
    default: '2s',
    help: 'what it may take to answer for the check etcd-readiness',
  }),
  'lease-reuse-duration-seconds': flag.int({
    default: 60,
    help: 'seconds that a lease of the store takes new events',
  }),
  'delete-collection-workers': flag.int({
    default: DELETE_CONCURRENCY,
    min: 1,
    help: 'objects of a collection deleted at once',
  }),
  'storage-backend': flag.string({ default: '', help: 'kind of the store: etcd3' }),
  'event-ttl': flag.durationMs({
    default: '1h0m0s',
    help: 'how long events stay in the store after they were written last; 0: for good',
  }),
  'storage-media-type': flag.string({
    default: 'application/json',
    help: 'form objects are stored in; always JSON: others of the stock server are taken, and told of',
  }),
} as const;
