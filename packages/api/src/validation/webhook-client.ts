/** How a webhook of any sort is reached: by URL or by service. */
import { invalid, required } from '../field-error.ts';
import { addMessages, type Errors } from './common.ts';
import { dns1123Subdomain, portNumber } from './names.ts';

interface ServiceLike {
  readonly name?: string | undefined;
  readonly namespace?: string | undefined;
  readonly path?: string | undefined;
  readonly port?: number | undefined;
}

interface ClientLike {
  readonly url?: string | undefined;
  readonly service?: ServiceLike | undefined;
}

const FORM = '; desired format: https://host[/path]';

/** Adds what is wrong with a webhook's `clientConfig` at the path. */
export function validateWebhookClient(
  errors: Errors,
  path: string,
  config: ClientLike | undefined,
): void {
  const { url, service } = config ?? {};
  if ((url === undefined) === (service === undefined)) {
    errors.push(required(path, 'exactly one of url or service is required'));
  } else if (url !== undefined) validateUrl(errors, `${path}.url`, url);
  else if (service !== undefined) validateService(errors, `${path}.service`, service);
}

function validateUrl(errors: Errors, path: string, text: string): void {
  const [, scheme = '', rest = text] = /^([A-Za-z][A-Za-z0-9+.-]*):(.*)$/.exec(text) ?? [];
  const [beforeFragment = '', fragment = ''] = rest.split(/#(.*)/s);
  const [beforeQuery = '', query = ''] = beforeFragment.split(/\?(.*)/s);
  const authority = /^\/\/([^/]*)/.exec(beforeQuery)?.[1] ?? '';
  const at = authority.lastIndexOf('@');
  const host = authority.slice(at + 1);
  if (scheme.toLowerCase() !== 'https') {
    errors.push(invalid(path, scheme, `'https' is the only allowed URL scheme${FORM}`));
  }
  if (host === '') errors.push(invalid(path, host, `host must be specified${FORM}`));
  if (at >= 0) {
    const why = 'user information is not permitted in the URL';
    errors.push(invalid(path, authority.slice(0, at), why));
  }
  if (fragment !== '') {
    errors.push(invalid(path, fragment, 'fragments are not permitted in the URL'));
  }
  if (query !== '') {
    errors.push(invalid(path, query, 'query parameters are not permitted in the URL'));
  }
}

function validateService(errors: Errors, path: string, service: ServiceLike): void {
  const { name = '', namespace = '', port = 443 } = service;
  if (name === '') errors.push(required(`${path}.name`));
  if (namespace === '') errors.push(required(`${path}.namespace`));
  const ports = portNumber(port);
  if (ports.length > 0) {
    errors.push(invalid(`${path}.port`, port, `port is not valid: ${ports.join(',')}`));
  }
  validatePath(errors, `${path}.path`, service.path ?? '');
}

function validatePath(errors: Errors, path: string, text: string): void {
  if (text === '' || text === '/') return;
  if (text === '//') {
    errors.push(invalid(path, text, 'segment[0] may not be empty'));
    return;
  }
  if (!text.startsWith('/')) errors.push(invalid(path, text, "must start with a '/'"));
  const inner = text.slice(1).replace(/\/$/, '');
  for (const [i, step] of inner.split('/').entries()) {
    if (step === '') {
      errors.push(invalid(path, text, `segment[${i}] may not be empty`));
      continue;
    }
    const messages = dns1123Subdomain(step).map((why) => `segment[${i}]: ${why}`);
    addMessages(errors, path, text, messages);
  }
}
