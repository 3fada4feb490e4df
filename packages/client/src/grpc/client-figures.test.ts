import assert from 'node:assert/strict';
import { it } from 'node:test';
import { Metrics } from '@kubets/platform';
import { ClientFigures, NO_ANSWER } from './client-figures.ts';

it('requests are counted by answer, apiserver and method', async () => {
  const registry = new Metrics();
  const figures = new ClientFigures(registry);
  figures.ended('GET', 'a:1', 200, 30);
  figures.ended('GET', 'a:1', 200, 30);
  figures.ended('POST', 'a:1', 409, 30);
  figures.ended('GET', 'b:1', NO_ANSWER, 30);
  const text = await registry.metrics();
  assert.match(text, /^rest_client_requests_total\{code="200",host="a:1",method="GET"\} 2$/m);
  assert.match(text, /^rest_client_requests_total\{code="409",host="a:1",method="POST"\} 1$/m);
  assert.match(text, /^rest_client_requests_total\{code="<error>",host="b:1",method="GET"\} 1$/m);
  const name = 'rest_client_request_duration_seconds';
  assert.match(text, new RegExp(`^${name}_bucket\\{host="a:1",verb="GET",le="0.1"\\} 2$`, 'm'));
});
