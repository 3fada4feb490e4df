import assert from 'node:assert/strict';
import { test } from 'node:test';
import { BenchError } from './errors.ts';
import {
  bytesField,
  bytesIn,
  countFields,
  FrameSplitter,
  fieldsOf,
  frame,
  numberField,
  numberIn,
  varint,
} from './wire.ts';

test('numbers are written in groups of seven bits', () => {
  assert.deepEqual([...varint(0)], [0]);
  assert.deepEqual([...varint(127)], [127]);
  assert.deepEqual([...varint(300)], [0xac, 2]);
  assert.equal(varint(2 ** 49).length, 8);
});

test('what is written is read back', () => {
  const message = Buffer.concat([
    bytesField(1, 'name'),
    numberField(3, 2 ** 40),
    bytesField(2, Buffer.alloc(300, 1)),
    bytesField(2, 'again'),
  ]);
  assert.equal(bytesIn(message, 1).toString(), 'name');
  assert.equal(numberIn(message, 3), 2 ** 40);
  assert.equal(countFields(message, 2), 2);
  assert.equal(numberIn(message, 9), 0);
  assert.equal(bytesIn(message, 9).length, 0);
});

test('broken messages are refused', () => {
  assert.throws(() => [...fieldsOf(Buffer.from([0x08, 0xff]))], BenchError);
  assert.throws(() => [...fieldsOf(Buffer.from([0x0d, 1, 2, 3, 4]))], BenchError);
});

test('frames come out whole however the bytes are cut', () => {
  const messages = [0, 1, 5, 700, 3].map((size, i) => Buffer.alloc(size, i));
  const bytes = Buffer.concat(messages.map(frame));
  for (const step of [1, 2, 3, 7, 64, bytes.length]) {
    const got: Buffer[] = [];
    const splitter = new FrameSplitter();
    for (let at = 0; at < bytes.length; at += step) {
      splitter.push(bytes.subarray(at, at + step), (message) => got.push(Buffer.from(message)));
    }
    assert.deepEqual(got, messages, `in steps of ${step}`);
  }
});
