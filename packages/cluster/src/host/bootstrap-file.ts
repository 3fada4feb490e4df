/** The file a kubelet reads its first token from. JSON is YAML, too. */
import { writeAtomic } from '../files.ts';
import { type Token, tokenText } from '../join/token.ts';
import { hostPorts } from './settings.ts';

export function writeBootstrapFile(
  file: string,
  o: { readonly ca: string; readonly token: Token },
): void {
  const cluster = {
    // The host's own door, which knows all masters.
    server: `https://127.0.0.1:${hostPorts.apiDoor}`,
    'certificate-authority-data': Buffer.from(o.ca).toString('base64'),
  };
  const config = {
    apiVersion: 'v1',
    kind: 'Config',
    clusters: [{ name: 'bootstrap', cluster }],
    users: [{ name: 'bootstrap', user: { token: tokenText(o.token) } }],
    contexts: [{ name: 'bootstrap', context: { cluster: 'bootstrap', user: 'bootstrap' } }],
    'current-context': 'bootstrap',
  };
  writeAtomic(file, `${JSON.stringify(config, null, 2)}\n`);
}
