import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { ApiError } from '@kubets/api';
import { decodeProtobuf, typeNameOf } from './decode.ts';
import { integersOf, wireFields } from './wire.ts';

/** A tiny writer: fields as [number, content]. */
type Content = string | number | Buffer | readonly Field[];
type Field = readonly [number: number, content: Content];

function varint(value: bigint): Buffer {
  const bytes: number[] = [];
  let rest = BigInt.asUintN(64, value);
  do {
    const low = Number(rest & 0x7fn);
    rest >>= 7n;
    bytes.push(rest === 0n ? low : low | 0x80);
  } while (rest !== 0n);
  return Buffer.from(bytes);
}

function encode(fields: readonly Field[]): Buffer {
  const parts = fields.map(([number, content]) => {
    if (typeof content === 'number') {
      return Buffer.concat([varint(BigInt(number << 3)), varint(BigInt(content))]);
    }
    const bytes =
      typeof content === 'string'
        ? Buffer.from(content)
        : Buffer.isBuffer(content)
          ? content
          : encode(content as readonly Field[]);
    return Buffer.concat([varint(BigInt((number << 3) | 2)), varint(BigInt(bytes.length)), bytes]);
  });
  return Buffer.concat(parts);
}

function body(apiVersion: string, kind: string, fields: readonly Field[]): Buffer {
  const typeMeta: Field = [
    1,
    [
      [1, apiVersion],
      [2, kind],
    ],
  ];
  const envelope = encode([typeMeta, [2, encode(fields)], [3, ''], [4, '']]);
  return Buffer.concat([Buffer.from('k8s\0'), envelope]);
}

const metadata = (name: string): Field => [
  1,
  [
    [1, name],
    [3, ''],
    [8, []],
  ],
];

describe('protobuf bodies', () => {
  it('decode maps, times that are not set, and texts', () => {
    const sent = body('v1', 'ConfigMap', [
      metadata('a'),
      [
        2,
        [
          [1, 'k'],
          [2, 'v'],
        ],
      ],
      [2, [[1, 'empty']]],
    ]);
    assert.deepEqual(decodeProtobuf(sent), {
      kind: 'ConfigMap',
      apiVersion: 'v1',
      metadata: { name: 'a', namespace: '' },
      data: { k: 'v', empty: '' },
    });
  });

  it('decode embedded structs as fields of their owner', () => {
    // A volume nests its source; a probe its handler; an env source its reference.
    const volume: Field = [
      1,
      [
        [1, 'v'],
        [
          2,
          [
            [
              19,
              [
                [1, [[1, 'cm']]],
                [4, 1],
              ],
            ],
          ],
        ],
      ],
    ];
    const probe: Field = [
      10,
      [
        [
          1,
          [
            [
              2,
              [
                [1, '/ready'],
                [
                  2,
                  [
                    [1, 0],
                    [2, 8080],
                  ],
                ],
              ],
            ],
          ],
        ],
        [4, 5],
      ],
    ];
    const container: Field = [2, [[1, 'c'], [2, 'img'], probe]];
    const pod = decodeProtobuf(body('v1', 'Pod', [metadata('p'), [2, [volume, container]]]));
    assert.deepEqual(pod.spec, {
      volumes: [{ name: 'v', configMap: { name: 'cm', optional: true } }],
      containers: [
        {
          name: 'c',
          image: 'img',
          livenessProbe: { httpGet: { path: '/ready', port: 8080 }, periodSeconds: 5 },
        },
      ],
    });
  });

  it('decode quantities, numbers below zero, and ports by name', () => {
    const port: Field = [
      1,
      [
        [3, 80],
        [
          4,
          [
            [1, 1],
            [3, 'http'],
          ],
        ],
        [2, 'TCP'],
      ],
    ];
    const service = decodeProtobuf(body('v1', 'Service', [metadata('s'), [2, [port]]]));
    assert.deepEqual(service.spec, {
      ports: [{ port: 80, targetPort: 'http', protocol: 'TCP' }],
    });
    const requests: Field = [
      2,
      [
        [1, 'cpu'],
        [2, [[1, '10m']]],
      ],
    ];
    const container: Field = [
      2,
      [
        [1, 'c'],
        [8, [requests]],
      ],
    ];
    const pod = decodeProtobuf(body('v1', 'Pod', [metadata('p'), [2, [container, [4, -1]]]]));
    assert.deepEqual(pod.spec, {
      containers: [{ name: 'c', resources: { requests: { cpu: '10m' } } }],
      terminationGracePeriodSeconds: -1,
    });
  });

  it('decode binary data as base64', () => {
    const secret = decodeProtobuf(
      body('v1', 'Secret', [
        metadata('s'),
        [
          2,
          [
            [1, 'k'],
            [2, Buffer.from([0, 255])],
          ],
        ],
      ]),
    );
    assert.deepEqual(secret.data, { k: 'AP8=' });
  });

  it('decode times', () => {
    const lease = body('coordination.k8s.io/v1', 'Lease', [
      metadata('l'),
      [
        2,
        [
          [1, 'me'],
          [2, 15],
          [
            4,
            [
              [1, 1_700_000_000],
              [2, 123_456_789],
            ],
          ],
        ],
      ],
    ]);
    assert.deepEqual(decodeProtobuf(lease).spec, {
      holderIdentity: 'me',
      leaseDurationSeconds: 15,
      renewTime: '2023-11-14T22:13:20.123456Z',
    });
  });

  const broken: readonly [string, Buffer][] = [
    ['no magic number', Buffer.from('{}')],
    ['an unknown kind', body('v1', 'Nope', [])],
    [
      'a field longer than the body',
      Buffer.concat([Buffer.from('k8s\0'), Buffer.from([0x0a, 0x7f])]),
    ],
    ['a number without an end', Buffer.concat([Buffer.from('k8s\0'), Buffer.from([0x80])])],
    ['an unknown wire type', Buffer.concat([Buffer.from('k8s\0'), Buffer.from([0x0b])])],
  ];
  for (const [what, bytes] of broken) {
    it(`refuse ${what}`, () => {
      assert.throws(
        () => decodeProtobuf(bytes),
        (error) => error instanceof ApiError && error.code === 400,
      );
    });
  }

  it('name types as the schema does', () => {
    assert.equal(typeNameOf('v1', 'Pod'), 'core.v1.Pod');
    assert.equal(typeNameOf('rbac.authorization.k8s.io/v1', 'Role'), 'rbac.v1.Role');
    assert.equal(typeNameOf('apps/v1', 'DeleteOptions'), 'meta.v1.DeleteOptions');
  });
});

describe('the wire', () => {
  it('reads packed and single integers', () => {
    const packed = encode([[1, Buffer.concat([varint(1n), varint(300n)])]]);
    const [field] = [...wireFields(packed)];
    assert.ok(field);
    assert.deepEqual(integersOf(field), [1n, 300n]);
    const [single] = [...wireFields(encode([[1, 7]]))];
    assert.ok(single);
    assert.deepEqual(integersOf(single), [7n]);
  });
});
